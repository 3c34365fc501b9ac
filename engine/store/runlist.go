package store

import (
	"context"
	"database/sql"
	"math"
	"time"
)

// RunFilter selects runs; its zero fields select all.
type RunFilter struct {
	ConnectorID string
	Status      Status
	Kind        Kind
	Trigger     Trigger
	// Reason is exact, Instance in any case.
	Reason, Instance string
	// From and To bound when a run was queued: From is within, To is not.
	From, To time.Time
	// Before is the Seq of a run that was queued later.
	Before int64
}

// clockDifference is how far apart the clocks of hosts may be for the bounds of
// [RunFilter] to find each run: runs are numbered in the order in which they are
// queued, each by its own host's clock.
const clockDifference = 5 * time.Minute

func (s *Store) runsWhere(f RunFilter) (w where) {
	w.equal("r.connector_id", f.ConnectorID)
	w.equal("r.status", string(f.Status))
	w.equal("r.kind", string(f.Kind))
	w.equal("r.trigger_name", string(f.Trigger))
	w.equal("r.instance_key", key(f.Instance))
	if f.Reason != "" { // the index has the runs with a reason only
		w.add("r.reason = ? AND r.reason <> ''", f.Reason)
	}
	if f.Before > 0 {
		w.add("r.seq < ?", f.Before)
	}
	one := s.db.Dialect.Limit("?")
	if !f.From.IsZero() {
		w.add("r.queued >= ? AND r.seq >= COALESCE((SELECT x.seq FROM IM_RunHistory x WHERE x.queued >= ? ORDER BY x.queued, x.seq"+one+"), ?)",
			f.From, f.From.Add(-clockDifference), 1, int64(math.MaxInt64))
	}
	if !f.To.IsZero() {
		w.add("r.queued < ? AND r.seq <= COALESCE((SELECT x.seq FROM IM_RunHistory x WHERE x.queued < ? ORDER BY x.queued DESC, x.seq DESC"+one+"), 0)",
			f.To, f.To.Add(clockDifference), 1)
	}
	return w
}

var bySeq = sorting[Run]{"r.seq", number, func(r *Run) string { return numberKey(r.Seq) }}

var runList = listing[Run]{
	name: "list runs",
	from: "SELECT " + runColumns + ", r.duration_ms FROM IM_RunHistory r",
	scan: func(rows *sql.Rows) (r Run, err error) {
		err = rows.Scan(append(r.targets(), &r.durationMS)...)
		return r, err
	},
	by: map[string]sorting[Run]{
		"queued":   bySeq,
		"duration": {"r.duration_ms", number, func(r *Run) string { return numberKey(r.durationMS.Int64) }},
	},
	own: "-queued", distinct: bySeq,
}

// PageRuns returns a page of runs, by when they were queued (the newest first is
// the list's own order) or by duration, which only those have that ended.
func (s *Store) PageRuns(ctx context.Context, f RunFilter, p Paging) ([]Run, *Mark, error) {
	w := s.runsWhere(f)
	if field(runList.own, p.Sort) == "duration" {
		w.add("r.duration_ms IS NOT NULL")
	}
	return readPage(ctx, s, runList, w, p)
}

// ListRuns returns at most limit runs, the newest first.
func (s *Store) ListRuns(ctx context.Context, f RunFilter, limit int) ([]Run, error) {
	list, _, err := s.PageRuns(ctx, f, Paging{Limit: limit})
	return list, err
}
