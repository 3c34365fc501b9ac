package supervise_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
)

// life is an instance, and its plugin, whose behaviour the test decides. Its
// methods that a supervisor calls are safe while the test changes it through them.
type life struct {
	facade.Plugin // nil: what is not below is not called
	pid           int

	cleanup time.Duration // that Stop takes

	mu      sync.Mutex
	frozen  bool
	drained bool
	stopped bool
	probes  int
	make    sync.Once
	done    chan struct{} // made in the bubble, or no time would pass there
	end     sync.Once
}

func newLife(pid int) *life { return &life{pid: pid} }

func (l *life) Facade() facade.Plugin { return l }
func (l *life) PID() int              { return l.pid }
func (l *life) ExitText() string      { return "it ended with signal: killed" }
func (l *life) LastLines() []string   { return []string{"last words"} }
func (l *life) Warnings() []string    { return nil }
func (l *life) Info() facade.Info     { return facade.Info{Name: "test", Version: "1.2.3"} }

func (l *life) Stop() bool {
	time.Sleep(l.cleanup)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	l.die()
	return true
}

func (l *life) Done() <-chan struct{} { return l.life() }

func (l *life) life() chan struct{} {
	l.make.Do(func() { l.done = make(chan struct{}) })
	return l.done
}

// die ends the process.
func (l *life) die() { l.end.Do(func() { close(l.life()) }) }

func (l *life) Drain(ctx context.Context) error {
	if err := l.answer(ctx); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drained = true
	return nil
}

func (l *life) Probe(ctx context.Context) error {
	l.mu.Lock()
	l.probes++
	l.mu.Unlock()
	return l.answer(ctx)
}

func (l *life) answer(ctx context.Context) error {
	l.mu.Lock()
	frozen := l.frozen
	l.mu.Unlock()
	if frozen {
		<-ctx.Done()
		return fault.New(fault.Timeout, fault.SourcePlugin, "no answer")
	}
	return nil
}

func (l *life) freeze(frozen bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frozen = frozen
}

func (l *life) gone() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stopped
}

// from is a source that is a function of the number of the start, from 1.
type from struct {
	name  string
	start func(ctx context.Context, n int) (supervise.Instance, error)

	mu sync.Mutex
	n  int
}

func (f *from) Name() string { return f.name }

func (f *from) Start(ctx context.Context, verified func()) (supervise.Instance, error) {
	f.mu.Lock()
	f.n++
	n := f.n
	f.mu.Unlock()
	verified()
	return f.start(ctx, n)
}

func (f *from) starts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// lives is a source that hands out the lives one after the other.
func lives(all ...*life) *from {
	return &from{name: "test", start: func(_ context.Context, n int) (supervise.Instance, error) {
		if n > len(all) {
			return nil, &supervise.Permanent{Err: errors.New("there are no more lives")}
		}
		return all[n-1], nil
	}}
}

// failing is a source that never starts.
func failing(err error) *from {
	return &from{name: "test", start: func(context.Context, int) (supervise.Instance, error) { return nil, err }}
}

// world is a supervisor on the clock of a bubble, where time passes only when
// everybody waits. That everything ended with it is seen to by the bubble.
type world struct {
	*supervise.Supervisor
	t    *testing.T
	logs bytes.Buffer

	mu     sync.Mutex
	states []supervise.State // every transition
}

// bubble runs test in a world of its own, on its own clock.
func bubble(t *testing.T, source supervise.Source, test func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		w.Supervisor = supervise.New(supervise.Config{
			Source: source,
			Logger: slog.New(slog.NewJSONHandler(&w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
			OnState: func(s supervise.Status) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.states = append(w.states, s.State)
			},
			Random: func() float64 { return 0 },
		})
		defer w.Stop()
		synctest.Wait()
		test(t, w)
	})
}

// pass lets time pass.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// is fails unless the plugin is in that state.
func (w *world) is(want supervise.State) supervise.Status {
	w.t.Helper()
	synctest.Wait()
	st := w.Status()
	if st.State != want {
		w.t.Fatalf("the state is %s instead of %s: %s; it went %v", st.State, want, st.Problem, w.went())
	}
	return st
}

// went are the transitions so far.
func (w *world) went() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, s := range w.states {
		all = append(all, string(s))
	}
	return strings.Join(all, " ")
}

// call makes a call that has that outcome.
func (w *world) call(outcome error) {
	w.t.Helper()
	lease, err := w.Acquire(w.t.Context())
	if err != nil {
		w.t.Fatalf("acquire: %v", err)
	}
	lease.Done(w.t.Context(), outcome)
}

// serving is the process that a call would go to now.
func (w *world) serving() int {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	lease, err := w.Acquire(ctx)
	if err != nil {
		w.t.Fatalf("acquire: %v", err)
	}
	defer lease.Done(ctx, nil)
	return lease.Instance().PID()
}

// refuses fails unless a call is refused at once with all the words.
func (w *world) refuses(words ...string) {
	w.t.Helper()
	begin := time.Now()
	_, err := w.Acquire(w.t.Context())
	if fault.Of(err) != fault.Unavailable || time.Since(begin) > 0 {
		w.t.Errorf("after %s: %v", time.Since(begin), err)
	}
	for _, word := range words {
		if err != nil && !strings.Contains(err.Error(), word) {
			w.t.Errorf("the error lacks %q: %v", word, err)
		}
	}
}

// logged are the lines about the state, each as its level and some fields.
func (w *world) logged() (lines []map[string]any) {
	w.t.Helper()
	for _, text := range strings.Split(strings.TrimSpace(w.logs.String()), "\n") {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			w.t.Fatalf("%q: %v", text, err)
		}
		lines = append(lines, line)
	}
	return lines
}

func violation() error {
	v := &facade.Violation{Plugin: "p", Version: "1.0.0", Call: "Get", Rule: "a rule"}
	return &fault.Error{Reason: fault.Internal, Source: fault.SourcePlugin, Message: v.Error(), Cause: v}
}

// deadlinePassed ends a call whose caller's time ran out.
func (w *world) deadlinePassed() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
	defer cancel()
	lease, err := w.Acquire(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	<-ctx.Done()
	lease.Done(ctx, fault.New(fault.Timeout, fault.SourcePlugin, "context deadline exceeded"))
}
