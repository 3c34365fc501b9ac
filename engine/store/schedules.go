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

func (x *Schedule) targets() []any {
	return []any{&x.ID, &x.ConnectorID, (*string)(&x.Kind), (*secondsColumn)(&x.Interval), &x.Cron, &x.Enabled, &productTime{&x.NextDue}, &x.Version}
}

// secondsColumn scans whole seconds.
type secondsColumn time.Duration

// Scan implements [sql.Scanner].
func (c *secondsColumn) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("seconds cannot be read from a %T", src)
	}
	*c = secondsColumn(time.Duration(n) * time.Second)
	return nil
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
// when there is no such connector. With an id it is for who may have tried before:
// what was added under it then is returned as it is now.
func (s *Store) CreateSchedule(ctx context.Context, x Schedule) (Schedule, error) {
	if err := x.check(); err != nil {
		return Schedule{}, err
	}
	again := x.ID != ""
	if !again {
		x.ID = s.cfg.NewID()
	}
	x.Version = 1
	err := s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		if again {
			if _, err := s.schedule(ctx, tx, x.ID); !errors.Is(err, ErrNotFound) {
				return err
			}
		}
		if _, err := s.connector(ctx, tx, x.ConnectorID); err != nil {
			return err
		}
		_, err := s.exec(ctx, tx, "insert schedule", `INSERT INTO IM_Schedules
			(id, connector_id, kind, interval_seconds, cron, enabled, next_due, version)
			VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, 1)`,
			x.ID, x.ConnectorID, string(x.Kind), int64(x.Interval/time.Second), x.Cron, x.Enabled, x.NextDue)
		if err != nil {
			return err
		}
		return s.showDue(ctx, tx, x.ConnectorID)
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
		var x Schedule
		err := rows.Scan(x.targets()...)
		list = append(list, x)
		return err
	}, "SELECT "+scheduleColumns+" FROM IM_Schedules s "+where, args...)
	return list, err
}

// ScheduleFilter selects schedules; its zero fields select all.
type ScheduleFilter struct {
	ConnectorID string
	Kind        Kind
	Enabled     *bool
	// Q is a part of the connector's name, in any case.
	Q string
}

// ListedSchedule is a schedule with the name of its connector.
type ListedSchedule struct {
	Schedule
	ConnectorName string
}

var scheduleList = listing[ListedSchedule]{
	name: "list schedules",
	from: "SELECT " + scheduleColumns + ", c.name FROM IM_Schedules s INNER JOIN IM_Connectors c ON c.id = s.connector_id",
	scan: func(rows *sql.Rows) (x ListedSchedule, err error) {
		err = rows.Scan(append(x.Schedule.targets(), &x.ConnectorName)...)
		return x, err
	},
	by: map[string]sorting[ListedSchedule]{
		"nextDue":   {"s.next_due", moment, func(x *ListedSchedule) string { return momentKey(x.NextDue) }},
		"connector": {"c.name_key", text, func(x *ListedSchedule) string { return key(x.ConnectorName) }},
	},
	own: "nextDue", distinct: sorting[ListedSchedule]{"s.id", text, func(x *ListedSchedule) string { return x.ID }},
}

// PageSchedules returns a page of schedules, by when they are next due (the list's
// own order) or by the connector's name.
func (s *Store) PageSchedules(ctx context.Context, f ScheduleFilter, p Paging) ([]ListedSchedule, *Mark, error) {
	return readPage(ctx, s, scheduleList, f.where(), p)
}

func (f ScheduleFilter) where() (w where) {
	w.equal("s.connector_id", f.ConnectorID)
	w.equal("s.kind", string(f.Kind))
	if f.Enabled != nil {
		w.add("s.enabled = ?", *f.Enabled)
	}
	w.contains("c.name_key", f.Q)
	return w
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
		if err != nil {
			return err
		}
		return s.showDue(ctx, tx, stored.ConnectorID)
	})
	if err != nil {
		return Schedule{}, err
	}
	return stored, nil
}

// DeleteSchedule removes a schedule if it is at that version; 0 is any.
// [ErrNotFound], [ErrConflict].
func (s *Store) DeleteSchedule(ctx context.Context, id string, version int64) error {
	return s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		x, err := s.schedule(ctx, tx, id)
		if err != nil {
			return err
		}
		n, err := s.exec(ctx, tx, "delete schedule", "DELETE FROM IM_Schedules WHERE id = @p1 AND (@p2 = 0 OR version = @p2)", id, version)
		if err == nil && n == 0 {
			err = ErrConflict
		}
		if err != nil {
			return err
		}
		return s.showDue(ctx, tx, x.ConnectorID)
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
	if err != nil {
		return err
	}
	x, err := s.schedule(ctx, tx, id)
	if err != nil {
		return err
	}
	return s.showDue(ctx, tx, x.ConnectorID)
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
