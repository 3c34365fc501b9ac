package store_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

func sqliteIn(t testing.TB) productdb.Config { return productdb.Config{DataFolder: t.TempDir()} }

func TestAnInstanceIsReplacedByItsNextIncarnation(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		x := store.Instance{Role: store.RoleEngine, Name: name(t), Machine: "host1", Version: "0.1.0", Incarnation: "1",
			Provider: "dpapi", ProviderTarget: "db", ProviderVersion: "0.1.0", Started: f.clock.now()}
		must(t, f.Register(t.Context(), x))
		f.clock.add(time.Minute)
		must(t, f.Heartbeat(t.Context(), store.RoleEngine, strings.ToUpper(x.Name), "1"))
		want := x
		want.LastHeartbeat = f.clock.now()
		if diff := cmp.Diff(want, f.instance(t, x.Name)); diff != "" {
			t.Errorf("registered (-want +got):\n%s", diff)
		}
		x.Incarnation, x.Provider = "2", "AzureKeyVault"
		must(t, f.Register(t.Context(), x))
		if err := f.Heartbeat(t.Context(), store.RoleEngine, x.Name, "1"); !errors.Is(err, store.ErrReplaced) {
			t.Errorf("the old incarnation: %v", err)
		}
		must(t, f.Heartbeat(t.Context(), store.RoleEngine, x.Name, "2"))
		if got := f.instance(t, x.Name); got.Provider != "AzureKeyVault" {
			t.Errorf("registered again: %+v", got)
		}
		if err := f.Register(t.Context(), store.Instance{Role: store.RoleEngine, Name: " "}); err == nil {
			t.Error("an instance without a name was registered")
		}
	})
}

func TestAnInstanceThatEndsInOrderIsGoneAtOnceAndItsSuccessorStays(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		x := store.Instance{Role: store.RoleEngine, Name: name(t), Incarnation: "1", Started: f.clock.now()}
		admin := x
		admin.Role = store.RoleAdminAPI
		must(t, f.Register(t.Context(), x))
		must(t, f.Register(t.Context(), admin))
		must(t, f.Unregister(t.Context(), x.Role, strings.ToUpper(x.Name), "1"))
		if got := f.instance(t, x.Name); got.Role != store.RoleAdminAPI {
			t.Errorf("left is %+v", got)
		}
		must(t, f.Unregister(t.Context(), admin.Role, admin.Name, "1"))
		x.Incarnation = "2"
		must(t, f.Register(t.Context(), x))
		must(t, f.Unregister(t.Context(), x.Role, x.Name, "1"))
		if got := f.instance(t, x.Name); got.Incarnation != "2" {
			t.Errorf("the successor is %+v", got)
		}
	})
}

// instance returns the one instance of that name.
func (f *fixture) instance(t *testing.T, name string) (found store.Instance) {
	t.Helper()
	n := 0
	for _, x := range must1(f.ListInstances(t.Context()))(t) {
		if x.Name == name {
			found = x
			n++
		}
	}
	if n != 1 {
		t.Fatalf("%d instances of that name", n)
	}
	return found
}

func TestInstancesThatRegisterTogetherLeaveOneRow(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		stores := []*fixture{b.open(t), b.open(t)}
		name := name(t)
		var wg sync.WaitGroup
		for n := range 6 {
			wg.Go(func() {
				if err := stores[n%2].Register(t.Context(), store.Instance{Role: store.RoleAdminAPI, Name: name, Incarnation: "1", Started: time.Now()}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		stores[0].instance(t, name)
	})
}

func TestASchemaOfANewerVersionIsRefused(t *testing.T) {
	b := backend{"SQLite", sqliteIn(t)}
	f := b.open(t)
	_, err := f.DB().Write.Exec("INSERT INTO IM_EngineSchema (version_id, is_applied) VALUES (999, 1)")
	must(t, err)
	_, err = store.Open(t.Context(), store.Config{DB: b.db})
	var newer *productdb.NewerSchemaError
	if !errors.As(err, &newer) || newer.Found != 999 || newer.Known < 1 || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("opened: %v", err)
	}
}

func TestReloadIsAskedForOnceByAnyoneAndAnsweredByTheInstance(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		x := store.Instance{Role: store.RoleEngine, Name: name(t), Incarnation: "1", Started: f.clock.now()}
		must(t, f.Register(t.Context(), x))
		wanted := func() store.ReloadRequest { t.Helper(); return must1(f.ReloadWanted(t.Context(), x))(t) }
		if got := wanted(); got != (store.ReloadRequest{}) {
			t.Errorf("wanted at first: %+v", got)
		}
		must(t, f.RequestReload(t.Context(), "anna", store.RoleEngine))
		must(t, f.RequestReload(t.Context(), "ben", store.RoleEngine))
		first := wanted()
		if first.Number == 0 || first.By != "ben" || !f.instance(t, x.Name).Reload.Pending {
			t.Errorf("wanted %+v, listed %+v", first, f.instance(t, x.Name))
		}
		must(t, f.Register(t.Context(), x)) // again, as when its store became known
		must(t, f.RequestReload(t.Context(), "carl", store.RoleEngine))
		must(t, f.ReloadDone(t.Context(), x, first.Number, "wrong hash"))
		want := store.Reload{Pending: true, By: "carl", At: f.clock.now(), Problem: "wrong hash"}
		if diff := cmp.Diff(want, f.instance(t, x.Name).Reload); diff != "" {
			t.Errorf("a wish that came meanwhile (-want +got):\n%s", diff)
		}
		must(t, f.ReloadDone(t.Context(), x, wanted().Number, ""))
		must(t, f.ReloadDone(t.Context(), x, 0, "")) // one that nobody asked for here
		want.Pending, want.Problem = false, ""
		if diff := cmp.Diff(want, f.instance(t, x.Name).Reload); diff != "" || wanted().Number != 0 {
			t.Errorf("answered (-want +got):\n%s", diff)
		}

		must(t, f.RequestReload(t.Context(), "anna", store.RoleEngine))
		old := x
		x.Incarnation = "2"
		must(t, f.Register(t.Context(), x))
		if got := f.instance(t, x.Name).Reload; wanted().Number != 0 || got.Pending || !got.At.IsZero() {
			t.Errorf("a new start has everything new: %+v", got)
		}
		if _, err := f.ReloadWanted(t.Context(), old); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the old incarnation asks: %v", err)
		}
		if err := f.ReloadDone(t.Context(), old, 9, ""); !errors.Is(err, store.ErrReplaced) {
			t.Errorf("the old incarnation answers: %v", err)
		}
	})
}
