package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
)

// longAgo is a clock that is behind those of all other tests, with which a server may
// be shared.
func longAgo() *clock { return &clock{t: time.Date(2020, 3, 1, 12, 0, 0, 0, time.UTC)} }

func TestOldRunsAreRemovedAndTheNewestOfAConnectorStays(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.openAt(t, longAgo())
		has := func(r store.Run) bool {
			_, err := f.Run(t.Context(), r.ID)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Fatal(err)
			}
			return err == nil
		}
		lines := func(r store.Run) int { return len(must1(f.ListLogs(t.Context(), r.ID, 0, 10))(t)) }
		busy, quiet, gone := f.connector(t), f.connector(t), f.connector(t)
		var old []store.Run
		for range 55 { // more than a transaction removes
			old = append(old, f.ended(t, busy, store.Failed, time.Second))
		}
		must(t, f.Note(t.Context(), store.ImportConfig{RunID: old[3].ID}, store.Info, "of an old run"))
		tested := f.runAgain(t, quiet, store.Test)
		must(t, f.Finish(t.Context(), tested.Run.ID, store.Result{Status: store.Succeeded}))
		must(t, f.ReleaseLease(t.Context(), tested.Lease))
		only := f.ended(t, quiet, store.Succeeded, time.Second)
		must(t, f.Note(t.Context(), store.ImportConfig{RunID: only.ID}, store.Info, "of the only run"))
		last := f.ended(t, gone, store.Failed, time.Second)
		must(t, f.DeleteConnector(t.Context(), gone.ID, 0))
		under := f.running(t, store.Full)
		f.clock.add(10 * 24 * time.Hour)
		recent := f.ended(t, busy, store.Failed, time.Second)

		limit := f.clock.now().Add(-5 * 24 * time.Hour)
		if n, err := f.PruneRuns(t.Context(), limit); err != nil || n != len(old)+2 {
			t.Errorf("%d runs were removed, %v", n, err)
		}
		for _, r := range append(old, tested.Run, last) {
			if has(r) {
				t.Errorf("%s run %s is there", r.Kind, r.ID)
			}
		}
		for _, r := range []store.Run{only, under.Run, recent} {
			if !has(r) {
				t.Errorf("%s run %s is gone", r.Kind, r.ID)
			}
		}
		if lines(old[3]) != 0 || lines(only) != 1 {
			t.Errorf("the removed run has %d lines, the other %d", lines(old[3]), lines(only))
		}
		if n, err := f.PruneRuns(t.Context(), limit); err != nil || n != 0 {
			t.Errorf("%d runs were removed again, %v", n, err)
		}
	})
}

func TestTheNumberOfTheNewestRunIsNeverGivenAgain(t *testing.T) {
	f := backend{"SQLite", sqliteIn(t)}.openAt(t, longAgo())
	c := f.connector(t)
	r := f.ended(t, c, store.Failed, time.Second)
	must(t, f.DeleteConnector(t.Context(), c.ID, 0))
	if n, err := f.PruneRuns(t.Context(), f.clock.now().Add(time.Hour)); err != nil || n != 0 {
		t.Errorf("%d runs were removed, %v", n, err)
	}
	if next := f.ended(t, f.connector(t), store.Failed, time.Second); next.Seq <= r.Seq {
		t.Errorf("the next run has number %d, after %d", next.Seq, r.Seq)
	}
	if n, err := f.PruneRuns(t.Context(), f.clock.now().Add(time.Hour)); err != nil || n != 1 {
		t.Errorf("%d runs were removed then, %v", n, err)
	}
}

func TestOldLinesAreRemovedAndTheirRunStays(t *testing.T) {
	f := backend{"SQLite", sqliteIn(t)}.openAt(t, longAgo())
	r := f.ended(t, f.connector(t), store.Succeeded, time.Second)
	note := func() {
		must(t, f.Note(t.Context(), store.ImportConfig{RunID: r.ID}, store.Info, "line"))
		f.clock.add(24 * time.Hour)
	}
	for range 5 {
		note()
	}
	last := must1(f.ListLogs(t.Context(), r.ID, 0, 10))(t)[4].ID
	prune := func(want int64) {
		t.Helper()
		if n, err := f.PruneLogs(t.Context(), f.clock.now().Add(-36*time.Hour)); err != nil || n != want {
			t.Errorf("%d lines were removed, %v, want %d", n, err, want)
		}
	}
	prune(3) // of the four old ones the last one stays
	f.clock.add(30 * 24 * time.Hour)
	prune(1)
	prune(0)
	note()
	left := must1(f.ListLogs(t.Context(), r.ID, 0, 10))(t)
	if len(left) != 2 || left[0].ID != last || left[1].ID <= last {
		t.Errorf("left are %+v", left)
	}
	must1(f.Run(t.Context(), r.ID))(t)
}
