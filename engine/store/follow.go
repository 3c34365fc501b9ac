package store

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// NewestRun returns the Seq of the run that was queued last, 0 when there is none.
func (s *Store) NewestRun(ctx context.Context) (seq int64, err error) {
	err = s.row(ctx, s.db.Read, "newest run", "SELECT COALESCE(MAX(seq), 0) FROM IM_RunHistory", nil, []any{&seq})
	return seq, err
}

// QueuedRuns returns the Seqs of at most limit queued runs, the oldest first.
func (s *Store) QueuedRuns(ctx context.Context, limit int) (list []int64, err error) {
	err = s.query(ctx, s.db.Read, "queued runs", func(rows *sql.Rows) error {
		var seq int64
		err := rows.Scan(&seq)
		list = append(list, seq)
		return err
	}, "SELECT seq FROM IM_RunHistory WHERE status = @p1 ORDER BY seq"+s.db.Dialect.Limit("@p2"), string(Queued), limit)
	return list, err
}

// RunsAfter returns at most limit runs that were queued after the one of that Seq,
// the oldest first.
func (s *Store) RunsAfter(ctx context.Context, seq int64, limit int) ([]Run, error) {
	return s.runs(ctx, s.db.Read, "runs after", "WHERE r.seq > @p1 ORDER BY r.seq"+s.db.Dialect.Limit("@p2"), seq, limit)
}

// RunsBySeq returns the runs of those Seqs, the oldest first, without those that
// are not there any more.
func (s *Store) RunsBySeq(ctx context.Context, seqs []int64) ([]Run, error) {
	list, err := json.Marshal(seqs)
	if err != nil {
		return nil, err
	}
	return s.runs(ctx, s.db.Read, "runs by seq", "WHERE r.seq IN ("+s.numbers("@p1")+") ORDER BY r.seq", string(list))
}

// LogsAfter returns at most limit lines of the logs of runs, in their order: for
// each id of a run those with ids above its number.
func (s *Store) LogsAfter(ctx context.Context, runs map[string]int64, limit int) (list []Log, err error) {
	type pair struct {
		Run   string `json:"r"`
		After int64  `json:"a"`
	}
	pairs := make([]pair, 0, len(runs))
	for id, after := range runs {
		pairs = append(pairs, pair{id, after})
	}
	asked, err := json.Marshal(pairs)
	if err != nil {
		return nil, err
	}
	// CROSS JOIN keeps SQLite from turning the order of the tables around.
	from := `json_each(@p1) AS j CROSS JOIN IM_ConnectorLogs AS l
		WHERE l.run_id = json_extract(j.value, '$.r') AND l.id > json_extract(j.value, '$.a')`
	if s.db.Dialect == productdb.SQLServer {
		from = `OPENJSON(@p1) WITH (r nvarchar(36) '$.r', a bigint '$.a') AS j
			INNER JOIN IM_ConnectorLogs AS l ON l.run_id = j.r COLLATE Latin1_General_100_BIN2 AND l.id > j.a`
	}
	err = s.query(ctx, s.db.Read, "logs after", func(rows *sql.Rows) error {
		var l Log
		err := rows.Scan(&l.ID, &l.RunID, &l.ConnectorID, &productTime{&l.Logged}, (*string)(&l.Level), &l.Entry, &l.Anchor, &l.Message)
		list = append(list, l)
		return err
	}, "SELECT l.id, l.run_id, l.connector_id, l.logged, l.level, l.entry, l.anchor, l.message FROM "+from+" ORDER BY l.id"+s.db.Dialect.Limit("@p2"),
		string(asked), limit)
	return list, err
}
