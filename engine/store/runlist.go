package store

import (
	"context"
	"database/sql"
	"math"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
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

// runsWhere returns what selects runs for a list that is sorted by that field.
// SQLite counts no values, so it is told what not to use an index for.
func (s *Store) runsWhere(f RunFilter, sortedBy string) (w where) {
	column := func(name string, withoutIndex bool) string {
		if withoutIndex && s.db.Dialect == productdb.SQLite {
			return "+" + name
		}
		return name
	}
	byDuration := sortedBy == "duration"
	if byDuration {
		w.add("r.duration_ms IS NOT NULL")
	}
	w.equal("r.connector_id", f.ConnectorID)
	// What selects the fewest is looked up, and what most runs have is not.
	few := f.ConnectorID != "" || f.Status != "" && f.Status != Succeeded || f.Reason != ""
	w.equal(column("r.status", f.Status == Succeeded && f.ConnectorID == ""), string(f.Status))
	w.equal(column("r.kind", few || f.Kind != Test && (f.Kind == Delta || f.Trigger == Manual)), string(f.Kind))
	w.equal(column("r.trigger_name", few || f.Kind == Test || f.Trigger == BySchedule), string(f.Trigger))
	w.equal("r.instance_key", key(f.Instance))
	if f.Reason != "" { // the index has the runs with a reason only
		w.add("r.reason = ? AND r.reason <> ''", f.Reason)
	}
	if f.Before > 0 {
		w.add("r.seq < ?", f.Before)
	}
	// Sorting all runs of a long time costs more than to skip the others.
	seq, queued, one := column("r.seq", byDuration), column("r.queued", byDuration), s.db.Dialect.Limit("?")
	if !f.From.IsZero() {
		w.add(queued+" >= ? AND "+seq+" >= COALESCE((SELECT x.seq FROM IM_RunHistory x WHERE x.queued >= ? ORDER BY x.queued, x.seq"+one+"), ?)",
			f.From, f.From.Add(-clockDifference), 1, int64(math.MaxInt64))
	}
	if !f.To.IsZero() {
		w.add(queued+" < ? AND "+seq+" <= COALESCE((SELECT x.seq FROM IM_RunHistory x WHERE x.queued < ? ORDER BY x.queued DESC, x.seq DESC"+one+"), 0)",
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
	return readPage(ctx, s, runList, s.runsWhere(f, field(runList.own, p.Sort)), p)
}

// ListRuns returns at most limit runs, the newest first.
func (s *Store) ListRuns(ctx context.Context, f RunFilter, limit int) ([]Run, error) {
	list, _, err := s.PageRuns(ctx, f, Paging{Limit: limit})
	return list, err
}
