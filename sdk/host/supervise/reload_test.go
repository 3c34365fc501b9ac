package supervise_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/identitymesh/identitymesh/sdk/host/supervise"
)

// after is a source whose process becomes ready, or fails, after a while.
func after(d time.Duration, l *life, err error) *from {
	return &from{name: "next", start: func(ctx context.Context, _ int) (supervise.Instance, error) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		return l, nil
	}}
}

// reload reloads in the background and returns where the outcome will be.
func (w *world) reload(source supervise.Source) <-chan error {
	outcome := make(chan error, 1)
	go func() { outcome <- w.Reload(context.Background(), source) }()
	synctest.Wait()
	return outcome
}

func TestReloadSwitchesFirstThenDrainsTheOldProcess(t *testing.T) {
	old, fresh := newLife(1), newLife(2)
	bubble(t, lives(old), func(t *testing.T, w *world) {
		held, err := w.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		outcome := w.reload(after(3*time.Second, fresh, nil))
		w.pass(2 * time.Second)
		if pid := w.serving(); pid != 1 {
			t.Errorf("while the new one starts, process %d serves", pid)
		}
		w.pass(time.Second)
		if err := <-outcome; err != nil {
			t.Fatal(err)
		}
		if pid := w.serving(); pid != 2 || old.drained {
			t.Errorf("process %d serves; the old one, which has a call, is drained: %v", pid, old.drained)
		}
		w.pass(supervise.DrainWait / 2)
		if old.drained {
			t.Error("the old one was drained under its call")
		}
		held.Done(t.Context(), nil)
		w.pass(0)
		if !old.drained || !old.gone() || fresh.gone() || fresh.drained {
			t.Error("only the old one is to be drained and stopped")
		}
		st := w.is(supervise.Ready)
		if st.PID != 2 || st.Source.Name() != "next" || st.Restarts != 0 || st.Reload.Problem != "" || st.Reload.At.IsZero() {
			t.Errorf("status %+v", st)
		}
		if got, want := w.went(), begun+" Ready"; got != want {
			t.Errorf("it went %s", got)
		}
		last := st.History[len(st.History)-2:]
		if last[0].State != supervise.Draining || last[0].PID != 1 || last[1].State != supervise.Stopped || last[1].PID != 1 {
			t.Errorf("the history ends with %+v", last)
		}
		fresh.die()
		w.pass(time.Second)
		if w.is(supervise.Starting).Source.Name() != "next" {
			t.Error("the restart came from the old source")
		}
	})
}

func TestCallThatLastsLongerThanTheWaitIsCutOff(t *testing.T) {
	old := newLife(1)
	bubble(t, lives(old), func(t *testing.T, w *world) {
		held, err := w.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer held.Done(t.Context(), nil)
		if err := w.Reload(t.Context(), lives(newLife(2))); err != nil {
			t.Fatal(err)
		}
		w.pass(supervise.DrainWait - time.Second)
		if old.gone() {
			t.Fatal("too early")
		}
		w.pass(time.Second)
		if !old.gone() || !strings.Contains(w.logs.String(), "cut off") {
			t.Errorf("stopped %v, logged %s", old.gone(), w.logs.String())
		}
	})
}

func TestFailedReloadLeavesTheOldProcessInService(t *testing.T) {
	old := newLife(1)
	bubble(t, lives(old), func(t *testing.T, w *world) {
		err := w.Reload(t.Context(), failing(&supervise.Permanent{Err: errors.New("wrong hash")}))
		var permanent *supervise.Permanent
		if !errors.As(err, &permanent) || !strings.Contains(err.Error(), "wrong hash") {
			t.Fatalf("got %v", err)
		}
		st := w.is(supervise.Ready)
		if w.serving() != 1 || old.drained || st.Problem != "" || !strings.Contains(st.Reload.Problem, "wrong hash") || w.went() != begun {
			t.Errorf("status %+v, it went %s", st, w.went())
		}
		old.die()
		w.pass(time.Second)
		if st := w.is(supervise.Quarantined); strings.Contains(st.Problem, "wrong hash") {
			t.Errorf("the source that was refused is used: %s", st.Problem)
		}
	})
}

func TestReloadReleasesWhatIsNotInService(t *testing.T) {
	for name, c := range map[string]struct {
		source *from
		state  supervise.State
	}{
		"from quarantine":   {failing(&supervise.Permanent{Err: errors.New("wrong hash")}), supervise.Quarantined},
		"between two tries": {failing(errors.New("no luck")), supervise.Backoff},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, c.source, func(t *testing.T, w *world) {
				w.is(c.state)
				begin := time.Now()
				if err := w.Reload(t.Context(), lives(newLife(2))); err != nil || time.Since(begin) > 0 {
					t.Fatalf("after %s: %v", time.Since(begin), err)
				}
				if st := w.is(supervise.Ready); st.Problem != "" || st.PID != 2 {
					t.Errorf("status %+v", st)
				}
			})
		})
	}
}

func TestReloadMakesTheBudgetWhole(t *testing.T) {
	again := lives(newLife(2))
	bubble(t, lives(newLife(1)), func(t *testing.T, w *world) {
		for range supervise.Budget + 1 {
			w.call(violation())
		}
		w.is(supervise.Quarantined)
		if err := w.Reload(t.Context(), again); err != nil {
			t.Fatal(err)
		}
		for range supervise.Budget {
			w.call(violation())
		}
		w.is(supervise.Degraded)
		if err := w.Reload(t.Context(), lives(newLife(3))); err != nil {
			t.Fatal(err)
		}
		w.is(supervise.Ready)
		for range supervise.Budget {
			w.call(violation())
		}
		w.is(supervise.Degraded)
	})
}

func TestFailedReleaseFollowsTheNewSource(t *testing.T) {
	bubble(t, failing(errors.New("it is tired")), func(t *testing.T, w *world) {
		w.pass(time.Minute)
		w.is(supervise.Quarantined) // the budget is spent
		if err := w.Reload(t.Context(), failing(errors.New("no luck"))); err == nil || !strings.Contains(err.Error(), "no luck") {
			t.Fatalf("got %v", err)
		}
		if st := w.Status(); st.State != supervise.Backoff || !strings.Contains(st.Problem, "no luck") || !strings.Contains(st.Reload.Problem, "no luck") {
			t.Errorf("status %+v", st)
		}
	})
}

func TestProcessThatDiesUnderAReloadIsReplacedByTheNewOne(t *testing.T) {
	old := newLife(1)
	bubble(t, lives(old), func(t *testing.T, w *world) {
		outcome := w.reload(after(3*time.Second, newLife(2), nil))
		old.die()
		w.is(supervise.Crashed)
		if pid := w.serving(); pid != 2 {
			t.Errorf("process %d serves", pid)
		}
		if err := <-outcome; err != nil {
			t.Error(err)
		}
	})
}

func TestProcessThatDiesUnderAReloadThatFailsIsStartedAgain(t *testing.T) {
	old := newLife(1)
	bubble(t, lives(old, newLife(3)), func(t *testing.T, w *world) {
		outcome := w.reload(after(3*time.Second, nil, errors.New("no luck")))
		old.die()
		if pid := w.serving(); pid != 3 {
			t.Errorf("process %d serves", pid)
		}
		if err := <-outcome; err == nil {
			t.Error("the reload succeeded")
		}
	})
}

func TestReloadsAreDoneOneAfterTheOther(t *testing.T) {
	first, second := newLife(1), newLife(2)
	bubble(t, lives(first), func(t *testing.T, w *world) {
		held, err := w.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		one := w.reload(after(time.Second, second, nil))
		two := w.reload(after(time.Second, newLife(3), nil))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := w.Reload(ctx, lives()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one that cannot wait: %v", err)
		}
		if err := <-one; err != nil {
			t.Fatal(err)
		}
		if pid := w.serving(); pid != 2 {
			t.Errorf("process %d serves: there were three at a time", pid)
		}
		held.Done(t.Context(), nil)
		if err := <-two; err != nil {
			t.Fatal(err)
		}
		w.pass(0)
		if pid := w.serving(); pid != 3 || !first.gone() || !second.gone() {
			t.Errorf("process %d serves, the first is gone: %v, the second: %v", pid, first.gone(), second.gone())
		}
	})
}

func TestStopEndsAReleaseThatIsUnderWay(t *testing.T) {
	bubble(t, lives(), func(t *testing.T, w *world) {
		outcome := w.reload(after(time.Hour, nil, nil))
		w.is(supervise.Starting)
		w.Stop()
		if err := <-outcome; err == nil || !strings.Contains(err.Error(), "Stopped") {
			t.Errorf("got %v", err)
		}
	})
}

func TestStopWaitsForTheReplacedProcessToo(t *testing.T) {
	old := newLife(1)
	old.cleanup = 3 * time.Second
	bubble(t, lives(old), func(t *testing.T, w *world) {
		held, err := w.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Reload(t.Context(), lives(newLife(2))); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		w.Stop()
		if took := time.Since(begin); took != old.cleanup || !old.gone() {
			t.Errorf("after %s, the old one is gone: %v", took, old.gone())
		}
		held.Done(t.Context(), nil)
	})
}

func TestReloadThatIsGivenUpGoesOn(t *testing.T) {
	bubble(t, lives(newLife(1)), func(t *testing.T, w *world) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := w.Reload(ctx, after(2*time.Second, newLife(2), nil)); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "under way") {
			t.Fatalf("got %v", err)
		}
		w.pass(2 * time.Second)
		if pid := w.serving(); pid != 2 {
			t.Errorf("process %d serves", pid)
		}
	})
}
