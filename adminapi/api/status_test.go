package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/api"
	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/engine/connector/builtin"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
)

func (w *world) register(role store.Role, name, provider, target string) {
	w.t.Helper()
	if err := w.store.Register(w.t.Context(), store.Instance{
		Role: role, Name: name, Machine: "host", Incarnation: "1", Provider: provider, ProviderTarget: target, Started: now,
	}); err != nil {
		w.t.Fatal(err)
	}
}

func TestTheStatusSaysLoudlyWhenProcessesUseDifferentSecretStores(t *testing.T) {
	for _, c := range []struct {
		name     string
		engine   [2]string
		mismatch bool
	}{
		{"the same store", [2]string{"AzureKeyVault", "one.vault.azure.net"}, false},
		{"an engine that does not know its store yet", [2]string{"AzureKeyVault", ""}, false},
		{"another vault", [2]string{"AzureKeyVault", "two.vault.azure.net"}, true},
		{"another provider", [2]string{"DPAPI", ""}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.register(store.RoleAdminAPI, "admin", "AzureKeyVault", "one.vault.azure.net")
			w.register(store.RoleEngine, "north", c.engine[0], c.engine[1])
			var s api.Status
			w.send("GET", "/api/status", "").is(t, http.StatusOK, &s)
			if s.Mismatch != c.mismatch || (len(s.Problems) == 1) != c.mismatch || len(s.Items) != 2 || !s.Items[0].Alive {
				t.Errorf("status %+v", s)
			}
			if c.mismatch && !strings.Contains(s.Problems[0], "north") {
				t.Errorf("the problem does not name the engine: %s", s.Problems[0])
			}
		})
	}
}

func TestTheStatusShowsTheProviderAsItIs(t *testing.T) {
	w := newWorld(t)
	w.status = host.Status{
		Provider: "DPAPI", Why: "Vault is no provider that is known", Fallback: true, Path: "/p", SHA256: "aa", Pin: "lock",
		Plugin: supervise.Status{
			State: supervise.Backoff, Since: now, PID: 7, Restarts: 3, Problem: "it died", NextTry: now.Add(time.Minute),
			Info:    facade.Info{Version: "1.0.0", Capabilities: facade.Capabilities{facade.List}},
			Reload:  supervise.Reload{At: now, Problem: "wrong hash"},
			History: []supervise.Transition{{At: now, State: supervise.Crashed, Reason: "it died", PID: 7}, {At: now, State: supervise.Backoff}},
		},
	}
	var s api.Status
	w.send("GET", "/api/status", "").is(t, http.StatusOK, &s)
	p := s.Provider
	if p.State != "Backoff" || p.Version != "1.0.0" || p.PID != 7 || p.Restarts != 3 || p.Problem != "it died" || !p.NextTry.Equal(now.Add(time.Minute)) ||
		!p.Fallback || p.Path != "/p" || p.SHA256 != "aa" || p.Pin != "lock" || len(p.Capabilities) != 1 ||
		p.Reload.Problem != "wrong hash" || len(p.History) != 2 || p.History[0] != (api.Transition{At: now, State: "Crashed", Reason: "it died", PID: 7}) {
		t.Errorf("provider %+v", p)
	}
	if len(s.Problems) != 2 || !strings.Contains(s.Problems[0], "Vault is no provider") || !strings.Contains(s.Problems[1], "it died") {
		t.Errorf("problems %q", s.Problems)
	}
}

func TestAQuarantinedProviderComesWithTheWayOut(t *testing.T) {
	w := newWorld(t)
	w.status.Plugin = supervise.Status{State: supervise.Quarantined, Problem: "wrong hash"}
	var s api.Status
	w.send("GET", "/api/status", "").is(t, http.StatusOK, &s)
	if len(s.Problems) != 1 || !strings.Contains(s.Problems[0], "wrong hash") || !strings.Contains(s.Problems[0], "/api/provider/reload") {
		t.Errorf("problems %q", s.Problems)
	}
}

func TestReloadIsDoneHereAndAskedOfEveryEngine(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		problem string
	}{"it succeeds": {nil, ""}, "it fails here": {errors.New("wrong hash"), "wrong hash"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.register(store.RoleAdminAPI, "admin", "DPAPI", "")
			w.register(store.RoleEngine, "north", "DPAPI", "")
			w.register(store.RoleEngine, "south", "DPAPI", "")
			triggers := 0
			w.reload = func(ctx context.Context, trigger string) error {
				if triggers++; trigger != "Admin API, by "+authn.Name || ctx.Done() != nil {
					t.Errorf("the trigger is %q", trigger)
				}
				return c.err
			}
			var r api.ReloadReport
			w.send("POST", "/api/provider/reload", "").is(t, http.StatusOK, &r)
			if r.OK != (c.err == nil) || r.Problem != c.problem || r.Provider.State != "Ready" || strings.Join(r.Engines, " ") != "north south" || triggers != 1 {
				t.Errorf("report %+v", r)
			}
			var s api.Status
			w.send("GET", "/api/status", "").is(t, http.StatusOK, &s)
			for _, i := range s.Items {
				if engine := i.Role == "engine"; i.Reload.Pending != engine || engine && i.Reload.By != authn.Name {
					t.Errorf("%s %s: %+v", i.Role, i.Name, i.Reload)
				}
			}
			if !strings.Contains(w.logs.String(), `"msg":"secret provider reload asked for","operator":"`+authn.Name) {
				t.Error("the log does not say who asked")
			}

			south := store.Instance{Role: store.RoleEngine, Name: "south", Incarnation: "1"}
			wish, err := w.store.ReloadWanted(t.Context(), south)
			if err == nil {
				err = w.store.ReloadDone(t.Context(), south, wish.Number, "no such vault")
			}
			if err != nil {
				t.Fatal(err)
			}
			w.send("GET", "/api/status", "").is(t, http.StatusOK, &s)
			if i := s.Items[2]; i.Reload.Pending || i.Reload.Problem != "no such vault" || !i.Reload.At.Equal(now) {
				t.Errorf("instance %+v", i)
			}
			if len(s.Problems) != 1 || !strings.Contains(s.Problems[0], "south") || !strings.Contains(s.Problems[0], "no such vault") {
				t.Errorf("problems %q", s.Problems)
			}
		})
	}
}

func TestReloadNeedsASignIn(t *testing.T) {
	w := newWorld(t)
	w.reload = func(context.Context, string) error { t.Error("it was reloaded"); return nil }
	w.send("POST", "/api/provider/reload", "", "Authorization", "").problem(t, http.StatusUnauthorized, "sign-in-required")
}

func TestTheProviderIsCheckedOnDemand(t *testing.T) {
	w := newWorld(t)
	var r api.CheckReport
	w.send("GET", "/api/provider/check", "").is(t, http.StatusOK, &r)
	if !r.OK || r.Target != "memory" || r.Identity != "tester" || len(r.Results) != 2 || r.Results[0].LatencySeconds != 0.001 || !r.Results[1].Skipped {
		t.Errorf("report %+v", r)
	}
}

func TestWhoMayOnlyLookCannotUseUpTheStoresQuota(t *testing.T) {
	w := newWorld(t)
	w.reload = func(context.Context, string) error { return nil }
	viewer := []string{"Authorization", "Bearer " + w.role("viewer", authz.Viewer)}
	for round := 1; round <= 2; round++ {
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if a := w.send("GET", "/api/provider/check", "", viewer...); a.StatusCode != http.StatusOK {
					t.Errorf("status %d: %s", a.StatusCode, a.body)
				}
			})
		}
		all.Wait()
		if w.vault.checks != round {
			t.Errorf("the store was checked %d times after %d rounds", w.vault.checks, round)
		}
		w.send("POST", "/api/provider/reload", "").is(t, http.StatusOK, nil)
	}
}

func TestHealthNeedsNoSignInAndReadinessNeedsTheDatabase(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/healthz", "/readyz"} {
		w.send("GET", path, "", "Authorization", "").is(t, http.StatusOK, nil)
	}
	_ = w.store.Close()
	w.send("GET", "/readyz", "").problem(t, http.StatusServiceUnavailable, "database-unavailable")
	w.send("GET", "/healthz", "").is(t, http.StatusOK, nil)
	w.send("GET", "/api/connectors", "").problem(t, http.StatusServiceUnavailable, "sign-in-unavailable")
}

func TestTheConnectorTypesAreThoseOfTheProduct(t *testing.T) {
	w := newWorld(t)
	var types struct {
		Items []struct {
			Name   string
			Schema json.RawMessage
		}
		Total int
	}
	w.send("GET", "/api/connector-types", "").is(t, http.StatusOK, &types)
	if types.Total != 2 || len(types.Items) != 2 || types.Items[0].Name != "ldap" || types.Items[1].Name != "sql" {
		t.Errorf("types %+v", types)
	}
	for _, item := range types.Items {
		if want := builtin.Kinds()[item.Name].Schema().JSONSchema(); string(item.Schema) != string(want) {
			t.Errorf("the schema of %s is %s", item.Name, item.Schema)
		}
	}
}
