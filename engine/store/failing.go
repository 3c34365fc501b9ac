package store

import (
	"context"
	"database/sql"
	"time"
)

// FailingConnector is an enabled connector whose last import failed. One that was
// interrupted or cancelled says nothing about its connector.
type FailingConnector struct {
	ID, Name, Type string
	// RunID of the last import, and why it failed.
	RunID, Reason, Error string
	// Since is when the first import after the last good one failed.
	Since time.Time
}

// FailingConnectors returns at most limit of them, those that failed last first.
// Most connectors are left out by the state that lists show of them, without a look
// at their runs.
func (s *Store) FailingConnectors(ctx context.Context, limit int) (list []FailingConnector, err error) {
	err = s.query(ctx, s.db.Read, "failing connectors", func(rows *sql.Rows) error {
		var f FailingConnector
		err := rows.Scan(&f.ID, &f.Name, &f.Type, &f.RunID, &f.Reason, &f.Error, &productTime{&f.Since})
		list = append(list, f)
		return err
	}, `SELECT c.id, c.name, c.type, r.id, r.reason, r.error_text, f.finished FROM IM_Connectors c
		INNER JOIN IM_RunHistory r ON r.seq = (SELECT MAX(x.seq) FROM IM_RunHistory x
			WHERE x.connector_id = c.id AND x.status IN (@p1, @p2) AND x.kind <> @p3)
		INNER JOIN IM_RunHistory f ON f.seq = (SELECT MIN(y.seq) FROM IM_RunHistory y
			WHERE y.connector_id = c.id AND y.status = @p1 AND y.kind <> @p3 AND y.seq > COALESCE((SELECT MAX(z.seq) FROM IM_RunHistory z
				WHERE z.connector_id = c.id AND z.status = @p2 AND z.kind <> @p3), 0))
		WHERE c.enabled = 1 AND c.run_status <> @p2 AND r.status = @p1 ORDER BY r.seq DESC`+s.db.Dialect.Limit("@p4"),
		string(Failed), string(Succeeded), string(Test), limit)
	return list, err
}

// Named is a connector by its id and name.
type Named struct{ ID, Name string }

// Unscheduled returns how many enabled connectors have no enabled schedule, and
// the first of them by name.
func (s *Store) Unscheduled(ctx context.Context, limit int) ([]Named, int, error) {
	return s.namedConnectors(ctx, "unscheduled", limit, `c.enabled = 1 AND NOT EXISTS
		(SELECT 1 FROM IM_Schedules x WHERE x.connector_id = c.id AND x.enabled = 1)`)
}

// Homeless returns how many enabled connectors are bound to an engine that showed
// no sign of life since the time given, and the first of them by name.
func (s *Store) Homeless(ctx context.Context, since time.Time, limit int) ([]Named, int, error) {
	return s.namedConnectors(ctx, "homeless", limit, `c.enabled = 1 AND c.instance_key <> '' AND NOT EXISTS
		(SELECT 1 FROM IM_EngineInstances i WHERE i.role = @p2 AND i.name_key = c.instance_key AND i.last_heartbeat >= @p3)`,
		string(RoleEngine), since)
}

// namedConnectors has the parameters from @p2 on for where.
func (s *Store) namedConnectors(ctx context.Context, name string, limit int, where string, args ...any) (list []Named, n int, err error) {
	err = s.query(ctx, s.db.Read, name, func(rows *sql.Rows) error {
		var c Named
		err := rows.Scan(&c.ID, &c.Name)
		list = append(list, c)
		return err
	}, "SELECT c.id, c.name FROM IM_Connectors c WHERE "+where+" ORDER BY c.name_key"+s.db.Dialect.Limit("@p1"), append([]any{limit}, args...)...)
	if err != nil || len(list) < limit {
		return list, len(list), err
	}
	err = s.row(ctx, s.db.Read, "count "+name, "SELECT COUNT(*) FROM IM_Connectors c WHERE @p1 = @p1 AND "+where, append([]any{limit}, args...), []any{&n})
	return list, n, err
}
