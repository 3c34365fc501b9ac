package store

import (
	"context"
	"database/sql"
	"time"
)

// How many runs, with up to a thousand lines each, and how many lines a transaction
// removes: others who write wait for no more than that.
const (
	runBatch  = 50
	lineBatch = 5000
)

// PruneRuns removes the runs that ended before the given time, with their log lines,
// and returns how many there were. The newest import of each connector stays, so that a
// list goes on saying how the connector is. What is left out by an error is removed by
// the next call; calls of several processes do no harm to each other.
func (s *Store) PruneRuns(ctx context.Context, before time.Time) (removed int, err error) {
	for from := time.Unix(0, 0); ; {
		ids := map[int64]string{}
		err := s.query(ctx, s.db.Read, "find old runs", func(rows *sql.Rows) error {
			var seq int64
			var id string
			if err := rows.Scan(&seq, &id, &productTime{&from}); err != nil {
				return err
			}
			ids[seq] = id
			return nil
			// The very newest stays too: numbers of runs are never given again.
		}, `SELECT r.seq, r.id, r.finished FROM IM_RunHistory r WHERE r.finished >= @p1 AND r.finished < @p2
			AND r.seq < (SELECT MAX(m.seq) FROM IM_RunHistory m)
			AND (r.kind = @p3 OR EXISTS (SELECT 1 FROM IM_RunHistory n WHERE n.connector_id = r.connector_id AND n.seq > r.seq AND n.kind <> @p3)
				OR NOT EXISTS (SELECT 1 FROM IM_Connectors c WHERE c.id = r.connector_id))
			ORDER BY r.finished`+s.db.Dialect.Limit("@p4"), from, before, string(Test), runBatch)
		if err != nil {
			return removed, err
		}
		err = s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
			for seq, id := range ids {
				if _, err := s.exec(ctx, tx, "remove lines of an old run", "DELETE FROM IM_ConnectorLogs WHERE run_id = @p1", id); err != nil {
					return err
				}
				if _, err := s.exec(ctx, tx, "remove an old run", "DELETE FROM IM_RunHistory WHERE seq = @p1", seq); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return removed, err
		}
		if removed += len(ids); len(ids) < runBatch {
			return removed, nil
		}
	}
}

// PruneLogs removes the log lines of runs that are older than the given time, and
// returns how many there were; see [Store.PruneRuns].
func (s *Store) PruneLogs(ctx context.Context, before time.Time) (removed int64, err error) {
	for {
		// Numbers ascend with time, so the old ones come first. Of the last ones that are
		// read one stays: numbers of lines are never given again either.
		var ids []int64
		err := s.query(ctx, s.db.Read, "find old lines", func(rows *sql.Rows) error {
			var id int64
			var logged time.Time
			if err := rows.Scan(&id, &productTime{&logged}); err != nil {
				return err
			}
			if logged.Before(before) {
				ids = append(ids, id)
			}
			return nil
		}, "SELECT l.id, l.logged FROM IM_ConnectorLogs l ORDER BY l.id"+s.db.Dialect.Limit("@p1"), lineBatch)
		if err != nil || len(ids) < 2 {
			return removed, err
		}
		var n int64
		err = s.db.InWriteTx(ctx, func(tx *sql.Tx) (err error) {
			n, err = s.exec(ctx, tx, "remove old lines", "DELETE FROM IM_ConnectorLogs WHERE id < @p1", ids[len(ids)-1])
			return err
		})
		if removed += n; err != nil || len(ids) < lineBatch {
			return removed, err
		}
	}
}
