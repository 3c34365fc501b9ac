package store

import (
	"context"
	"database/sql"
	"time"
)

// FinishedRun is what statistics take of an import that ended.
type FinishedRun struct {
	Status            Status
	Started, Finished time.Time
	// Counts but for Unchanged, which is not read.
	Counts Counts
}

// EachFinished calls visit for each import that ended at from or later and before
// to, in no order; those of one connector when connectorID is not empty. Tests of
// connectors are no imports.
func (s *Store) EachFinished(ctx context.Context, connectorID string, from, to time.Time, visit func(FinishedRun)) error {
	args, only := []any{from, to, string(Test)}, ""
	if connectorID != "" {
		args, only = append(args, connectorID), " AND r.connector_id = @p4"
	}
	return s.query(ctx, s.db.Read, "finished runs", func(rows *sql.Rows) error {
		var r FinishedRun
		err := rows.Scan((*string)(&r.Status), &productTime{&r.Started}, &productTime{&r.Finished},
			&r.Counts.Added, &r.Counts.Updated, &r.Counts.Absent, &r.Counts.Failed)
		if err == nil {
			visit(r)
		}
		return err
	}, `SELECT r.status, r.started, r.finished, r.added, r.updated, r.absent, r.failed FROM IM_RunHistory r
		WHERE r.finished >= @p1 AND r.finished < @p2 AND r.kind <> @p3`+only, args...)
}

// CountActive returns how many runs are queued and how many are under way.
func (s *Store) CountActive(ctx context.Context) (queued, running int64, err error) {
	for _, c := range []struct {
		status Status
		to     *int64
	}{{Queued, &queued}, {Running, &running}} {
		if err := s.row(ctx, s.db.Read, "count runs", "SELECT COUNT(*) FROM IM_RunHistory WHERE status = @p1", []any{string(c.status)}, []any{c.to}); err != nil {
			return 0, 0, err
		}
	}
	return queued, running, nil
}

// CountEnded returns how many imports ended at that time or later, by status.
func (s *Store) CountEnded(ctx context.Context, since time.Time) (map[string]int64, error) {
	counts := map[string]int64{}
	err := s.query(ctx, s.db.Read, "count ended", func(rows *sql.Rows) error {
		var status string
		var n int64
		err := rows.Scan(&status, &n)
		counts[status] = n
		return err
	}, "SELECT r.status, COUNT(*) FROM IM_RunHistory r WHERE r.finished >= @p1 AND r.kind <> @p2 GROUP BY r.status", since, string(Test))
	return counts, err
}
