package schedule_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/schedule"
	"github.com/identitymesh/identitymesh/engine/store"
)

// obeying is an engine that does what is asked for; its triggers come one by one,
// and what is sent back is the outcome.
func obeying(t *testing.T, w *world) (reloads *schedule.Reloads, triggers chan string, outcomes chan error) {
	t.Helper()
	if err := w.store.Register(t.Context(), w.config.Self); err != nil {
		t.Fatal(err)
	}
	triggers, outcomes = make(chan string), make(chan error)
	reloads = schedule.NewReloads(schedule.ReloadConfig{
		Store: w.store, Self: w.config.Self, Logger: w.config.Logger, Poll: 5 * time.Millisecond,
		Reload: func(_ context.Context, trigger string) error {
			triggers <- trigger
			return <-outcomes
		},
	})
	return reloads, triggers, outcomes
}

func (w *world) reload(t *testing.T, want func(store.Reload) bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !want(w.instances(t)[0].Reload); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("recorded is %+v", w.instances(t)[0].Reload)
		}
	}
}

func TestReloadThatIsAskedForIsDoneOnceAndRecorded(t *testing.T) {
	w := newWorld(t)
	reloads, triggers, outcomes := obeying(t, w)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); reloads.Obey(ctx) }()
	ask := func() {
		if err := w.store.RequestReload(t.Context(), "anna", store.RoleEngine); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	if got := <-triggers; got != "asked for by anna" {
		t.Errorf("the trigger is %q", got)
	}
	ask() // while it reloads: what changed since then has to be read too
	outcomes <- errors.New("wrong hash")
	<-triggers
	w.reload(t, func(r store.Reload) bool { return r.Pending && r.Problem == "wrong hash" && !r.At.IsZero() })
	outcomes <- nil
	w.reload(t, func(r store.Reload) bool { return !r.Pending && r.Problem == "" })
	select {
	case <-triggers:
		t.Error("it was done once more")
	case <-time.After(100 * time.Millisecond):
	}
	cancel()
	<-ended
	if len(reloads.Again()) != 1 {
		t.Error("nobody is told that the provider may be another one")
	}
}

func TestReloadThatTheProcessWasAskedForIsRecordedToo(t *testing.T) {
	w := newWorld(t)
	reloads, triggers, outcomes := obeying(t, w)
	go func() { <-triggers; outcomes <- errors.New("wrong hash") }()
	if err := reloads.Now(t.Context(), "SIGHUP"); err == nil || len(reloads.Again()) != 0 {
		t.Errorf("got %v", err)
	}
	w.reload(t, func(r store.Reload) bool { return !r.Pending && r.Problem == "wrong hash" })
}
