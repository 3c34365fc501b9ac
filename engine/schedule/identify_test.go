package schedule_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/schedule"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

// vault is a provider that knows its target, or why it cannot be asked.
type vault struct {
	target string
	err    error
}

func (v vault) Info(context.Context) (facade.Info, error) {
	return facade.Info{Version: "1.2.3"}, v.err
}

func (v vault) Check(context.Context) (provider.CheckReport, error) {
	return provider.CheckReport{Target: v.target}, v.err
}

func TestInstanceRecordsItsSecretStoreAndShoutsAboutAnother(t *testing.T) {
	w := newWorld(t)
	var logs bytes.Buffer
	other := store.Instance{Role: store.RoleAdminAPI, Name: "api", Incarnation: "9", Started: noon, Provider: "AzureKeyVault", ProviderTarget: "contoso"}
	if err := w.store.Register(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	w.config.Self.Provider = "DPAPI"
	if err := w.store.Register(t.Context(), w.config.Self); err != nil {
		t.Fatal(err)
	}
	schedule.Identify(t.Context(), w.store, w.config.Self, vault{target: "file.db"}, slog.New(slog.NewJSONHandler(&logs, nil)))
	all, err := w.store.ListInstances(t.Context())
	if err != nil || len(all) != 2 || all[1].ProviderTarget != "file.db" || all[1].ProviderVersion != "1.2.3" {
		t.Fatalf("instances %+v, %v", all, err)
	}
	if !strings.Contains(logs.String(), "different secret stores") || !strings.Contains(logs.String(), "contoso") {
		t.Errorf("the log says %s", logs.String())
	}
}

func TestProviderThatDoesNotAnswerIsAskedUntilTheEnd(t *testing.T) {
	w := newWorld(t)
	var logs bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	schedule.Identify(ctx, w.store, w.config.Self, vault{err: fault.New(fault.Unavailable, fault.SourceBackend, "no route to the vault")},
		slog.New(slog.NewJSONHandler(&logs, nil)))
	if strings.Count(logs.String(), "no route to the vault") != 1 {
		t.Errorf("the log says %s", logs.String())
	}
}

func TestInstanceThatWasReplacedDoesNotTakeItsPlaceBack(t *testing.T) {
	w := newWorld(t)
	later := w.config.Self
	later.Incarnation, later.Provider = "2", "DPAPI"
	if err := w.store.Register(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	schedule.Identify(ctx, w.store, w.config.Self, vault{target: "file.db"}, w.config.Logger)
	if ctx.Err() != nil {
		t.Error("it goes on trying")
	}
	all, err := w.store.ListInstances(t.Context())
	if err != nil || len(all) != 1 || all[0].Incarnation != "2" {
		t.Errorf("instances %+v, %v", all, err)
	}
}
