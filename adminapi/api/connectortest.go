package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/schedule"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

func (a *API) connectorTest() {
	registerCreate(a, authz.ConnectorsTest, "connectors.test", huma.Operation{
		OperationID: "test-connector", Method: http.MethodPost, Path: "/api/connectors/{id}/test", Tags: []string{tagConnectors},
		Summary: "Test a connector",
		Description: "An engine connects, signs in with the secret of the configured ref and reads a little; nothing is imported, and a connector " +
			"that is switched off can be tested too. The answer is the run once it has ended: its status, and the report or the connected system's own words. " +
			"When that takes longer, for example because the connector is running, the answer is 202 and Location names the run to ask.",
		Responses: map[string]*huma.Response{"202": {
			Description: "The run has not ended yet.", Content: map[string]*huma.MediaType{"application/json": {Schema: schemaOf[Run](a)}},
			Headers: map[string]*huma.Param{"Location": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}},
	}, wholeAnswer, a.testConnector)
}

type testOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     Run
}

func (a *API) testConnector(ctx context.Context, in *ConnectorPath) (t change[testOutput], err error) {
	c, err := a.Store.Connector(ctx, in.ID)
	if err != nil {
		return t, connectorProblem(err)
	}
	if err := a.engineFor(ctx, c); err != nil {
		return t, err
	}
	t.target = connectorTarget(c.ID)
	t.do = func(ctx context.Context) (done[testOutput], error) { return a.test(ctx, c) }
	return t, nil
}

func (a *API) test(ctx context.Context, c store.Connector) (d done[testOutput], err error) {
	run, _, err := a.Store.Enqueue(ctx, store.NewRun{ConnectorID: c.ID, Kind: store.Test, Trigger: store.Manual, RequestedBy: authz.From(ctx).Name,
		TraceParent: telemetry.TraceParent(ctx), ID: newID(ctx)})
	if err != nil {
		return d, connectorProblem(err)
	}
	d.after = auditedRun(run)
	run, err = a.outcome(ctx, run)
	if err != nil {
		return d, runProblem(err)
	}
	status := http.StatusOK
	if run.Finished.IsZero() {
		status = http.StatusAccepted
	}
	d.answer, d.after = &testOutput{Status: status, Location: "/api/runs/" + run.ID, Body: a.run(run)}, auditedRun(run)
	return d, nil
}

// outcome returns the run when it has ended, or as it stands after the wait.
func (a *API) outcome(ctx context.Context, run store.Run) (store.Run, error) {
	wait, cancel := context.WithTimeout(ctx, a.TestWait)
	defer cancel()
	tick := time.NewTicker(a.TestPoll)
	defer tick.Stop()
	for run.Finished.IsZero() {
		select {
		case <-wait.Done():
			return run, ctx.Err()
		case <-tick.C:
		}
		var err error
		if run, err = a.Store.Run(ctx, run.ID); err != nil {
			return run, err
		}
	}
	return run, nil
}

// engineFor refuses when no living engine may work on the connector, instead of
// letting the operator wait for nobody.
func (a *API) engineFor(ctx context.Context, c store.Connector) error {
	instances, err := a.Store.ListInstances(ctx)
	if err != nil {
		return err
	}
	for _, i := range instances {
		mine := c.InstanceName == "" || strings.EqualFold(c.InstanceName, i.Name)
		if i.Role == store.RoleEngine && mine && a.Now().Sub(i.LastHeartbeat) < schedule.Offline {
			return nil
		}
	}
	which := "No engine is"
	if c.InstanceName != "" {
		which = fmt.Sprintf("The engine instance %s, which alone may run this connector, is not", c.InstanceName)
	}
	return problem.New(http.StatusServiceUnavailable, "no-engine", which+" running; only an engine can sign in with a secret. Start identitymesh-engine and test again.")
}
