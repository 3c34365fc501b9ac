package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/identity"
	"github.com/identitymesh/identitymesh/engine/store"
)

// ImportedObject is an object that a connector read.
type ImportedObject struct {
	ID          int64               `json:"id"`
	ConnectorID string              `json:"connectorId"`
	Connector   string              `json:"connectorName"`
	Name        string              `json:"name" doc:"What people call it: the first of the attributes that usually say so, else the anchor."`
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
		Next  string           `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one. A search that takes long returns what it found so far, perhaps nothing, and goes on with it."`
	}
}

// ObjectsQuery is what of the objects a list has.
type ObjectsQuery struct {
	Paging
	Sort    string `query:"sort" enum:"firstSeen,-firstSeen" default:"firstSeen" doc:"The one that is known longest first, or the newest."`
	Q       string `query:"q" maxLength:"200" doc:"A part of the anchor or of an attribute's value, in any case."`
	Type    string `query:"type" maxLength:"256" doc:"Only objects of this type." example:"user"`
	Present string `query:"present" enum:"true,false" doc:"Only objects that the source still has, or no longer has."`
}

// ObjectPath names an object in a path.
type ObjectPath struct {
	ID int64 `path:"id" minimum:"1" doc:"The object's id."`
}

func (a *API) objects() {
	register(a, authz.ObjectsRead, huma.Operation{
		OperationID: "list-objects", Method: http.MethodGet, Path: "/api/objects", Tags: []string{tagObjects},
		Summary:     "Find what was imported",
		Description: "Objects are read in their order for a second at most. A page may therefore have fewer items than the limit, even none, and still not be the last.",
	}, func(ctx context.Context, in *struct {
		ObjectsQuery
		ConnectorID string `query:"connectorId" maxLength:"36" doc:"Only this connector's objects."`
	}) (*objectPage, error) {
		return a.listObjects(ctx, in.ObjectsQuery, in.ConnectorID)
	})
	register(a, authz.ObjectsRead, huma.Operation{
		OperationID: "list-connector-objects", Method: http.MethodGet, Path: "/api/connectors/{id}/objects", Tags: []string{tagObjects},
		Summary: "List what was imported from a connector",
	}, func(ctx context.Context, in *struct {
		ConnectorPath
		ObjectsQuery
	}) (*objectPage, error) {
		if _, err := a.Store.Connector(ctx, in.ID); err != nil {
			return nil, connectorProblem(err)
		}
		return a.listObjects(ctx, in.ObjectsQuery, in.ID)
	})
	register(a, authz.ObjectsRead, huma.Operation{
		OperationID: "get-object", Method: http.MethodGet, Path: "/api/objects/{id}", Tags: []string{tagObjects}, Summary: "Read an object",
	}, a.getObject)
	a.objectHistory()
}

func (a *API) listObjects(ctx context.Context, in ObjectsQuery, connectorID string) (*objectPage, error) {
	filter := store.ObjectFilter{ConnectorID: connectorID, Type: in.Type, Present: truth(in.Present), Q: in.Q}
	q := query{"objects", in.Sort, filter}
	page, err := in.page(q)
	if err != nil {
		return nil, err
	}
	list, next, err := a.Store.PageObjects(ctx, filter, page)
	if err != nil {
		return nil, listProblem(err)
	}
	out := &objectPage{}
	out.Body.Items, out.Body.Next = all(list, importedObject), q.next(next)
	return out, nil
}

// object returns the object of that id, or the problem that there is none.
func (a *API) object(ctx context.Context, id int64) (store.ListedObject, error) {
	o, err := a.Store.Object(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		err = problem.New(http.StatusNotFound, "object-not-found", "There is no object of that id; find it at /api/objects.")
	}
	return o, err
}

func (a *API) getObject(ctx context.Context, in *ObjectPath) (*struct{ Body ImportedObject }, error) {
	o, err := a.object(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body ImportedObject }{importedObject(o)}, nil
}

func importedObject(o store.ListedObject) ImportedObject {
	attributes := make(map[string][]string, len(o.Attributes))
	for _, x := range o.Attributes {
		attributes[x.Name] = x.Values
	}
	return ImportedObject{
		ID: o.ID, ConnectorID: o.ConnectorID, Connector: o.ConnectorName, Name: nameOf(o.Object.Object), Anchor: o.Anchor, Type: o.Type,
		Attributes: attributes, Present: o.Present, FirstSeen: o.FirstSeen.UTC(), LastChanged: o.LastChanged.UTC(),
		AbsentSince: utc(o.AbsentSince), LastRunID: o.LastRunID,
	}
}

// nameOf returns what people call an object, as directories and tables say it.
func nameOf(o identity.Object) string {
	for _, attribute := range []string{"displayName", "display_name", "cn", "name", "full_name", "userPrincipalName", "mail", "email"} {
		if values := o.Get(attribute); len(values) > 0 && values[0] != "" {
			return values[0]
		}
	}
	return o.Anchor
}
