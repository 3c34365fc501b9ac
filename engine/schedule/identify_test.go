package schedule_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/schedule"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/logtest"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

// vault is a provider that knows its target, or why it cannot be asked.
type vault struct {
	name, target string
	err          error
}

func (v vault) Name() string { return v.name }

func (v vault) Info(context.Context) (facade.Info, error) {
	return facade.Info{Version: "1.2.3"}, v.err
}

func (v vault) Check(context.Context) (provider.CheckReport, error) {
	return provider.CheckReport{Target: v.target}, v.err
}

// identify runs until a condition holds, then ends it.
func (w *world) identify(t *testing.T, p schedule.Provider, logger *slog.Logger, again <-chan struct{}, until func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		schedule.Identify(ctx, schedule.IdentifyConfig{Store: w.store, Self: w.config.Self, Provider: p, Logger: logger, Again: again})
	}()
	for !until() && ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond)
	}
	if ctx.Err() != nil {
		t.Error("it never came to that")
	}
	cancel()
	<-ended
}

func (w *world) instances(t *testing.T) []store.Instance {
	t.Helper()
	all, err := w.store.ListInstances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestInstanceRecordsItsSecretStoreAndShoutsAboutAnother(t *testing.T) {
	w := newWorld(t)
	var logs logtest.Buffer
	other := store.Instance{Role: store.RoleAdminAPI, Name: "api", Incarnation: "9", Started: noon, Provider: "AzureKeyVault", ProviderTarget: "contoso"}
	if err := w.store.Register(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	w.config.Self.Provider = "DPAPI"
	if err := w.store.Register(t.Context(), w.config.Self); err != nil {
		t.Fatal(err)
	}
	w.identify(t, vault{name: "DPAPI", target: "file.db"}, slog.New(slog.NewJSONHandler(&logs, nil)), nil, func() bool {
		all := w.instances(t)
		return len(all) == 2 && all[1].ProviderTarget == "file.db" && all[1].ProviderVersion == "1.2.3" &&
			strings.Contains(logs.String(), "different secret stores") && strings.Contains(logs.String(), "contoso")
	})
}

func TestProviderThatDoesNotAnswerIsAskedUntilTheEnd(t *testing.T) {
	w := newWorld(t)
	var logs bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	schedule.Identify(ctx, schedule.IdentifyConfig{
		Store: w.store, Self: w.config.Self, Logger: slog.New(slog.NewJSONHandler(&logs, nil)),
		Provider: vault{err: fault.New(fault.Unavailable, fault.SourceBackend, "no route to the vault")},
	})
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
	schedule.Identify(ctx, schedule.IdentifyConfig{Store: w.store, Self: w.config.Self, Provider: vault{target: "file.db"}, Logger: w.config.Logger})
	if ctx.Err() != nil {
		t.Error("it goes on trying")
	}
	all, err := w.store.ListInstances(t.Context())
	if err != nil || len(all) != 1 || all[0].Incarnation != "2" {
		t.Errorf("instances %+v, %v", all, err)
	}
}

// switched is a provider that becomes another one.
type switched struct {
	mu sync.Mutex
	vault
}

func (s *switched) Name() string { s.mu.Lock(); defer s.mu.Unlock(); return s.name }

func TestProviderThatWasReloadedIsRecordedAnew(t *testing.T) {
	w := newWorld(t)
	if err := w.store.Register(t.Context(), w.config.Self); err != nil {
		t.Fatal(err)
	}
	p, again := &switched{vault: vault{name: "DPAPI"}}, make(chan struct{}, 1)
	told := false
	w.identify(t, p, w.config.Logger, again, func() bool {
		self := w.instances(t)[0]
		if self.Provider == "DPAPI" && self.ProviderVersion != "" && !told {
			told = true
			p.mu.Lock()
			p.name = "AzureKeyVault"
			p.mu.Unlock()
			again <- struct{}{}
		}
		return self.Provider == "AzureKeyVault"
	})
}
