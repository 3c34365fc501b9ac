package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/schedule"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

// ReloadReport says how a reload went here and who else was asked.
type ReloadReport struct {
	OK       bool     `json:"ok" doc:"The Admin API's own secret provider was reloaded."`
	Problem  string   `json:"problem,omitempty" doc:"Why it was not. What served before serves on."`
	Provider Plugin   `json:"provider" doc:"As it is now."`
	Engines  []string `json:"engines" nullable:"false" doc:"The living engines, which were asked too. How it went there is in instances of the status."`
}

func (a *API) reload() {
	registerChange(a, authz.ProviderReload, "provider.reload", huma.Operation{
		OperationID: "reload-provider", Method: http.MethodPost, Path: "/api/provider/reload", Tags: []string{tagStatus},
		Summary: "Reload the secret provider here and on every engine",
		Description: "Reads the section Secrets and the lock file again and starts the plugin anew beside the running one, which finishes its calls. " +
			"A plugin that is quarantined is released. Where the new one does not become ready, what served before serves on.",
	}, a.reloadProvider)
}

func (a *API) reloadProvider(context.Context, *struct{}) (change[struct{ Body ReloadReport }], error) {
	return change[struct{ Body ReloadReport }]{target: "provider", do: a.reloadEverywhere}, nil
}

func (a *API) reloadEverywhere(ctx context.Context) (d done[struct{ Body ReloadReport }], err error) {
	operator := authz.From(ctx).Name
	// The engines first: what keeps the Admin API from reloading need not be true
	// on another host.
	if err := a.Store.RequestReload(ctx, operator, store.RoleEngine); err != nil {
		return d, err
	}
	list, err := a.Store.ListInstances(ctx)
	if err != nil {
		return d, err
	}
	report := ReloadReport{OK: true, Engines: []string{}}
	for _, i := range list {
		if i.Role == store.RoleEngine && a.Now().Sub(i.LastHeartbeat) < schedule.Offline {
			report.Engines = append(report.Engines, i.Name)
		}
	}
	// It goes on when the client gives up: half a reload is of no use to anybody.
	err = a.Reload(context.WithoutCancel(ctx), "Admin API, by "+operator)
	a.checks.forget()
	if err != nil {
		report.OK, report.Problem, d.outcome = false, err.Error(), fault.Of(err)
	}
	report.Provider = a.plugin()
	a.Logger.InfoContext(ctx, "secret provider reload asked for", "operator", operator, "ok", report.OK, "engines", report.Engines,
		"request_id", problem.RequestID(ctx))
	d.answer, d.after = &struct{ Body ReloadReport }{report}, map[string]any{"ok": report.OK, "engines": report.Engines}
	return d, nil
}
