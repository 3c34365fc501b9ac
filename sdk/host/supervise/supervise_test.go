package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
	"github.com/identitymesh/identitymesh/sdk/plugintest"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// empty is a provider that holds nothing.
type empty struct{}

func (empty) Describe(context.Context, secret.Ref) (secret.Metadata, error) {
	return secret.Metadata{}, fault.New(fault.NotFound, fault.SourceBackend, "nothing is here")
}

func (empty) Get(context.Context, secret.Ref, secret.Version) (secret.Secret, error) {
	return secret.Secret{}, fault.New(fault.NotFound, fault.SourceBackend, "nothing is here")
}

// life is an instance whose end the test decides.
type life struct {
	facade  facade.Plugin
	done    chan struct{}
	stopped bool
	// cleanup, when set, is how long Stop takes.
	cleanup chan struct{}
}

func (l *life) Facade() facade.Plugin { return l.facade }
func (l *life) PID() int              { return 42 }
func (l *life) Done() <-chan struct{} { return l.done }
func (l *life) ExitText() string      { return "it ended with signal: killed" }
func (l *life) LastLines() []string   { return []string{"last words"} }
func (l *life) Warnings() []string    { return nil }

func (l *life) Stop() bool {
	if l.cleanup != nil {
		<-l.cleanup
	}
	l.stopped = true
	return true
}

// world runs a supervisor on a clock that only moves when it sleeps.
type world struct {
	*supervise.Supervisor
	mu     sync.Mutex
	now    time.Time
	pauses []time.Duration
	starts int
}

// start is called with the number of the try, from 1.
func newWorld(t *testing.T, start func(n int) (supervise.Instance, error)) *world {
	w := &world{now: time.Unix(0, 0)}
	w.Supervisor = supervise.New(supervise.Config{
		Name: "test", Logger: slog.New(slog.DiscardHandler),
		Start: func(context.Context) (supervise.Instance, error) {
			w.mu.Lock()
			w.starts++
			n := w.starts
			w.mu.Unlock()
			return start(n)
		},
		Now: func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now },
		Sleep: func(_ context.Context, d time.Duration) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.now = w.now.Add(d)
			w.pauses = append(w.pauses, d)
		},
		Random: func() float64 { return 0 },
	})
	t.Cleanup(w.Stop)
	return w
}

func client(t *testing.T, w *world) (facade.Plugin, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return w.Client(ctx)
}

func newLife(t *testing.T) *life {
	c := plugintest.Open(t, provider.Definition[empty]{
		Name: "empty", Version: "1.0.0",
		Open: func(context.Context, provider.Environment) (empty, diag.List) { return empty{}, nil },
	}, struct{}{})
	return &life{facade: c.Plugin, done: make(chan struct{})}
}

func TestPluginThatDiesIsStartedAgain(t *testing.T) {
	first, second := newLife(t), newLife(t)
	w := newWorld(t, func(n int) (supervise.Instance, error) { return []*life{first, second}[n-1], nil })
	if got, err := client(t, w); err != nil || got != first.facade {
		t.Fatalf("got %v", err)
	}
	close(first.done)
	got, err := w.ClientAfter(t.Context(), first.facade)
	if err != nil || got != second.facade {
		t.Fatalf("after the death: %v", err)
	}
	if st := w.Status(); st.State != supervise.Ready || st.Restarts != 1 || st.PID != 42 || !first.stopped {
		t.Errorf("status %+v", st)
	}
}

func TestCallerWaitsWhileADeadPluginIsCleanedUp(t *testing.T) {
	first, second := newLife(t), newLife(t)
	first.cleanup = make(chan struct{})
	w := newWorld(t, func(n int) (supervise.Instance, error) { return []*life{first, second}[n-1], nil })
	if _, err := client(t, w); err != nil {
		t.Fatal(err)
	}
	close(first.done)
	for w.Status().State == supervise.Ready {
		time.Sleep(time.Millisecond)
	}
	if st := w.Status(); st.State != supervise.Crashed || st.PID != 0 || !strings.Contains(st.Problem, "killed") || len(st.LastLines) != 1 {
		t.Errorf("status %+v", st)
	}
	time.AfterFunc(50*time.Millisecond, func() { close(first.cleanup) })
	if got, err := client(t, w); err != nil || got != second.facade {
		t.Errorf("got %v", err)
	}
}

func TestPausesDoubleUntilTheBudgetIsSpent(t *testing.T) {
	w := newWorld(t, func(n int) (supervise.Instance, error) { return nil, fmt.Errorf("no luck %d", n) })
	_, err := client(t, w)
	if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "Quarantined") || !strings.Contains(err.Error(), "no luck 6") {
		t.Fatalf("got %v", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	want := []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}
	if fmt.Sprint(w.pauses) != fmt.Sprint(want) || w.starts != supervise.Budget+1 {
		t.Errorf("pauses %v, starts %d", w.pauses, w.starts)
	}
}

func TestFailuresOfLongAgoAreForgiven(t *testing.T) {
	var w *world
	w = newWorld(t, func(n int) (supervise.Instance, error) {
		if n > 3*supervise.Budget {
			return newLife(t), nil
		}
		w.mu.Lock()
		w.now = w.now.Add(supervise.BudgetWindow / supervise.Budget)
		w.mu.Unlock()
		return nil, errors.New("a rare hiccup")
	})
	if _, err := client(t, w); err != nil {
		t.Fatal(err)
	}
}

func TestHopelessStartIsNotTriedAgain(t *testing.T) {
	violation := &facade.Violation{Plugin: "p", Version: "1.0.0", Call: "GetInfo", Rule: "a rule"}
	for name, failure := range map[string]error{
		"a permanent failure": &supervise.Permanent{Err: errors.New("wrong hash")},
		"a broken contract":   fmt.Errorf("open: %w", violation),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(int) (supervise.Instance, error) { return nil, failure })
			_, err := client(t, w)
			if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), failure.Error()) {
				t.Fatalf("got %v", err)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.starts != 1 {
				t.Errorf("it was started %d times", w.starts)
			}
		})
	}
}

func TestWaitForAStartEndsWithTheCallersDeadline(t *testing.T) {
	release := make(chan struct{})
	w := newWorld(t, func(int) (supervise.Instance, error) {
		<-release
		return nil, &supervise.Permanent{Err: errors.New("over")}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := w.Client(ctx)
	close(release)
	if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "Starting") {
		t.Errorf("got %v", err)
	}
}

func TestStopDrainsAndStops(t *testing.T) {
	l := newLife(t)
	w := newWorld(t, func(int) (supervise.Instance, error) { return l, nil })
	if _, err := client(t, w); err != nil {
		t.Fatal(err)
	}
	w.Stop()
	if st := w.Status(); st.State != supervise.Stopped || !l.stopped {
		t.Errorf("status %+v, stopped %v", st, l.stopped)
	}
	if _, err := l.facade.Describe(deadline(t), "secret://a"); !strings.Contains(err.Error(), "draining") {
		t.Errorf("a drained plugin answered %v", err)
	}
	if _, err := client(t, w); fault.Of(err) != fault.Unavailable {
		t.Errorf("a stopped one: %v", err)
	}
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}
