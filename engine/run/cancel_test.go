package run_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/run"
	"github.com/identitymesh/identitymesh/engine/store"
)

// quickly looks for the wish to cancel all the time.
func quickly(c *run.Config) { c.CancelPoll = 5 * time.Millisecond }

// cancelled asks for the end of the run that is under way.
func (w *world) cancelled(by string) {
	w.t.Helper()
	runs, err := w.store.ListRuns(w.t.Context(), store.RunFilter{Status: store.Running}, 2)
	if err != nil || len(runs) != 1 {
		w.t.Errorf("%d runs are under way, %v", len(runs), err)
		return
	}
	if asked, err := w.store.Cancel(w.t.Context(), runs[0].ID, by); !asked || err != nil {
		w.t.Errorf("asked: %v, %v", asked, err)
	}
}

func TestACancelledRunKeepsTheWatermarkOfItsLastCheckpoint(t *testing.T) {
	w := newWorld(t, quickly)
	w.do(t.Context(), store.Full)
	w.system.delta = func(ctx context.Context, _ connector.Watermark, emit connector.Emit) (connector.Outcome, error) {
		page := people("d")
		page.Checkpoint = "w2"
		if err := emit(ctx, page); err != nil {
			return connector.Outcome{}, err
		}
		w.cancelled("ann")
		<-ctx.Done()
		// What is read after the wish is not written any more.
		late := people("e")
		late.Checkpoint = "w3"
		return connector.Outcome{Watermark: "w4"}, emit(ctx, late)
	}
	r := w.do(t.Context(), store.Delta)
	w.expect(r, store.Cancelled, store.ReasonCancelled, "cancelled by ann", "w2")
	if r.Counts.Added != 1 || w.present() != 4 || r.WatermarkAfter != "w2" {
		t.Errorf("%+v, present %d", r, w.present())
	}
	if strings.Contains(w.logs.String(), `"level":"ERROR"`) {
		t.Errorf("a wish is no error: %s", w.logs)
	}
	// The next run goes on from there.
	w.system.delta = func(ctx context.Context, since connector.Watermark, emit connector.Emit) (connector.Outcome, error) {
		if since != "w2" {
			t.Errorf("it goes on from %s", since)
		}
		return connector.Outcome{Watermark: "w5"}, emit(ctx, people("e"))
	}
	w.expect(w.do(t.Context(), store.Delta), store.Succeeded, "", "", "w5")
}

func TestACancelledFullImportMarksNothingAbsent(t *testing.T) {
	w := newWorld(t, quickly)
	w.do(t.Context(), store.Full)
	w.system.full = func(ctx context.Context, emit connector.Emit) (connector.Outcome, error) {
		if err := emit(ctx, people("a")); err != nil {
			return connector.Outcome{}, err
		}
		w.cancelled("ann")
		<-ctx.Done()
		return connector.Outcome{}, ctx.Err()
	}
	w.expect(w.do(t.Context(), store.Full), store.Cancelled, store.ReasonCancelled, "cancelled by ann", "w1")
	if w.present() != 3 {
		t.Errorf("present %d", w.present())
	}
}

func TestACancelledTestEnds(t *testing.T) {
	w := newWorld(t, quickly)
	w.system.hangs = true
	time.AfterFunc(50*time.Millisecond, func() { w.cancelled("bob") })
	w.expect(w.do(t.Context(), store.Test), store.Cancelled, store.ReasonCancelled, "cancelled by bob", "")
}
