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

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
)

const begun = "Verifying Starting Ready"

func TestPluginThatDiesIsStartedAgain(t *testing.T) {
	first, second := newLife(1), newLife(2)
	bubble(t, lives(first, second), func(t *testing.T, w *world) {
		if pid := w.serving(); pid != 1 {
			t.Fatalf("process %d serves", pid)
		}
		first.die()
		if pid := w.serving(); pid != 2 || !first.gone() {
			t.Fatalf("process %d serves, the first is cleaned up: %v", pid, first.gone())
		}
		st := w.is(supervise.Ready)
		if st.Restarts != 1 || st.PID != 2 || st.Problem != "" {
			t.Errorf("status %+v", st)
		}
		if got, want := w.went(), begun+" Crashed Backoff "+begun; got != want {
			t.Errorf("it went %s", got)
		}
	})
}

func TestCallerWaitsWhileADeadPluginIsCleanedUp(t *testing.T) {
	first, second := newLife(1), newLife(2)
	first.cleanup = 3 * time.Second
	bubble(t, lives(first, second), func(t *testing.T, w *world) {
		first.die()
		st := w.is(supervise.Crashed)
		if st.PID != 0 || !strings.Contains(st.Problem, "killed") || len(st.LastLines) != 1 {
			t.Errorf("status %+v", st)
		}
		if pid := w.serving(); pid != 2 {
			t.Errorf("process %d serves", pid)
		}
	})
}

func TestCallerWhoseConnectionBrokeWaitsAMomentForAnotherProcess(t *testing.T) {
	first := newLife(1)
	bubble(t, lives(first, newLife(2)), func(t *testing.T, w *world) {
		lease, err := w.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		lease.Done(t.Context(), nil)
		begin := time.Now()
		again, err := w.AcquireAfter(t.Context(), lease)
		if err != nil || again.Instance().PID() != 1 || time.Since(begin) != supervise.NoticeLimit {
			t.Fatalf("one that lives on: after %s: %v", time.Since(begin), err)
		}
		again.Done(t.Context(), nil)
		time.AfterFunc(time.Second, first.die)
		again, err = w.AcquireAfter(t.Context(), lease)
		if err != nil || again.Instance().PID() != 2 {
			t.Fatalf("one that dies a second later: %v", err)
		}
		again.Done(t.Context(), nil)
	})
}

func TestPausesDoubleUntilTheBudgetIsSpent(t *testing.T) {
	// This one has a clock of its own, to see what is asked of it.
	var mu sync.Mutex
	now, pauses := time.Unix(0, 0), []time.Duration{}
	source := failing(errors.New("no luck"))
	s := supervise.New(supervise.Config{
		Source: source, Logger: slog.New(slog.DiscardHandler), Random: func() float64 { return 0.5 },
		Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now },
		After: func(d time.Duration) <-chan time.Time {
			mu.Lock()
			defer mu.Unlock()
			now, pauses = now.Add(d), append(pauses, d)
			due := make(chan time.Time, 1)
			due <- now
			return due
		},
	})
	defer s.Stop()
	_, err := s.Acquire(t.Context())
	for _, want := range []string{"Quarantined", "6 times within 10m0s", "no luck", "reload"} {
		if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	const quarter = supervise.FirstPause - supervise.FirstPause/4 // a half of the half
	if got, want := fmt.Sprint(pauses), fmt.Sprint([]time.Duration{quarter, 2 * quarter, 4 * quarter, 8 * quarter, 16 * quarter}); got != want {
		t.Errorf("pauses %v, want %v", got, want)
	}
	if source.starts() != supervise.Budget+1 {
		t.Errorf("%d starts", source.starts())
	}
}

func TestFailuresOfLongAgoAreForgiven(t *testing.T) {
	const apart = supervise.BudgetWindow / supervise.Budget
	var all []*life
	for pid := range 3 * supervise.Budget {
		all = append(all, newLife(pid))
	}
	bubble(t, lives(all...), func(t *testing.T, w *world) {
		for _, l := range all[:len(all)-1] {
			w.pass(apart)
			l.die()
		}
		w.pass(apart)
		if st := w.is(supervise.Ready); st.Restarts != len(all)-1 {
			t.Errorf("status %+v", st)
		}
	})
}

func TestHopelessStartIsNotTriedAgain(t *testing.T) {
	broken := &facade.Violation{Plugin: "p", Version: "1.0.0", Call: "GetInfo", Rule: "a rule"}
	for name, failure := range map[string]error{
		"a permanent failure": &supervise.Permanent{Err: errors.New("wrong hash")},
		"a broken contract":   fmt.Errorf("open: %w", broken),
	} {
		t.Run(name, func(t *testing.T) {
			source := failing(failure)
			bubble(t, source, func(t *testing.T, w *world) {
				w.is(supervise.Quarantined)
				w.refuses(failure.Error())
				w.pass(24 * time.Hour)
				if w.is(supervise.Quarantined); source.starts() != 1 {
					t.Errorf("it was started %d times", source.starts())
				}
			})
		})
	}
}

func TestRefusedConfigurationStaysAnOutcomeOfTheConfiguration(t *testing.T) {
	refused := fault.New(fault.ConfigInvalid, fault.SourceConfig, "the url is none")
	bubble(t, failing(&supervise.Permanent{Err: refused}), func(t *testing.T, w *world) {
		_, err := w.Acquire(t.Context())
		if fault.Of(err) != fault.ConfigInvalid || !strings.Contains(err.Error(), "the url is none") {
			t.Errorf("got %v", err)
		}
	})
}

func TestWaitForAStartEndsWithTheCallersDeadline(t *testing.T) {
	slow := &from{name: "test", start: func(ctx context.Context, _ int) (supervise.Instance, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	bubble(t, slow, func(t *testing.T, w *world) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		_, err := w.Acquire(ctx)
		if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "Starting") || time.Since(begin) != time.Second {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
		w.pass(supervise.StartLimit - time.Second)
		w.is(supervise.Backoff)
	})
}

func TestStopEndsEveryStateInBoundedTime(t *testing.T) {
	hanging := func(ctx context.Context, _ int) (supervise.Instance, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	cases := []struct {
		name   string
		state  supervise.State
		source func(l *life) *from
		before func(w *world, l *life)
		limit  time.Duration
	}{
		{"while it starts", supervise.Starting, func(*life) *from { return &from{name: "test", start: hanging} }, nil, 0},
		{"while it is ready", supervise.Ready, func(l *life) *from { return lives(l) }, nil, 0},
		{"while it is degraded", supervise.Degraded, func(l *life) *from { return lives(l) },
			func(w *world, _ *life) { w.call(violation()) }, 0},
		{"while it is frozen", supervise.Ready, func(l *life) *from { return lives(l) },
			func(_ *world, l *life) { l.freeze(true) }, supervise.DrainLimit},
		{"while it is cleaned up", supervise.Crashed, func(l *life) *from { l.cleanup = 3 * time.Second; return lives(l) },
			func(_ *world, l *life) { l.die() }, 3 * time.Second},
		{"between two tries", supervise.Backoff, func(*life) *from { return failing(errors.New("no luck")) }, nil, 0},
		{"while it is quarantined", supervise.Quarantined, func(*life) *from { return lives() }, nil, 0},
		{"while it is reloaded", supervise.Ready, func(l *life) *from { return lives(l) },
			func(w *world, _ *life) {
				go func() {
					err := w.Reload(context.Background(), &from{name: "test", start: hanging})
					if err == nil || !strings.Contains(err.Error(), "the host is stopping") {
						t.Errorf("the reload: %v", err)
					}
				}()
			}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := newLife(1)
			source := c.source(l)
			bubble(t, source, func(t *testing.T, w *world) {
				if c.before != nil {
					c.before(w, l)
				}
				w.is(c.state)
				begin := time.Now()
				w.Stop()
				if took := time.Since(begin); took > c.limit {
					t.Errorf("it took %s", took)
				}
				st := w.is(supervise.Stopped)
				if source.starts() == 1 && st.Info.Name != "" && !l.gone() {
					t.Error("the process was not stopped")
				}
				w.refuses("Stopped")
				if err := w.Reload(t.Context(), source); fault.Of(err) != fault.Unavailable {
					t.Errorf("a reload afterwards: %v", err)
				}
			})
		})
	}
}

func TestStopDrainsBeforeItStops(t *testing.T) {
	l := newLife(1)
	bubble(t, lives(l), func(t *testing.T, w *world) {
		w.Stop()
		if !l.drained || !l.gone() || !strings.HasSuffix(w.went(), "Ready Draining Stopped") {
			t.Errorf("drained %v, stopped %v, it went %s", l.drained, l.gone(), w.went())
		}
	})
}

func TestEachTransitionIsOneLineAndHistoryKeepsTheLast(t *testing.T) {
	first := newLife(41)
	bubble(t, lives(first), func(t *testing.T, w *world) {
		first.die()
		w.pass(time.Second)
		st := w.is(supervise.Quarantined)
		var got []string
		for _, line := range w.logged() {
			if line["msg"] == "plugin changed state" && line["plugin"] == "test" {
				got = append(got, fmt.Sprint(line["level"], " ", line["state"], " ", line["pid"]))
			}
		}
		want := []string{"DEBUG Verifying <nil>", "DEBUG Starting <nil>", "INFO Ready 41", "DEBUG Crashed 41",
			"WARN Backoff <nil>", "DEBUG Verifying <nil>", "DEBUG Starting <nil>", "ERROR Quarantined <nil>"}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("logged %v\nwant %v", got, want)
		}
		if len(st.History) != len(want) || st.History[3].PID != 41 || !strings.Contains(st.History[3].Reason, "killed") ||
			st.History[4].At.Sub(st.History[3].At) != 0 || st.History[5].At.Sub(st.History[4].At) != supervise.FirstPause {
			t.Errorf("history %+v", st.History)
		}
		for range 2 * supervise.HistoryLength {
			_ = w.Reload(t.Context(), lives())
		}
		if st := w.Status(); len(st.History) != supervise.HistoryLength || st.History[supervise.HistoryLength-1].State != supervise.Quarantined {
			t.Errorf("history %+v", st.History)
		}
		if len(st.History) != len(want) {
			t.Error("the history of an earlier status changed")
		}
	})
}
