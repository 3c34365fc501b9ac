package run_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/run"
	"github.com/identitymesh/identitymesh/engine/schedule"
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
	claimed := w.claim(store.Test)
	w.cancelled("bob")
	w.runner.Run(t.Context(), claimed)
	r, err := w.store.Run(t.Context(), claimed.Run.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.expect(r, store.Cancelled, store.ReasonCancelled, "cancelled by bob", "")
}

// The whole engine but its process: its loop takes the run, an operator wants its
// end, and the loop takes the next one.
func TestAnEngineEndsACancelledRunAndGoesOn(t *testing.T) {
	w := newWorld(t, quickly)
	started := make(chan struct{})
	var runs atomic.Int32
	w.system.full = func(ctx context.Context, emit connector.Emit) (connector.Outcome, error) {
		if runs.Add(1) == 2 {
			return emits("w2", people("a", "b"))(ctx, emit)
		}
		page := people("a")
		page.Checkpoint = "w1"
		if err := emit(ctx, page); err != nil {
			return connector.Outcome{}, err
		}
		close(started)
		<-ctx.Done()
		return connector.Outcome{}, ctx.Err()
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	loop := schedule.New(schedule.Config{
		Store: w.store, Self: store.Instance{Role: store.RoleEngine, Name: "one", Incarnation: "1", Started: time.Now()}, Run: w.runner.Run,
		Logger: slog.New(slog.DiscardHandler), Now: time.Now, Poll: 10 * time.Millisecond, Heartbeat: time.Second, LeaseTTL: time.Minute,
		MaxRuns: 2, Stopping: run.ErrStopping,
	})
	if err := loop.Join(ctx); err != nil {
		t.Fatal(err)
	}
	var working sync.WaitGroup
	working.Go(func() {
		if err := loop.Work(ctx); err != nil {
			t.Error(err)
		}
	})
	defer working.Wait()
	defer stop()
	enqueue := func() store.Run {
		r, _, err := w.store.Enqueue(ctx, store.NewRun{ConnectorID: w.id, Kind: store.Full, Trigger: store.Manual})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	ended := func(r store.Run) store.Run {
		t.Helper()
		var err error
		for r.Finished.IsZero() && ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond)
			if r, err = w.store.Run(ctx, r.ID); err != nil {
				t.Fatal(err)
			}
		}
		return r
	}
	// A first full import has a checkpoint with each page.
	first := enqueue()
	<-started
	if asked, err := w.store.Cancel(ctx, first.ID, "ann"); !asked || err != nil {
		t.Fatal(asked, err)
	}
	if r := ended(first); r.Status != store.Cancelled || r.Error != "cancelled by ann" || r.WatermarkAfter != "w1" || r.Counts.Added != 1 {
		t.Errorf("cancelled: %+v", r)
	}
	if r := ended(enqueue()); r.Status != store.Succeeded || r.WatermarkBefore != "w1" || r.WatermarkAfter != "w2" {
		t.Errorf("the next: %+v", r)
	}
}
