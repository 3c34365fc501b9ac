package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/schedule"
	"github.com/identitymesh/identitymesh/engine/store"
)

// InstanceDetail is a process of the product with its plugin and its work.
type InstanceDetail struct {
	Instance
	Plugin *PluginState `json:"plugin,omitempty" doc:"How its secret provider's plugin is; absent until it said so. History and lines are left out."`
	Runs   []Run        `json:"runs" nullable:"false" doc:"What it runs now; empty for who lacks the permission runs.read."`
}

// InstancePath names an instance in a path.
type InstancePath struct {
	Role string `path:"role" enum:"engine,adminapi" doc:"What the instance is."`
	Name string `path:"name" maxLength:"400" doc:"Its name, in whatever case."`
}

func (p InstancePath) target() string { return "instances/" + p.Role + "/" + p.Name }

type instanceList struct {
	Body struct {
		Items []InstanceDetail `json:"items" nullable:"false"`
		Next  string           `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
		Total int              `json:"total" doc:"On all pages."`
	}
}

func (a *API) instances() {
	const all, one = "/api/instances", "/api/instances/{role}/{name}"
	register(a, authz.StatusRead, huma.Operation{
		OperationID: "list-instances", Method: http.MethodGet, Path: all, Tags: []string{tagStatus},
		Summary:     "List the processes of the product",
		Description: "Also those that ended without saying so, until they are forgotten.",
	}, a.listInstances)
	registerChange(a, authz.SettingsWrite, "instances.forget", huma.Operation{
		OperationID: "forget-instance", Method: http.MethodDelete, Path: one, Tags: []string{tagStatus}, DefaultStatus: http.StatusNoContent,
		Summary: "Forget an instance that is offline", Description: "One that lives is not forgotten: 409. One that comes back is listed again.",
	}, a.forgetInstance)
	registerChange(a, authz.ProviderReload, "instances.reload", huma.Operation{
		OperationID: "reload-instance", Method: http.MethodPost, Path: one + "/reload", Tags: []string{tagStatus}, DefaultStatus: http.StatusAccepted,
		Summary: "Ask one instance to reload its secret provider",
		Description: "It reads the section Secrets and the lock file again and starts the plugin anew, which also releases one that is quarantined. " +
			"It does so within moments; how it went is in reload of the instance.",
	}, a.reloadInstance)
}

func (a *API) listInstances(ctx context.Context, in *struct {
	Paging
	Role  string `query:"role" enum:"engine,adminapi" doc:"Only instances of this kind."`
	Alive string `query:"alive" enum:"true,false" doc:"Only those that live, or only those that do not."`
	Q     string `query:"q" maxLength:"400" doc:"Only those whose name or machine has this, in whatever case."`
	Sort  string `query:"sort" enum:"name,-name,role,-role,lastHeartbeat,-lastHeartbeat,version,-version,machine,-machine" default:"role" doc:"What to sort by, with - for the other way round; then by role and name."`
}) (*instanceList, error) {
	q := query{"instances", in.Sort, []string{in.Role, in.Alive, in.Q}}
	page, err := in.page(q)
	if err != nil {
		return nil, err
	}
	list, err := a.Store.ListInstances(ctx)
	if err != nil {
		return nil, err
	}
	plugins, err := a.Store.ListPluginStates(ctx)
	if err != nil {
		return nil, err
	}
	var running []store.Run
	if authz.From(ctx).May(authz.RunsRead) {
		if running, err = a.Store.ListRuns(ctx, store.RunFilter{Status: store.Running}, mostRunning); err != nil {
			return nil, err
		}
	}
	now := a.Now()
	out := &instanceList{}
	out.Body.Items = []InstanceDetail{}
	for _, i := range list {
		x := InstanceDetail{Instance: instance(i, now), Runs: []Run{}}
		if in.Role != "" && in.Role != x.Role || in.Alive != "" && (in.Alive == "true") != x.Alive ||
			!strings.Contains(strings.ToLower(i.Name+"\n"+i.Machine), strings.ToLower(in.Q)) {
			continue
		}
		for _, p := range plugins {
			if p.Role == i.Role && p.Name == i.Name && p.Incarnation == i.Incarnation {
				s := a.pluginState(p, x.Alive)
				s.History, s.Lines = nil, nil
				x.Plugin = &s
			}
		}
		for _, r := range running {
			if i.Role == store.RoleEngine && r.Incarnation == i.Incarnation {
				x.Runs = append(x.Runs, a.run(r))
			}
		}
		out.Body.Items = append(out.Body.Items, x)
	}
	out.Body.Total = len(out.Body.Items)
	rows, end := sliced(out.Body.Items, page, instanceKey(in.Sort))
	out.Body.Items, out.Body.Next = rows, q.next(end)
	return out, nil
}

// mostRunning runs are looked at to say what runs where.
const mostRunning = 1000

// instanceKey returns what instances are sorted by: something of theirs, then role
// and name, which tell them apart.
func instanceKey(sort string) func(InstanceDetail) string {
	return func(i InstanceDetail) string {
		first := ""
		switch strings.TrimPrefix(sort, "-") {
		case "lastHeartbeat":
			first = i.LastHeartbeat.UTC().Format("2006-01-02T15:04:05.000000000")
		case "version":
			first = i.Version
		case "machine":
			first = strings.ToLower(i.Machine)
		case "name":
			first = strings.ToLower(i.Name)
		}
		return first + "\x00" + i.Role + "\x00" + strings.ToLower(i.Name)
	}
}

func (a *API) forgetInstance(_ context.Context, in *InstancePath) (change[struct{}], error) {
	return change[struct{}]{target: in.target(), do: func(ctx context.Context) (d done[struct{}], err error) {
		switch err := a.Store.ForgetInstance(ctx, store.Role(in.Role), in.Name, a.offlineSince()); {
		case errors.Is(err, store.ErrConflict):
			return d, problem.New(http.StatusConflict, "instance-alive",
				fmt.Sprintf("The instance showed that it lives within the last %s; stop it first.", schedule.Offline))
		case err != nil:
			return d, instanceProblem(err)
		}
		return d, nil
	}}, nil
}

// offlineSince is when an instance that is offline was last heard of at the latest.
func (a *API) offlineSince() time.Time { return a.Now().Add(-schedule.Offline) }

func (a *API) reloadInstance(_ context.Context, in *InstancePath) (change[struct{}], error) {
	return change[struct{}]{target: in.target(), do: func(ctx context.Context) (d done[struct{}], err error) {
		return d, instanceProblem(a.Store.RequestReloadOf(ctx, authz.From(ctx).Name, store.Role(in.Role), in.Name))
	}}, nil
}

func instanceProblem(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return problem.New(http.StatusNotFound, "instance-not-found", "There is no instance of that role and name; list them at /api/instances.")
	}
	return err
}
