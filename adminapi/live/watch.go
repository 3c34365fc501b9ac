package live

import (
	"cmp"
	"context"
	"slices"

	"github.com/identitymesh/identitymesh/engine/store"
)

const (
	// mostQueued of the queued runs, the oldest, are watched one by one; others are
	// noticed when they run.
	mostQueued = 10_000
	// mostRunning and mostChanged bound what one look reads; what is left over is
	// for the next.
	mostRunning = 1000
	mostChanged = 1000
	mostLines   = 2000
)

// watch knows how the runs were at the last look.
type watch struct {
	source Source
	begun  bool
	newest int64
	known  map[int64]face // of those that had not ended
	// running are those under way.
	running []store.Run
}

// face is what of a run can change.
type face struct {
	status    store.Status
	counts    store.Counts
	pages     int64
	cancelBy  string
	watermark string
	traceID   string
}

func faceOf(r store.Run) face {
	return face{r.Status, r.Counts, r.Pages, r.CancelBy, string(r.WatermarkAfter), r.TraceID}
}

func active(r store.Run) bool { return r.Status == store.Queued || r.Status == store.Running }

// found is what a look found.
type found struct {
	runs  []store.Run
	lines []store.Log
}

// look returns the runs that changed since the last one, and the lines of the runs
// that are wanted. The first look returns no runs.
func (w *watch) look(ctx context.Context, wanted map[string]int64) (found, error) {
	if !w.begun {
		newest, err := w.source.NewestRun(ctx)
		if err != nil {
			return found{}, err
		}
		w.newest, w.known = newest, map[int64]face{}
	}
	queued, err := w.source.QueuedRuns(ctx, mostQueued)
	if err != nil {
		return found{}, err
	}
	running, err := w.source.ListRuns(ctx, store.RunFilter{Status: store.Running}, mostRunning)
	if err != nil {
		return found{}, err
	}
	fresh, err := w.source.RunsAfter(ctx, w.newest, mostChanged)
	if err != nil {
		return found{}, err
	}
	ended, err := w.left(ctx, queued, running)
	if err != nil {
		return found{}, err
	}
	var out found
	// The lines after the runs: what a run that ended logged is among them.
	if len(wanted) > 0 {
		if out.lines, err = w.source.LogsAfter(ctx, wanted, mostLines); err != nil {
			return found{}, err
		}
	}
	out.runs = w.changed(queued, running, fresh, ended)
	if len(fresh) > 0 {
		w.newest = fresh[len(fresh)-1].Seq
	}
	w.running, w.begun = running, true
	return out, nil
}

// left reads the runs that were active and are neither queued nor running now.
func (w *watch) left(ctx context.Context, queued []int64, running []store.Run) ([]store.Run, error) {
	here := make(map[int64]bool, len(queued)+len(running))
	horizon := int64(-1)
	if len(queued) == mostQueued {
		horizon = queued[len(queued)-1] // what was queued later may be queued still
	}
	for _, seq := range queued {
		here[seq] = true
	}
	for _, r := range running {
		here[r.Seq] = true
	}
	var gone []int64
	for seq, f := range w.known {
		if !here[seq] && (horizon < 0 || f.status != store.Queued || seq <= horizon) {
			gone = append(gone, seq)
		}
	}
	if len(gone) == 0 {
		return nil, nil
	}
	slices.Sort(gone)
	gone = gone[:min(len(gone), mostChanged)]
	list, err := w.source.RunsBySeq(ctx, gone)
	if err != nil {
		return nil, err
	}
	for _, seq := range gone {
		if !slices.ContainsFunc(list, func(r store.Run) bool { return r.Seq == seq }) {
			delete(w.known, seq) // it was removed
		}
	}
	return list, nil
}

// changed takes the new state in and returns what is new in it, in the order in
// which the runs were queued. The lists are in the order in which they were read.
func (w *watch) changed(queued []int64, lists ...[]store.Run) (out []store.Run) {
	all := slices.Concat(lists...)
	over := map[int64]bool{}
	for _, r := range all {
		before, known := w.known[r.Seq]
		if active(r) {
			w.known[r.Seq] = faceOf(r)
		} else {
			delete(w.known, r.Seq)
			over[r.Seq] = true
		}
		if w.begun && (!known || before != faceOf(r)) {
			out = append(out, r)
		}
	}
	for _, seq := range queued {
		// One that is newer comes as a fresh one; one that is over ended meanwhile.
		if _, known := w.known[seq]; !known && seq <= w.newest && !over[seq] {
			w.known[seq] = face{status: store.Queued}
		}
	}
	slices.SortStableFunc(out, func(a, b store.Run) int { return cmp.Compare(a.Seq, b.Seq) })
	return out
}
