package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/store"
)

// ConnectorPath names a connector in a path.
type ConnectorPath struct {
	ID string `path:"id" maxLength:"36" doc:"The connector's id."`
}

type connectorOutput struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     Connector
}

type connectorPage struct {
	Body struct {
		Items []ListedConnector `json:"items" nullable:"false"`
		Next  string            `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
		Total *int64            `json:"total,omitempty" doc:"How many there are on all pages, when that was asked for."`
	}
}

type connectorTypes struct {
	Body struct {
		Items []ConnectorType `json:"items" nullable:"false"`
		Total int             `json:"total"`
	}
}

func (a *API) connectors() {
	const all, one = "/api/connectors", "/api/connectors/{id}"
	register(a, authz.ConnectorsRead, huma.Operation{
		OperationID: "list-connector-types", Method: http.MethodGet, Path: "/api/connector-types", Tags: []string{tagConnectors},
		Summary: "List the types of connectors and what their configurations take",
	}, a.listConnectorTypes)
	register(a, authz.ConnectorsRead, huma.Operation{
		OperationID: "list-connectors", Method: http.MethodGet, Path: all, Tags: []string{tagConnectors},
		Summary: "List connectors with their state",
	}, a.listConnectors)
	registerCreate(a, authz.ConnectorsWrite, "connectors.create", huma.Operation{
		OperationID: "create-connector", Method: http.MethodPost, Path: all, DefaultStatus: http.StatusCreated, Tags: []string{tagConnectors},
		Summary: "Create a connector", Description: "The configuration is checked without connecting; every problem is reported at once. Credentials are refs.",
	}, wholeAnswer, a.createConnector)
	takes[ConnectorInput](a, http.MethodPost, all)
	register(a, authz.ConnectorsRead, huma.Operation{
		OperationID: "get-connector", Method: http.MethodGet, Path: one, Tags: []string{tagConnectors},
		Summary: "Read a connector and its state",
	}, a.getConnector)
	registerChange(a, authz.ConnectorsWrite, "connectors.update", huma.Operation{
		OperationID: "update-connector", Method: http.MethodPut, Path: one, Tags: []string{tagConnectors},
		Summary: "Replace a connector's settings", Description: "Everything is replaced; the type cannot change, because the watermark belongs to it.",
	}, a.updateConnector)
	takes[ConnectorInput](a, http.MethodPut, one)
	registerChange(a, authz.ConnectorsWrite, "connectors.delete", huma.Operation{
		OperationID: "delete-connector", Method: http.MethodDelete, Path: one, Tags: []string{tagConnectors},
		Summary: "Delete a connector", Description: "Its objects, schedules, queued runs and watermark go too; the history of its runs and its secrets stay.",
	}, a.deleteConnector)
	a.connectorTest()
	a.objects()
}

func (a *API) listConnectorTypes(context.Context, *struct{}) (*connectorTypes, error) {
	out := &connectorTypes{}
	for name, kind := range a.Kinds {
		out.Body.Items = append(out.Body.Items, ConnectorType{Name: name, Schema: Object{kind.Schema().JSONSchema()}})
	}
	slices.SortFunc(out.Body.Items, func(x, y ConnectorType) int { return strings.Compare(x.Name, y.Name) })
	out.Body.Total = len(out.Body.Items)
	return out, nil
}

// ConnectorsQuery is what of the connectors a list has.
type ConnectorsQuery struct {
	Paging
	Sort     string `query:"sort" enum:"name,-name,type,-type,status,-status,lastRun,-lastRun,nextRun,-nextRun" default:"name" doc:"A field to sort by, with - before it for the other way round."`
	Q        string `query:"q" maxLength:"200" doc:"A part of the name, in any case."`
	Type     string `query:"type" maxLength:"100" doc:"Only this type."`
	Status   string `query:"status" enum:"Never,Queued,Running,Succeeded,Failed,Interrupted,Cancelled" doc:"Only those whose state has this status."`
	Enabled  string `query:"enabled" enum:"true,false" doc:"Only those that may run, or may not."`
	Instance string `query:"instance" maxLength:"200" doc:"Only those of this engine instance."`
	Total    bool   `query:"total" doc:"Count what is on all pages too, which takes a look at each."`
}

func (a *API) listConnectors(ctx context.Context, in *ConnectorsQuery) (*connectorPage, error) {
	filter := store.ConnectorFilter{Q: in.Q, Type: in.Type, Status: store.Status(in.Status), Enabled: truth(in.Enabled), Instance: in.Instance}
	q := query{"connectors", in.Sort, filter}
	page, err := in.page(q)
	if err != nil {
		return nil, err
	}
	list, next, err := a.Store.PageConnectors(ctx, filter, page)
	if err != nil {
		return nil, listProblem(err)
	}
	out := &connectorPage{}
	out.Body.Items, out.Body.Next = all(list, a.listedConnector), q.next(next)
	if in.Total {
		total, err := a.Store.CountConnectors(ctx, filter)
		if err != nil {
			return nil, err
		}
		out.Body.Total = &total
	}
	return out, nil
}

func (a *API) createConnector(_ context.Context, in *Payload) (c change[connectorOutput], err error) {
	input, err := decode(a, *in, a.checkConnector)
	if err != nil {
		return c, err
	}
	c.target, c.wanted = "connectors", input
	c.do = func(ctx context.Context) (done[connectorOutput], error) {
		return a.changedConnector(a.Store.CreateConnector(ctx, a.applied(input, store.Connector{ID: newID(ctx)})))
	}
	return c, nil
}

func connectorTarget(id string) string { return "connectors/" + id }

func (a *API) changedConnector(c store.Connector, err error) (done[connectorOutput], error) {
	if err != nil {
		return done[connectorOutput]{}, connectorProblem(err)
	}
	body := a.connector(c)
	return done[connectorOutput]{
		answer: &connectorOutput{ETag: etag(c.Version), Location: "/api/connectors/" + c.ID, Body: body},
		target: connectorTarget(c.ID), after: body,
	}, nil
}

func (a *API) getConnector(ctx context.Context, in *ConnectorPath) (*struct {
	ETag string `header:"ETag"`
	Body ConnectorDetail
}, error) {
	c, err := a.Store.ListedConnector(ctx, in.ID)
	if err != nil {
		return nil, connectorProblem(err)
	}
	progress, err := a.progress(ctx, c)
	if err != nil {
		return nil, connectorProblem(err)
	}
	return &struct {
		ETag string `header:"ETag"`
		Body ConnectorDetail
	}{etag(c.Version), ConnectorDetail{Connector: a.connector(c.Connector), State: progress}}, nil
}

func (a *API) updateConnector(ctx context.Context, in *struct {
	ConnectorPath
	IfMatch string `header:"If-Match" doc:"The ETag that reading the connector returned; required."`
	Payload
}) (c change[connectorOutput], err error) {
	stored, err := a.Store.Connector(ctx, in.ID)
	if err != nil {
		return c, connectorProblem(err)
	}
	input, err := decode(a, in.Payload, a.checkConnectorOf(stored.Type))
	if err != nil {
		return c, err
	}
	if stored.Version, err = matched(in.IfMatch, stored.Version); err != nil {
		return c, err
	}
	c.target, c.before, c.wanted = connectorTarget(in.ID), a.connector(stored), input
	c.do = func(ctx context.Context) (done[connectorOutput], error) {
		return a.changedConnector(a.Store.UpdateConnector(ctx, a.applied(input, stored)))
	}
	return c, nil
}

func (a *API) deleteConnector(ctx context.Context, in *struct {
	ConnectorPath
	IfMatch string `header:"If-Match" doc:"The ETag that reading the connector returned. Without it, or with *, it is deleted whatever it is by then."`
}) (c change[struct{}], err error) {
	stored, err := a.Store.Connector(ctx, in.ID)
	if err != nil {
		return c, connectorProblem(err)
	}
	version, err := matchedIfGiven(in.IfMatch, stored.Version)
	if err != nil {
		return c, err
	}
	c.target, c.before = connectorTarget(in.ID), a.connector(stored)
	c.do = func(ctx context.Context) (done[struct{}], error) {
		return done[struct{}]{}, connectorProblem(a.Store.DeleteConnector(ctx, in.ID, version))
	}
	return c, nil
}

func connectorProblem(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return problem.New(http.StatusNotFound, "connector-not-found", "There is no connector of that id; list them at /api/connectors.")
	case errors.Is(err, store.ErrNameTaken):
		return problem.New(http.StatusConflict, "connector-name-taken", "Another connector has that name, in whatever case; choose another one.")
	case errors.Is(err, store.ErrConflict):
		return changed()
	case errors.Is(err, store.ErrBusy):
		return problem.New(http.StatusConflict, "connector-running", "The connector is running; switch it off, wait for the run's end and try again.")
	case errors.Is(err, store.ErrDisabled):
		return problem.New(http.StatusConflict, "connector-disabled", "The connector is switched off; set enabled to true first.")
	}
	return err
}
