package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Schedule says when a connector runs by itself. Package schedule computes the
// times; the store only keeps them and sees to it that each fires once.
type Schedule struct {
	ID          string
	ConnectorID string
	Kind        Kind
	// Interval, in whole seconds, or Cron is set, not both.
	Interval time.Duration
	Cron     string
	Enabled  bool
	NextDue  time.Time
	// Version counts changes by operators, from 1; firing does not count.
	Version int64
}

const scheduleColumns = "s.id, s.connector_id, s.kind, s.interval_seconds, s.cron, s.enabled, s.next_due, s.version"

func (s *Store) scanSchedule(rows interface{ Scan(...any) error }) (x Schedule, err error) {
	var seconds int64
	err = rows.Scan(&x.ID, &x.ConnectorID, (*string)(&x.Kind), &seconds, &x.Cron, &x.Enabled, &productTime{&x.NextDue}, &x.Version)
	x.Interval = time.Duration(seconds) * time.Second
	return x, err
}

func (x *Schedule) check() error {
	var problems []error
	if !x.Kind.Imports() {
		problems = append(problems, fmt.Errorf("the kind of a scheduled run must be %s or %s", Full, Delta))
	}
	if (x.Interval > 0) == (x.Cron != "") {
		problems = append(problems, errors.New("a schedule has either an interval or a cron expression"))
	}
	if x.Interval < 0 || x.Interval%time.Second != 0 {
		problems = append(problems, errors.New("the interval must be whole seconds"))
	}
	if len(x.Cron) > MaxNameBytes {
		problems = append(problems, fmt.Errorf("the cron expression must have at most %d bytes", MaxNameBytes))
	}
	if x.NextDue.IsZero() {
		problems = append(problems, errors.New("the schedule has no time at which it is next due"))
	}
	return errors.Join(problems...)
}

// CreateSchedule adds x and returns it with its id and version. [ErrNotFound]
// when there is no such connector.
func (s *Store) CreateSchedule(ctx context.Context, x Schedule) (Schedule, error) {
	if err := x.check(); err != nil {
		return Schedule{}, err
	}
	x.ID, x.Version = s.cfg.NewID(), 1
	err := s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		if _, err := s.connector(ctx, tx, x.ConnectorID); err != nil {
			return err
		}
		_, err := s.exec(ctx, tx, "insert schedule", `INSERT INTO IM_Schedules
			(id, connector_id, kind, interval_seconds, cron, enabled, next_due, version)
			VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1)`,
			x.ID, x.ConnectorID, string(x.Kind), int64(x.Interval/time.Second), x.Cron, x.Enabled, x.NextDue)
		return err
	})
	if err != nil {
		return Schedule{}, err
	}
	return s.Schedule(ctx, x.ID)
}

// Schedule returns the schedule of that id. [ErrNotFound].
func (s *Store) Schedule(ctx context.Context, id string) (Schedule, error) {
	return s.schedule(ctx, s.db.Read, id)
}

func (s *Store) schedule(ctx context.Context, q querier, id string) (Schedule, error) {
	list, err := s.schedules(ctx, q, "get schedule", "WHERE s.id = @p1", id)
	if err == nil && len(list) == 0 {
		return Schedule{}, ErrNotFound
	}
	if err != nil {
		return Schedule{}, err
	}
	return list[0], nil
}

func (s *Store) schedules(ctx context.Context, q querier, name, where string, args ...any) (list []Schedule, err error) {
	err = s.query(ctx, q, name, func(rows *sql.Rows) error {
		x, err := s.scanSchedule(rows)
		list = append(list, x)
		return err
	}, "SELECT "+scheduleColumns+" FROM IM_Schedules s "+where, args...)
	return list, err
}

// ListSchedules returns the schedules of a connector, the next one due first.
func (s *Store) ListSchedules(ctx context.Context, connectorID string) ([]Schedule, error) {
	return s.schedules(ctx, s.db.Read, "list schedules", "WHERE s.connector_id = @p1 ORDER BY s.next_due, s.id", connectorID)
}

// UpdateSchedule replaces everything but the connector if the stored version is
// still x.Version. [ErrConflict], [ErrNotFound].
func (s *Store) UpdateSchedule(ctx context.Context, x Schedule) (stored Schedule, err error) {
	if err := x.check(); err != nil {
		return Schedule{}, err
	}
	err = s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		n, err := s.exec(ctx, tx, "update schedule", `UPDATE IM_Schedules SET kind = @p1, interval_seconds = @p2, cron = @p3,
			enabled = @p4, next_due = @p5, version = version + 1 WHERE id = @p6 AND version = @p7`,
			string(x.Kind), int64(x.Interval/time.Second), x.Cron, x.Enabled, x.NextDue, x.ID, x.Version)
		if err != nil {
			return err
		}
		if stored, err = s.schedule(ctx, tx, x.ID); err == nil && n == 0 {
			err = ErrConflict
		}
		return err
	})
	if err != nil {
		return Schedule{}, err
	}
	return stored, nil
}

// DeleteSchedule removes a schedule. [ErrNotFound].
func (s *Store) DeleteSchedule(ctx context.Context, id string) error {
	return s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		n, err := s.exec(ctx, tx, "delete schedule", "DELETE FROM IM_Schedules WHERE id = @p1", id)
		if err == nil && n == 0 {
			return ErrNotFound
		}
		return err
	})
}

// maxDue bounds one answer of [Store.Due]; the rest is due a moment later too.
const maxDue = 200

// Due returns the enabled schedules of enabled connectors that are due and that
// the named instance may run, the longest waiting first, at most 200.
func (s *Store) Due(ctx context.Context, now time.Time, instance string) ([]Schedule, error) {
	return s.schedules(ctx, s.db.Read, "due schedules", `INNER JOIN IM_Connectors c ON c.id = s.connector_id
		WHERE s.enabled = 1 AND c.enabled = 1 AND s.next_due <= @p1 AND (c.instance_key = '' OR c.instance_key = @p2)
		ORDER BY s.next_due, s.id`+s.db.Dialect.Limit("@p3"), now, key(instance), maxDue)
}

// Advance moves the time at which a schedule is next due, without running it, if
// it is still from. [ErrConflict] when another instance did so first.
func (s *Store) Advance(ctx context.Context, id string, from, to time.Time) error {
	return s.db.InWriteTx(ctx, func(tx *sql.Tx) error { return s.advance(ctx, tx, id, from, to) })
}

func (s *Store) advance(ctx context.Context, tx *sql.Tx, id string, from, to time.Time) error {
	n, err := s.exec(ctx, tx, "advance schedule",
		"UPDATE IM_Schedules SET next_due = @p1 WHERE id = @p2 AND next_due = @p3 AND enabled = 1", to, id, from)
	if err == nil && n == 0 {
		return ErrConflict
	}
	return err
}

// Fire does [Store.Advance] and [Store.Enqueue] in one transaction, so that a
// crash between them neither loses the run nor repeats it. [ErrConflict] when
// another instance fired it first, [ErrDisabled], [ErrNotFound].
func (s *Store) Fire(ctx context.Context, x Schedule, to time.Time) (run Run, created bool, err error) {
	err = s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		if err := s.advance(ctx, tx, x.ID, x.NextDue, to); err != nil {
			return err
		}
		run, created, err = s.enqueue(ctx, tx, NewRun{ConnectorID: x.ConnectorID, Kind: x.Kind, Trigger: BySchedule, RequestedBy: x.ID})
		return err
	})
	return run, created, err
}
