package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/engine/store"
)

// ImportedObject is an object that a connector read.
type ImportedObject struct {
	ID          int64               `json:"id"`
	Anchor      string              `json:"anchor" doc:"Identifies it within its connector for as long as it lives."`
	Type        string              `json:"type" example:"user"`
	Attributes  map[string][]string `json:"attributes"`
	Present     bool                `json:"present" doc:"Whether the source still has it."`
	FirstSeen   time.Time           `json:"firstSeen"`
	LastChanged time.Time           `json:"lastChanged"`
	AbsentSince time.Time           `json:"absentSince,omitzero"`
	LastRunID   string              `json:"lastRunId" doc:"The run that last changed it."`
}

type objectPage struct {
	Body struct {
		Items []ImportedObject `json:"items" nullable:"false"`
		Next  string           `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
	}
}

func (a *API) objects() {
	register(a, authz.ObjectsRead, huma.Operation{
		OperationID: "list-objects", Method: http.MethodGet, Path: "/api/connectors/{id}/objects", Tags: []string{tagConnectors},
		Summary: "List what was imported from a connector",
	}, a.listObjects)
}

func (a *API) listObjects(ctx context.Context, in *struct {
	ConnectorPath
	Paging
	PresentOnly bool `query:"presentOnly" doc:"Leave out objects that the source no longer has."`
}) (*objectPage, error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	if _, err := a.Store.Connector(ctx, in.ID); err != nil {
		return nil, connectorProblem(err)
	}
	list, err := a.Store.ListObjects(ctx, in.ID, after, in.Limit, in.PresentOnly)
	if err != nil {
		return nil, err
	}
	out := &objectPage{}
	out.Body.Items = make([]ImportedObject, 0, len(list))
	for _, o := range list {
		out.Body.Items = append(out.Body.Items, importedObject(o))
	}
	if len(list) > 0 {
		out.Body.Next = in.next(len(list), list[len(list)-1].ID)
	}
	return out, nil
}

func importedObject(o store.Object) ImportedObject {
	attributes := make(map[string][]string, len(o.Attributes))
	for _, x := range o.Attributes {
		attributes[x.Name] = x.Values
	}
	return ImportedObject{
		ID: o.ID, Anchor: o.Anchor, Type: o.Type, Attributes: attributes, Present: o.Present,
		FirstSeen: o.FirstSeen.UTC(), LastChanged: o.LastChanged.UTC(), AbsentSince: utc(o.AbsentSince), LastRunID: o.LastRunID,
	}
}
