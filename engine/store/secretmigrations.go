package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// Migration is how far secrets have been moved from one secret store to another.
// The ledger of the tool that moves them is what decides; this is a copy for
// those who watch. It never holds a value, nor a hash of one.
type Migration struct {
	ID string
	// Step that was begun last, as in "run" or "soak", and Problem, why it did not
	// succeed; empty when it did, or is under way.
	Step, Problem string
	// From and To, as operators call the providers, with the stores behind them.
	From, FromTarget, To, ToTarget string
	// By, Machine and Ledger: who began it, where, and the file that decides.
	By, Machine, Ledger string
	// Finished is zero until there is nothing more to do.
	Started, Updated, Finished time.Time
	// Counts of refs by their state.
	Counts map[string]int64
	// Refs that need an operator, by ref. [Store.ListMigrations] leaves them out.
	Refs []MigrationRef
}

// MigrationRef is a ref that does not get ahead.
type MigrationRef struct {
	Ref string
	// State as in "blocked", Reason a code as in "TOO_LARGE", Message in words.
	State, Reason, Message string
}

// maxMigrationRefs is how many refs of a migration are kept here. Counts has all.
const maxMigrationRefs = 1000

// SaveMigration writes m over what is known of its id, and says when in Updated.
// Nil Refs leave those that are there; at most 1,000 are kept.
func (s *Store) SaveMigration(ctx context.Context, m Migration) error {
	counts, err := json.Marshal(m.Counts)
	if err != nil {
		return err
	}
	save := func(tx *sql.Tx) error {
		args := []any{clip(m.Step, 20), clip(m.Problem, maxProblemBytes), clip(m.From, MaxNameBytes), clip(m.FromTarget, 500), clip(m.To, MaxNameBytes),
			clip(m.ToTarget, 500), clip(m.By, maxLabelBytes), clip(m.Machine, maxLabelBytes), clip(m.Ledger, maxLogBytes),
			m.Started, s.now(), m.Finished, string(counts), m.ID}
		n, err := s.exec(ctx, tx, "update migration", `UPDATE IM_Migrations SET step = @p1, problem = @p2, source = @p3, source_target = @p4,
			target = @p5, target_target = @p6, started_by = @p7, machine = @p8, ledger = @p9, started = @p10, updated = @p11, finished = @p12,
			counts = @p13 WHERE id = @p14`, args...)
		if err == nil && n == 0 {
			_, err = s.exec(ctx, tx, "insert migration", `INSERT INTO IM_Migrations (step, problem, source, source_target, target, target_target,
				started_by, machine, ledger, started, updated, finished, counts, id)
				VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11, @p12, @p13, @p14)`, args...)
		}
		if err != nil || m.Refs == nil {
			return err
		}
		if _, err := s.exec(ctx, tx, "delete migration refs", "DELETE FROM IM_MigrationRefs WHERE migration_id = @p1", m.ID); err != nil {
			return err
		}
		for i, r := range m.Refs[:min(len(m.Refs), maxMigrationRefs)] {
			if _, err := s.exec(ctx, tx, "insert migration ref", `INSERT INTO IM_MigrationRefs (migration_id, position, ref, state, reason, message)
				VALUES (@p1, @p2, @p3, @p4, @p5, @p6)`,
				m.ID, i, r.Ref, clip(r.State, 20), clip(r.Reason, 100), clip(r.Message, maxProblemBytes)); err != nil {
				return err
			}
		}
		return nil
	}
	err = s.db.InWriteTx(ctx, save)
	if productdb.IsUniqueViolation(err) { // another process inserted it in between
		err = s.db.InWriteTx(ctx, save)
	}
	return err
}

const migrationColumns = `id, step, problem, source, source_target, target, target_target, started_by, machine, ledger,
	started, updated, finished, counts`

func (m *Migration) targets(counts *string) []any {
	return []any{&m.ID, &m.Step, &m.Problem, &m.From, &m.FromTarget, &m.To, &m.ToTarget, &m.By, &m.Machine, &m.Ledger,
		&productTime{&m.Started}, &productTime{&m.Updated}, &productTime{&m.Finished}, counts}
}

func (m *Migration) count(counts string) error {
	if err := json.Unmarshal([]byte(counts), &m.Counts); err != nil {
		return fmt.Errorf("read the counts of migration %s: %w", m.ID, err)
	}
	return nil
}

// ListMigrations returns at most limit migrations without their refs, the one that
// began last first.
func (s *Store) ListMigrations(ctx context.Context, limit int) (list []Migration, err error) {
	err = s.query(ctx, s.db.Read, "list migrations", func(rows *sql.Rows) error {
		var m Migration
		var counts string
		if err := rows.Scan(m.targets(&counts)...); err != nil {
			return err
		}
		list = append(list, m)
		return list[len(list)-1].count(counts)
	}, "SELECT "+migrationColumns+" FROM IM_Migrations ORDER BY started DESC, id"+s.db.Dialect.Limit("@p1"), limit)
	return list, err
}

// GetMigration returns the migration of that id with its refs. [ErrNotFound].
func (s *Store) GetMigration(ctx context.Context, id string) (m Migration, err error) {
	var counts string
	if err := s.row(ctx, s.db.Read, "get migration", "SELECT "+migrationColumns+" FROM IM_Migrations WHERE id = @p1",
		[]any{id}, m.targets(&counts)); err != nil {
		return m, err
	}
	if err := m.count(counts); err != nil {
		return m, err
	}
	err = s.query(ctx, s.db.Read, "list migration refs", func(rows *sql.Rows) error {
		var r MigrationRef
		err := rows.Scan(&r.Ref, &r.State, &r.Reason, &r.Message)
		m.Refs = append(m.Refs, r)
		return err
	}, "SELECT ref, state, reason, message FROM IM_MigrationRefs WHERE migration_id = @p1 ORDER BY position", id)
	return m, err
}
