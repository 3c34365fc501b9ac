package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/api"
	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
)

func (w *world) attention() (items []api.Attention, codes string) {
	w.t.Helper()
	var list struct{ Items []api.Attention }
	w.send("GET", "/api/attention", "").is(w.t, http.StatusOK, &list)
	for _, x := range list.Items {
		codes += x.Code + " "
		if x.Summary == "" || x.Count < 1 || x.Severity == "" {
			w.t.Errorf("%+v says too little", x)
		}
		if a := x.Action; a != nil && (a.Permission == "" || a.Label == "" || (a.Kind == "link") != (a.To != "") || (a.Kind == "call") != (a.Operation != "")) {
			w.t.Errorf("%s: nobody can do %+v", x.Code, a)
		}
	}
	return list.Items, codes
}

// fails makes a connector's run that failed.
func (w *world) fails(c api.Connector, reason, text string) {
	w.t.Helper()
	claimed := w.claimed(c)
	if err := w.store.Finish(w.t.Context(), claimed.Run.ID, store.Result{Status: store.Failed, Reason: reason, Error: text}); err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.ReleaseLease(w.t.Context(), claimed.Lease); err != nil {
		w.t.Fatal(err)
	}
}

func TestWhenAllIsWellNothingNeedsAttention(t *testing.T) {
	w := newWorld(t)
	if _, codes := w.attention(); codes != "no-engine " {
		t.Errorf("at first: %s", codes)
	}
	w.registered(self, "DPAPI", "Ready", store.PluginDocument{})
	same := engine
	same.Provider, same.ProviderTarget = "", ""
	w.registered(same, "DPAPI", "Ready", store.PluginDocument{})
	if _, codes := w.attention(); codes != "" {
		t.Errorf("with an engine: %s", codes)
	}
}

func TestConnectorsThatFailForOneReasonAreOneItem(t *testing.T) {
	w := newWorld(t)
	w.engine("one")
	const secretText = "read the secret " + ref + ": ACCESS_DENIED: the caller may not"
	for _, name := range []string{"A", "B", "C"} {
		w.fails(w.connector(name), "ACCESS_DENIED", secretText)
	}
	other := w.connector("D")
	w.fails(other, "CONFIG_INVALID", "the configuration of connector D: host: is missing")
	w.fails(w.connector("E"), "CONFIG_INVALID", "the configuration of connector E: host: is missing")
	w.fails(w.connector("F"), "CONNECTED_SYSTEM", "no route to host")
	items, codes := w.attention()
	if codes != "connectors-failing connectors-failing connectors-failing connectors-unscheduled " {
		t.Fatalf("%s", codes)
	}
	byCount := map[int]api.Attention{}
	for _, x := range items[:3] {
		byCount[x.Count] = x
	}
	if x := byCount[3]; x.Detail != secretText || x.Subjects[3] != (api.Subject{Kind: "secret", ID: ref, Name: ref}) ||
		x.Action.To != "/secrets?ref=secret%3A%2F%2Fad%2Fsvc%2Fpassword" || !strings.Contains(x.Summary, "3 connectors") {
		t.Errorf("by one secret: %+v %+v", x, x.Action)
	}
	if x := byCount[2]; len(x.Subjects) != 2 || !strings.HasPrefix(x.Action.To, "/runs/") {
		t.Errorf("by one mistake: %+v", x)
	}
	if x := byCount[1]; !strings.Contains(x.Summary, "connector F") || x.Detail != "no route to host" {
		t.Errorf("alone: %+v", x)
	}
	if x := items[3]; x.Count != 6 || x.Severity != "info" {
		t.Errorf("unscheduled: %+v", x)
	}
}

func TestWhoMaySeeTheStatusOnlySeesNoConnectorRunOrSecretByIt(t *testing.T) {
	w := newWorld(t)
	scraper := []string{"Authorization", "Bearer " + w.role("scraper", authz.Viewer, "status.read")}
	c := w.connector("Hidden")
	w.fails(c, "ACCESS_DENIED", "read the secret "+ref+": ACCESS_DENIED: the caller may not")
	bound, err := w.store.Connector(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	bound.InstanceName = "GONE"
	if _, err := w.store.UpdateConnector(t.Context(), bound); err != nil {
		t.Fatal(err)
	}
	if err := w.store.SaveMigration(t.Context(), store.Migration{ID: "m", Started: now, Refs: []store.MigrationRef{{Ref: ref, State: "blocked"}}}); err != nil {
		t.Fatal(err)
	}
	w.engine("one")
	w.claimed(w.connector("Hidden too"))
	for _, path := range []string{"/api/attention", "/api/instances", "/api/migrations", "/api/migrations/m", "/api/status", "/api/about", "/api/plugins"} {
		a := w.send("GET", path, "", scraper...).is(t, http.StatusOK, nil)
		for _, secret := range []string{"Hidden", c.ID, ref} {
			if strings.Contains(string(a.body), secret) {
				t.Errorf("%s has %s: %s", path, secret, a.body)
			}
		}
	}
	if _, codes := w.attention(); !strings.Contains(codes, "connectors-failing connectors-without-engine connectors-unscheduled") {
		t.Errorf("an administrator sees %s", codes)
	}
}

func TestProcessesAndPluginsThatDoNotServeNeedAttention(t *testing.T) {
	w := newWorld(t)
	w.status.Fallback, w.status.Why = true, `Secrets:Provider "azure" is unknown`
	w.status.Plugin = supervise.Status{State: supervise.Ready}
	admin := self
	admin.Provider, admin.ProviderTarget = "DPAPI", "here"
	w.registered(admin, "DPAPI", "Degraded", store.PluginDocument{Problem: "it does not answer"})
	w.registered(engine, "acme", "Quarantined", store.PluginDocument{Problem: "wrong hash", Since: now.Add(-time.Hour)})
	w.registered(gone, "acme", "Backoff", store.PluginDocument{})
	w.silent(gone)
	c := w.connector("A")
	bound, err := w.store.Connector(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	bound.InstanceName = "GONE"
	if _, err := w.store.UpdateConnector(t.Context(), bound); err != nil {
		t.Fatal(err)
	}
	if err := w.store.ReloadDone(t.Context(), engine, 0, "the file is missing"); err != nil {
		t.Fatal(err)
	}
	items, codes := w.attention()
	const want = "provider-fallback secret-stores-differ plugin-quarantined connectors-without-engine " +
		"plugin-degraded reload-failed instance-offline connectors-unscheduled "
	if len(strings.Fields(codes)) != len(strings.Fields(want)) {
		t.Fatalf("got  %s\nwant %s", codes, want)
	}
	for _, x := range items {
		switch x.Code {
		case "provider-fallback":
			if x.Detail != w.status.Why || x.Severity != "error" {
				t.Errorf("%+v", x)
			}
		case "plugin-quarantined":
			if x.Detail != "wrong hash" || x.Action.Operation != "reload-instance" || x.Action.Parameters["name"] != "One" || x.Action.Parameters["role"] != "engine" {
				t.Errorf("%+v %+v", x, x.Action)
			}
		case "instance-offline":
			if x.Subjects[0].ID != "engine/Gone" || x.Action.Operation != "forget-instance" || x.Action.Permission != "settings.write" {
				t.Errorf("%+v %+v", x, x.Action)
			}
		case "reload-failed":
			if x.Detail != "the file is missing" {
				t.Errorf("%+v", x)
			}
		case "secret-stores-differ":
			if !strings.Contains(x.Detail, "the vault") || x.Count != 1 {
				t.Errorf("%+v", x)
			}
		case "connectors-without-engine":
			if x.Subjects[0].Name != "A" {
				t.Errorf("%+v", x)
			}
		}
	}
}
