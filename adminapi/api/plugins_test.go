package api_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/api"
	"github.com/identitymesh/identitymesh/engine/schedule"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/configschema"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// self is the Admin API as an instance.
var self = store.Instance{Role: store.RoleAdminAPI, Name: "Admin", Machine: "here", Incarnation: "me", Version: "1.2.3"}

// shelf has the plugins of a world; what it is asked is in shelved.
type shelf struct{ w *world }

type shelved struct {
	choices  []catalog.Choice
	inspects int
	validate func(config []byte) (diag.List, error)
	handed   secret.Value
}

func (s shelf) Plugins() []catalog.Choice { return s.w.shelf.choices }
func (s shelf) Inspect(context.Context, catalog.Choice) (facade.Info, error) {
	s.w.shelf.inspects++
	return facade.Info{Name: "acme", Version: "2.0.0", Major: 1, Minor: 2, Capabilities: facade.Capabilities{facade.List},
		Schema: configschema.Schema{Fields: []configschema.Field{{Key: "Token", Type: configschema.Sensitive, About: "The token"}}}}, nil
}
func (s shelf) Validate(_ context.Context, _ catalog.Choice, config secret.Value) (diag.List, error) {
	s.w.shelf.handed = config
	return s.w.shelf.validate(config.Reveal())
}

func (w *world) shelve() {
	w.shelf.choices = []catalog.Choice{
		{Provider: "DPAPI", Shipped: true, Plugin: catalog.Plugin{Path: "/opt/dpapi", SHA256: "ab", Pin: "the lock file"}},
		{Provider: "acme", Plugin: catalog.Plugin{Path: "/opt/acme", SHA256: "cd", Pin: "Secrets:Plugins:acme:Sha256"}},
		{Provider: "loose", Plugin: catalog.Plugin{Path: "/opt/loose"}, Problem: errors.New("nobody vouches for it")},
	}
	w.shelf.validate = func([]byte) (diag.List, error) { return nil, nil }
}

// registered puts an instance with its plugin on the list.
func (w *world) registered(i store.Instance, provider, state string, document store.PluginDocument) {
	w.t.Helper()
	i.Started = now.Add(-time.Hour)
	if err := w.store.Register(w.t.Context(), i); err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.RecordPlugin(w.t.Context(), store.PluginState{
		Role: i.Role, Name: i.Name, Incarnation: i.Incarnation, Provider: provider, State: state, Document: document,
	}); err != nil {
		w.t.Fatal(err)
	}
}

// silent makes an instance one that was last heard of long ago.
func (w *world) silent(i store.Instance) {
	w.t.Helper()
	if _, err := w.store.DB().Write.ExecContext(w.t.Context(), "UPDATE IM_EngineInstances SET last_heartbeat = ? WHERE name = ?",
		w.store.DB().Dialect.Time(now.Add(-schedule.Offline-time.Second)), i.Name); err != nil {
		w.t.Fatal(err)
	}
}

var engine = store.Instance{Role: store.RoleEngine, Name: "One", Machine: "there", Incarnation: "1", Version: "1.2.2",
	Commit: "ffff", CommitDate: "2026-01-01T00:00:00Z", Platform: "windows/amd64", Provider: "acme", ProviderTarget: "the vault"}

// gone is an engine that [world.silent] makes silent.
var gone = store.Instance{Role: store.RoleEngine, Name: "Gone", Machine: "there", Incarnation: "0", Version: "1.2.2"}

func TestProvidersAreListedWithTheirPluginsEverywhere(t *testing.T) {
	w := newWorld(t)
	w.shelve()
	w.registered(self, "DPAPI", "Ready", store.PluginDocument{})
	w.registered(engine, "acme", "Quarantined", store.PluginDocument{
		Problem: "wrong hash", History: []store.PluginTransition{{At: now, State: "Quarantined"}}, Lines: []string{"WARN no"}, Restarts: 5,
	})
	foreign := engine
	foreign.Name, foreign.Incarnation = "Two", "2"
	w.registered(foreign, "elsewhere", "Ready", store.PluginDocument{})
	var list struct {
		Items []api.KnownPlugin
		Total int
	}
	w.send("GET", "/api/plugins", "").is(t, http.StatusOK, &list)
	if list.Total != 4 || len(list.Items) != 4 {
		t.Fatalf("%+v", list)
	}
	if p := list.Items[0]; p.Name != "DPAPI" || !p.InForce || !p.Shipped || len(p.States) != 1 || p.States[0].Role != "adminapi" {
		t.Errorf("in force %+v", p)
	}
	if p := list.Items[1]; p.InForce || len(p.States) != 1 || p.States[0].State != "Quarantined" || p.States[0].Problem != "wrong hash" ||
		p.States[0].Restarts != 5 || p.States[0].History != nil || p.States[0].Lines != nil || !p.States[0].Alive {
		t.Errorf("another's %+v", p)
	}
	if p := list.Items[2]; p.Problem != "nobody vouches for it" || len(p.States) != 0 {
		t.Errorf("unpinned %+v", p)
	}
	if p := list.Items[3]; p.Name != "elsewhere" || !strings.Contains(p.Problem, "engine Two does") {
		t.Errorf("unknown here %+v", p)
	}

	var one api.PluginDetail
	for range 2 {
		w.send("GET", "/api/plugins/ACME", "").is(t, http.StatusOK, &one)
	}
	if one.About == nil || one.About.Version != "2.0.0" || one.About.Contract != "1.2" || !strings.Contains(string(one.About.Schema.RawMessage), `"writeOnly":true`) {
		t.Errorf("about %+v", one.About)
	}
	if w.shelf.inspects != 1 {
		t.Errorf("it was started %d times", w.shelf.inspects)
	}
	if s := one.States[0]; len(s.History) != 1 || len(s.Lines) != 1 {
		t.Errorf("state %+v", s)
	}
	if w.send("GET", "/api/plugins/loose", "").is(t, http.StatusOK, &one); one.AboutProblem != "nobody vouches for it" {
		t.Errorf("unpinned %+v", one)
	}
	w.send("GET", "/api/plugins/none", "").problem(t, http.StatusNotFound, "plugin-not-found")
}

func TestAConfigurationIsTriedAndForgotten(t *testing.T) {
	const canary = "canary-71fe"
	w := newWorld(t)
	w.shelve()
	body := `{"config":{"Token":"` + canary + `"}}`
	w.shelf.validate = func(config []byte) (l diag.List, _ error) {
		if string(config) != `{"Token":"`+canary+`"}` {
			t.Errorf("handed over: %s", config)
		}
		l.Errorf("Token", "it is too short")
		l.Warnf("Region", "not set")
		return l, nil
	}
	var verdict api.PluginVerdict
	w.send("POST", "/api/plugins/acme/validate", body).is(t, http.StatusOK, &verdict)
	if verdict.OK || len(verdict.Problems) != 2 || verdict.Problems[0] != (api.Diagnostic{Severity: "error", Path: "Token", Summary: "it is too short"}) {
		t.Errorf("%+v", verdict)
	}
	if w.shelf.handed.Reveal() != nil {
		t.Error("the configuration was not wiped")
	}
	w.shelf.validate = func([]byte) (diag.List, error) { return nil, nil }
	if w.send("POST", "/api/plugins/acme/validate", body).is(t, http.StatusOK, &verdict); !verdict.OK {
		t.Errorf("%+v", verdict)
	}
	w.shelf.validate = func([]byte) (diag.List, error) { return nil, errors.New("exec format error") }
	if p := w.send("POST", "/api/plugins/acme/validate", body).problem(t, http.StatusServiceUnavailable, "plugin-unavailable"); !strings.Contains(p.Detail, "exec format error") {
		t.Errorf("%+v", p)
	}
	w.send("POST", "/api/plugins/loose/validate", body).problem(t, http.StatusServiceUnavailable, "plugin-unavailable")
	w.send("POST", "/api/plugins/none/validate", body).problem(t, http.StatusNotFound, "plugin-not-found")
	for _, wrong := range []string{`{}`, `{"config":1}`, `{"config":{},"more":1}`} {
		if p := w.send("POST", "/api/plugins/acme/validate", wrong).problem(t, http.StatusUnprocessableEntity, "invalid-input"); paths(p) != "config" {
			t.Errorf("%s: %+v", wrong, p)
		}
	}
	var log struct{ Items []api.AuditRecord }
	w.send("GET", "/api/audit?action=plugins.validate", "").is(t, http.StatusOK, &log)
	if len(log.Items) != 6 || log.Items[5].Target != "plugins/acme" || log.Items[4].Outcome != "CONFIG_INVALID" {
		t.Errorf("%+v", log.Items)
	}
	if all := w.logs.String() + w.replies.String(); strings.Contains(all, canary) {
		t.Error("the configuration is in a log, an answer or the audit log")
	}
}

func TestTheProcessesAreListedForgottenAndReloaded(t *testing.T) {
	w := newWorld(t)
	w.registered(self, "DPAPI", "Ready", store.PluginDocument{})
	w.registered(engine, "acme", "Ready", store.PluginDocument{Lines: []string{"x"}})
	w.registered(gone, "acme", "Ready", store.PluginDocument{})
	w.silent(gone)
	c := w.connector("A")
	w.send("POST", "/api/runs", `{"connectorId":"`+c.ID+`","kind":"full"}`).is(t, http.StatusAccepted, nil)
	if _, ok, err := w.store.Claim(t.Context(), store.Claimant{Instance: "One", Incarnation: "1", TTL: time.Minute}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	names := func(query string) (all string, items []api.InstanceDetail) {
		var list struct{ Items []api.InstanceDetail }
		w.send("GET", "/api/instances?"+query, "").is(t, http.StatusOK, &list)
		for _, i := range list.Items {
			all += i.Name + " "
		}
		return all, list.Items
	}
	for query, want := range map[string]string{
		"": "Admin Gone One ", "role=engine": "Gone One ", "alive=true&sort=-name": "One Admin ", "alive=false": "Gone ", "sort=machine": "Admin Gone One ",
		"sort=lastHeartbeat": "Gone Admin One ", "sort=-version": "Admin One Gone ", "q=ON": "Gone One ",
	} {
		if got, _ := names(query); got != want {
			t.Errorf("%s: %s instead of %s", query, got, want)
		}
	}
	var page struct {
		Items []api.InstanceDetail
		Next  string
		Total int
	}
	w.send("GET", "/api/instances?limit=2", "").is(t, http.StatusOK, &page)
	if page.Total != 3 || len(page.Items) != 2 || page.Next == "" {
		t.Errorf("the first page is %+v", page)
	}
	if got, _ := names("limit=2&cursor=" + page.Next); got != "One " {
		t.Errorf("the second page is %s", got)
	}
	w.send("GET", "/api/instances?sort=name&cursor="+page.Next, "").problem(t, http.StatusUnprocessableEntity, "invalid-input")
	_, all := names("role=engine&alive=true")
	if i := all[0]; i.Commit != "ffff" || i.Platform != "windows/amd64" || i.Plugin == nil || i.Plugin.State != "Ready" || i.Plugin.Lines != nil ||
		len(i.Runs) != 1 || i.Runs[0].ConnectorID != c.ID {
		t.Errorf("%+v", i)
	}
	w.send("DELETE", "/api/instances/engine/one", "").problem(t, http.StatusConflict, "instance-alive")
	w.send("DELETE", "/api/instances/engine/none", "").problem(t, http.StatusNotFound, "instance-not-found")
	w.send("DELETE", "/api/instances/engine/gone", "").is(t, http.StatusNoContent, nil)
	if got, _ := names(""); got != "Admin One " {
		t.Errorf("left: %s", got)
	}
	w.send("POST", "/api/instances/engine/none/reload", "").problem(t, http.StatusNotFound, "instance-not-found")
	w.send("POST", "/api/instances/engine/ONE/reload", "").is(t, http.StatusAccepted, nil)
	if _, all := names("role=engine"); !all[0].Reload.Pending || all[0].Reload.By != "administrator" {
		t.Errorf("%+v", all[0].Reload)
	}
	if _, all := names("role=adminapi"); all[0].Reload.Pending {
		t.Error("the other one was asked too")
	}
	var log struct{ Items []api.AuditRecord }
	w.send("GET", "/api/audit?action=instances.forget&outcome=OK", "").is(t, http.StatusOK, &log)
	if len(log.Items) != 1 || log.Items[0].Target != "instances/engine/gone" {
		t.Errorf("recorded %+v", log.Items)
	}
}
