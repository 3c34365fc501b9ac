package pluginstate_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/identitymesh/identitymesh/engine/pluginstate"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
)

// plugin and book are the two sides of what is tested.
type plugin struct {
	mu     sync.Mutex
	status host.Status
}

func (p *plugin) Status() host.Status { p.mu.Lock(); defer p.mu.Unlock(); return p.status }
func (p *plugin) set(s supervise.Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = host.Status{Provider: "acme", Plugin: s}
}

type book struct {
	mu    sync.Mutex
	fails error
	all   []store.PluginState
}

func (b *book) RecordPlugin(_ context.Context, p store.PluginState) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fails == nil {
		b.all = append(b.all, p)
	}
	return b.fails
}
func (b *book) fail(err error)             { b.mu.Lock(); defer b.mu.Unlock(); b.fails = err }
func (b *book) at(i int) store.PluginState { b.mu.Lock(); defer b.mu.Unlock(); return b.all[i] }
func (b *book) states() (all []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.all {
		all = append(all, p.State)
	}
	return all
}

const heartbeat = 20 * time.Second

func keep(t *testing.T, test func(p *plugin, b *book, changed func(supervise.Status), ended <-chan struct{})) {
	synctest.Test(t, func(t *testing.T) {
		p, b, changes := &plugin{}, &book{}, make(chan struct{}, 1)
		p.set(supervise.Status{State: supervise.Declared})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			pluginstate.Keep(ctx, pluginstate.Config{
				Store: b, Self: store.Instance{Role: store.RoleEngine, Name: "one", Incarnation: "1"}, Provider: p,
				Changed: changes, Heartbeat: heartbeat, Logger: slog.New(slog.DiscardHandler),
			})
		}()
		synctest.Wait()
		signal := pluginstate.Signal(changes)
		test(p, b, func(s supervise.Status) { p.set(s); signal(s) }, ended)
		cancel()
		<-ended
	})
}

func TestTheStateIsWrittenWhenItChangesAndOnlyThen(t *testing.T) {
	keep(t, func(p *plugin, b *book, changed func(supervise.Status), _ <-chan struct{}) {
		for _, s := range []supervise.State{supervise.Verifying, supervise.Starting, supervise.Ready} {
			changed(supervise.Status{State: s})
		}
		time.Sleep(time.Second)
		time.Sleep(10 * heartbeat)
		if got := b.states(); !slices.Equal(got, []string{"Declared", "Ready"}) {
			t.Errorf("written: %v", got)
		}
		// What changes without a transition is seen by the heartbeat.
		p.set(supervise.Status{State: supervise.Ready, LastLines: []string{`{"level":"WARN","msg":"slow"}`}})
		time.Sleep(heartbeat + time.Second)
		if got := b.states(); len(got) != 3 || b.at(2).Document.Lines[0] != "WARN slow" {
			t.Errorf("written: %v", got)
		}
	})
}

func TestWhatCouldNotBeWrittenIsWrittenLater(t *testing.T) {
	keep(t, func(_ *plugin, b *book, changed func(supervise.Status), _ <-chan struct{}) {
		b.fail(errors.New("the database is away"))
		changed(supervise.Status{State: supervise.Quarantined, Problem: "wrong hash"})
		time.Sleep(2 * heartbeat)
		b.fail(nil)
		time.Sleep(heartbeat + time.Second) // past the tick, not at its moment
		if got := b.states(); !slices.Equal(got, []string{"Declared", "Quarantined"}) || b.at(1).Document.Problem != "wrong hash" {
			t.Errorf("written: %v", got)
		}
	})
}

func TestAProcessThatWasReplacedWritesNoMore(t *testing.T) {
	keep(t, func(_ *plugin, b *book, changed func(supervise.Status), ended <-chan struct{}) {
		b.fail(store.ErrReplaced)
		changed(supervise.Status{State: supervise.Ready})
		<-ended
	})
}

func TestWhatAPluginWroteWithoutStructureIsNotKept(t *testing.T) {
	const canary = "canary-93ab"
	keep(t, func(_ *plugin, b *book, changed func(supervise.Status), _ <-chan struct{}) {
		lines := slices.Repeat([]string{"password is " + canary, `{"level":"INFO","msg":"fine","value":"` + canary + `"}`}, 200)
		changed(supervise.Status{State: supervise.Backoff, LastLines: lines})
		time.Sleep(time.Second)
		text, err := json.Marshal(b.at(1))
		if err != nil || strings.Contains(string(text), canary) || strings.Count(string(text), "INFO fine") != 25 || len(text) > 8<<10 {
			t.Errorf("%v; kept is %s", err, text)
		}
	})
}
