package presence_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/presence"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/logtest"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

// vault is a provider that is ready.
type vault struct{}

func (vault) Name() string { return "AzureKeyVault" }

func (vault) Info(context.Context) (facade.Info, error) { return facade.Info{Version: "1.0.0"}, nil }
func (vault) Check(context.Context) (provider.CheckReport, error) {
	return provider.CheckReport{Target: "one.vault.azure.net"}, nil
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

func TestTheInstanceIsListedWithItsStoreAndShowsThatItLives(t *testing.T) {
	db, err := store.Open(t.Context(), store.Config{DB: productdb.Config{DataFolder: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var logs logtest.Buffer
	noticed := func() int { return strings.Count(logs.String(), "another Admin API registered") }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	self := store.Instance{Role: store.RoleAdminAPI, Name: "admin", Machine: "host", Version: "1", Incarnation: "1", Provider: "AzureKeyVault", Started: time.Now()}
	wait, err := presence.Keep(ctx, presence.Config{
		Store: db, Self: self, Provider: vault{}, Logger: slog.New(slog.NewJSONHandler(&logs, nil)), Heartbeat: 20 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	mine := func() store.Instance {
		list, err := db.ListInstances(t.Context())
		if err != nil || len(list) != 1 {
			t.Fatalf("instances %v, %v", list, err)
		}
		return list[0]
	}
	eventually(t, "the store is known", func() bool {
		return mine().ProviderTarget == "one.vault.azure.net" && mine().ProviderVersion == "1.0.0"
	})
	seen := mine().LastHeartbeat
	eventually(t, "a heartbeat", func() bool { return mine().LastHeartbeat.After(seen) })

	self.Incarnation = "2"
	if err := db.Register(t.Context(), self); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other one is noticed", func() bool { return noticed() == 1 })
	time.Sleep(100 * time.Millisecond)
	if n := noticed(); n != 1 {
		t.Errorf("said %d times", n)
	}
	cancel()
	wait()
	if mine().Incarnation != "2" {
		t.Error("the other one was taken off the list")
	}
}

func TestTheInstanceIsListedNoLongerOnceItLeft(t *testing.T) {
	db, err := store.Open(t.Context(), store.Config{DB: productdb.Config{DataFolder: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	wait, err := presence.Keep(ctx, presence.Config{
		Store: db, Provider: vault{}, Logger: slog.New(slog.DiscardHandler), Heartbeat: 20 * time.Millisecond,
		Self: store.Instance{Role: store.RoleAdminAPI, Name: "admin", Incarnation: "1", Started: time.Now()},
	})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	wait()
	if list, err := db.ListInstances(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("instances %v, %v", list, err)
	}
}
