package run_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/run"
	"github.com/identitymesh/identitymesh/engine/store"
)

func TestRunsThatCannotEvenStart(t *testing.T) {
	t.Run("an invalid configuration names all problems", func(t *testing.T) {
		w := newWorld(t, nil)
		w.system.invalid = true
		r := w.do(t.Context(), store.Full)
		w.expect(r, store.Failed, run.ReasonConfig, "host: is missing; port: is not a number", "")
	})
	t.Run("an unknown type is named", func(t *testing.T) {
		w := newWorld(t, func(c *run.Config) { c.Kinds = connector.NewKinds() })
		w.expect(w.do(t.Context(), store.Full), store.Failed, run.ReasonConfig, `no connector type "fake"`, "")
	})
}

func TestPanicOfAConnectorFailsOnlyItsRun(t *testing.T) {
	w := newWorld(t, nil)
	w.system.full = func(context.Context, connector.Emit) (connector.Outcome, error) { panic(canary) }
	w.expect(w.do(t.Context(), store.Full), store.Failed, run.ReasonDefect, "log has the details", "")
	w.system.full = emits("w1", people("a"))
	w.expect(w.do(t.Context(), store.Full), store.Succeeded, "", "", "w1")
}

func hang(ctx context.Context, _ connector.Emit) (connector.Outcome, error) {
	<-ctx.Done()
	return connector.Outcome{}, errors.New("network error: use of closed connection")
}

func TestEndOfTheContextSaysWhy(t *testing.T) {
	t.Run("a stopping engine leaves the run interrupted", func(t *testing.T) {
		w := newWorld(t, nil)
		w.system.full = hang
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(50*time.Millisecond, func() { cancel(run.ErrStopping) })
		w.expect(w.do(ctx, store.Full), store.Interrupted, store.ReasonInterrupted, "the engine is stopping", "")
	})
	t.Run("a run that takes too long names the key of its limit", func(t *testing.T) {
		w := newWorld(t, func(c *run.Config) { c.Timeout = 50 * time.Millisecond })
		w.system.full = hang
		w.expect(w.do(t.Context(), store.Full), store.Failed, run.ReasonTimeout, "Engine:RunTimeout", "")
	})
}

func TestTestThatTakesTooLongSaysSo(t *testing.T) {
	w := newWorld(t, nil)
	w.runner.LimitTests(50 * time.Millisecond)
	w.system.hangs = true
	w.expect(w.do(t.Context(), store.Test), store.Failed, run.ReasonTimeout, "the test took longer than 50ms", "")
}

func TestSourceThatGivesUpByItselfIsNoStoppingEngine(t *testing.T) {
	w := newWorld(t, nil)
	w.system.full = func(context.Context, connector.Emit) (connector.Outcome, error) {
		return connector.Outcome{}, fmt.Errorf("the driver abandoned its query: %w", context.Canceled)
	}
	w.expect(w.do(t.Context(), store.Full), store.Failed, run.ReasonSource, "abandoned its query", "")
}

func TestRunThatLostItsLeaseCommitsNothing(t *testing.T) {
	w := newWorld(t, func(c *run.Config) { c.LeaseTTL = 300 * time.Millisecond })
	w.system.full = func(ctx context.Context, emit connector.Emit) (connector.Outcome, error) {
		state, err := w.store.State(ctx, w.id)
		if err != nil {
			t.Error(err)
		}
		// Another instance sees the lease expire and takes it.
		if err := w.store.ReleaseLease(ctx, state.Lease); err != nil {
			t.Error(err)
		}
		if _, err := w.store.AcquireLease(ctx, w.id, "other#1", time.Minute); err != nil {
			t.Error(err)
		}
		if err := emit(ctx, people("late")); err == nil {
			t.Error("a page was staged without the lease")
		}
		<-ctx.Done() // the renewal notices, too
		return connector.Outcome{}, ctx.Err()
	}
	r := w.do(t.Context(), store.Full)
	// The one who took over has written the outcome; this run adds nothing to it.
	if r.Status != store.Interrupted || r.Reason != store.ReasonInterrupted || w.present() != 0 {
		t.Errorf("got %s %s %q, present %d", r.Status, r.Reason, r.Error, w.present())
	}
}
