package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// RunInput asks for a run.
type RunInput struct {
	ConnectorID string `json:"connectorId"`
	Kind        string `json:"kind" enum:"full,delta" doc:"A delta becomes a full import where there is nothing to continue from."`
}

// RunPath names a run in a path.
type RunPath struct {
	ID string `path:"id" maxLength:"36" doc:"The run's id."`
}

type runOutput struct {
	Location string `header:"Location"`
	Body     Run
}

type runPage struct {
	Body struct {
		Items []Run  `json:"items" nullable:"false"`
		Next  string `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
	}
}

type logPage struct {
	Body struct {
		Items []Log  `json:"items" nullable:"false"`
		Next  string `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
	}
}

func (a *API) runs() {
	const all, one = "/api/runs", "/api/runs/{id}"
	registerCreate(a, authz.RunsStart, "runs.start", huma.Operation{
		OperationID: "start-run", Method: http.MethodPost, Path: all, DefaultStatus: http.StatusAccepted, Tags: []string{tagRuns},
		Summary: "Queue a run", Description: "An engine takes it within moments. Where the same is queued already, that one is returned.",
	}, wholeAnswer, a.startRun)
	takes[RunInput](a, http.MethodPost, all)
	register(a, authz.RunsRead, huma.Operation{
		OperationID: "list-runs", Method: http.MethodGet, Path: all, Tags: []string{tagRuns},
		Summary: "List runs",
	}, a.listRuns)
	register(a, authz.RunsRead, huma.Operation{
		OperationID: "get-run", Method: http.MethodGet, Path: one, Tags: []string{tagRuns}, Summary: "Read a run",
	}, a.getRun)
	register(a, authz.RunsRead, huma.Operation{
		OperationID: "list-run-logs", Method: http.MethodGet, Path: one + "/logs", Tags: []string{tagRuns},
		Summary: "List what a run logged, such as entries that were not understood",
	}, a.listLogs)
	registerChange(a, authz.RunsCancel, "runs.cancel", huma.Operation{
		OperationID: "cancel-run", Method: http.MethodPost, Path: one + "/cancel", Tags: []string{tagRuns},
		Summary: "Cancel a run",
		Description: "A run that no engine has taken yet is cancelled at once: status 200. One that is under way is ended by its engine within " +
			"a few seconds and keeps the watermark of its last checkpoint: status 202, with cancelRequestedBy. If that engine has died, the run " +
			"becomes Interrupted as soon as that is noticed.",
		Responses: map[string]*huma.Response{"202": {
			Description: "The engine was asked to end the run.", Content: map[string]*huma.MediaType{"application/json": {Schema: schemaOf[Run](a)}},
		}},
	}, a.cancelRun)
}

func (a *API) startRun(ctx context.Context, in *Payload) (c change[runOutput], err error) {
	// The schema knows the kinds.
	input, err := decode(a, *in, func(RunInput) diag.List { return nil })
	if err != nil {
		return c, err
	}
	// Whatever is no id of a connector has no place in the audit log.
	if _, err := a.Store.Connector(ctx, input.ConnectorID); err != nil {
		return c, connectorProblem(err)
	}
	c.target, c.wanted = connectorTarget(input.ConnectorID), map[string]string{"kind": input.Kind}
	c.do = func(ctx context.Context) (done[runOutput], error) {
		run, _, err := a.Store.Enqueue(ctx, store.NewRun{
			ConnectorID: input.ConnectorID, Kind: store.Kind(input.Kind), Trigger: store.Manual, RequestedBy: authz.From(ctx).Name,
			TraceParent: telemetry.TraceParent(ctx), ID: newID(ctx),
		})
		if err != nil {
			return done[runOutput]{}, connectorProblem(err)
		}
		return done[runOutput]{answer: &runOutput{Location: "/api/runs/" + run.ID, Body: a.run(run)}, after: auditedRun(run)}, nil
	}
	return c, nil
}

// auditedRun is what the audit log keeps of a run; the history has the rest.
func auditedRun(r store.Run) any {
	return map[string]string{"runId": r.ID, "kind": string(r.Kind), "status": string(r.Status), "connectorId": r.ConnectorID}
}

func (a *API) listRuns(ctx context.Context, in *struct {
	Paging
	Sort        string    `query:"sort" enum:"-queued,queued,duration,-duration" default:"-queued" doc:"The newest or the oldest first, or by duration, which only those have that ended."`
	ConnectorID string    `query:"connectorId" maxLength:"36" doc:"Only this connector's runs."`
	Status      string    `query:"status" enum:"Queued,Running,Succeeded,Failed,Interrupted,Cancelled" doc:"Only runs in this state."`
	Kind        string    `query:"kind" enum:"full,delta,test" doc:"Only runs of this kind."`
	Trigger     string    `query:"trigger" enum:"manual,schedule" doc:"Only runs that an operator, or a schedule, asked for."`
	Reason      string    `query:"reason" maxLength:"100" doc:"Only runs that did not succeed for this reason." example:"ACCESS_DENIED"`
	Instance    string    `query:"instance" maxLength:"200" doc:"Only runs of this engine instance."`
	From        time.Time `query:"from" doc:"Only runs queued then or later."`
	To          time.Time `query:"to" doc:"Only runs queued before."`
}) (*runPage, error) {
	filter := store.RunFilter{
		ConnectorID: in.ConnectorID, Status: store.Status(in.Status), Kind: store.Kind(in.Kind), Trigger: store.Trigger(in.Trigger),
		Reason: in.Reason, Instance: in.Instance, From: in.From, To: in.To,
	}
	q := query{"runs", in.Sort, filter}
	page, err := in.page(q)
	if err != nil {
		return nil, err
	}
	list, next, err := a.Store.PageRuns(ctx, filter, page)
	if err != nil {
		return nil, listProblem(err)
	}
	out := &runPage{}
	out.Body.Items, out.Body.Next = all(list, a.run), q.next(next)
	return out, nil
}

func (a *API) getRun(ctx context.Context, in *RunPath) (*struct{ Body Run }, error) {
	run, err := a.Store.Run(ctx, in.ID)
	if err != nil {
		return nil, runProblem(err)
	}
	return &struct{ Body Run }{a.run(run)}, nil
}

func (a *API) listLogs(ctx context.Context, in *struct {
	RunPath
	Paging
	Sort  string `query:"sort" enum:"logged,-logged" default:"logged" doc:"The oldest or the newest first."`
	Level string `query:"level" enum:"Info,Warning,Error" doc:"Only lines of this level. Each entry that was not understood is an Error."`
}) (*logPage, error) {
	q := query{"logs " + in.ID, in.Sort, in.Level}
	page, err := in.page(q)
	if err != nil {
		return nil, err
	}
	if _, err := a.Store.Run(ctx, in.ID); err != nil {
		return nil, runProblem(err)
	}
	list, next, err := a.Store.PageLogs(ctx, in.ID, store.Level(in.Level), page)
	if err != nil {
		return nil, listProblem(err)
	}
	out := &logPage{}
	out.Body.Next = q.next(next)
	out.Body.Items = all(list, func(l store.Log) Log {
		return logOf(l)
	})
	return out, nil
}

type cancelOutput struct {
	Status int
	Body   Run
}

func (a *API) cancelRun(ctx context.Context, in *RunPath) (c change[cancelOutput], err error) {
	run, err := a.Store.Run(ctx, in.ID)
	if err != nil {
		return c, runProblem(err)
	}
	c.target, c.before = "runs/"+in.ID, auditedRun(run)
	c.do = func(ctx context.Context) (d done[cancelOutput], err error) {
		asked, err := a.Store.Cancel(ctx, in.ID, authz.From(ctx).Name)
		if err != nil {
			return d, runProblem(err)
		}
		if run, err = a.Store.Run(ctx, in.ID); err != nil {
			return d, err
		}
		d.answer = &cancelOutput{Status: http.StatusOK, Body: a.run(run)}
		if asked {
			d.answer.Status = http.StatusAccepted
		}
		d.after = auditedRun(run)
		return d, nil
	}
	return c, nil
}

func runProblem(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return problem.New(http.StatusNotFound, "run-not-found", "There is no run of that id; list them at /api/runs.")
	case errors.Is(err, store.ErrConflict):
		return problem.New(http.StatusConflict, "run-ended", "The run has ended already; there is nothing left to cancel.")
	}
	return err
}
