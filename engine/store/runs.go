package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Kind is how much a run reads.
type Kind string

// The kinds. A test connects, signs in and reads a little, and imports nothing;
// it may be run for a connector that is switched off.
const (
	Full  Kind = "full"
	Delta Kind = "delta"
	Test  Kind = "test"
)

func (k Kind) check() error {
	if !k.Imports() && k != Test {
		return fmt.Errorf("the kind of run must be %s, %s or %s", Full, Delta, Test)
	}
	return nil
}

// Imports reports whether such a run imports; only those can be scheduled.
func (k Kind) Imports() bool { return k == Full || k == Delta }

// Trigger is what asked for a run.
type Trigger string

// The triggers.
const (
	Manual     Trigger = "manual"
	BySchedule Trigger = "schedule"
)

// Status is where a run stands.
type Status string

// The states. A run goes from Queued to Running or Cancelled, and from Running
// to one of the others; nothing leaves those.
const (
	Queued      Status = "Queued"
	Running     Status = "Running"
	Succeeded   Status = "Succeeded"
	Failed      Status = "Failed"
	Interrupted Status = "Interrupted"
	Cancelled   Status = "Cancelled"
)

// Codes of Run.Reason that the store itself gives.
const (
	ReasonInterrupted = "INTERRUPTED"
	ReasonDeleted     = "CONNECTOR_DELETED"
	ReasonCancelled   = "CANCELLED"
)

// Run is a run of a connector, as the history keeps it.
type Run struct {
	// Seq grows with each run that is queued; it is the cursor of listings.
	Seq int64
	ID  string
	// The connector as it was when the run was queued; it may be gone since.
	ConnectorID, ConnectorName, ConnectorType string

	Kind        Kind
	Trigger     Trigger
	RequestedBy string
	// Instance and Incarnation are who runs it; empty while it is queued.
	Instance, Incarnation string

	Status Status
	// CancelBy asked the engine to end it; empty for nobody.
	CancelBy string
	// Started and Finished are zero until then.
	Queued, Started, Finished time.Time
	// Counts and Pages are those of the pages committed so far.
	Counts Counts
	Pages  int64
	// Reason is a code, such as the name of a fault's reason; Error the text of
	// the underlying system, cut to 8 KiB.
	Reason, Error string
	// WatermarkAfter also moves when a run that failed later had checkpoints.
	WatermarkBefore, WatermarkAfter connector.Watermark
	// TraceID is that of TraceParent, or, once it has started, the run's own.
	TraceID, TraceParent string
	// Report is what a test found; nil unless it succeeded.
	Report *connector.Report

	durationMS sql.NullInt64 // as sorted by
}

// Counts are what a run did to the objects.
type Counts struct {
	// Added also counts objects that came back from being absent.
	Added, Updated, Unchanged int64
	Absent                    int64
	// Failed counts entries that were read but not understood.
	Failed int64
}

func (c *Counts) add(d Counts) {
	c.Added += d.Added
	c.Updated += d.Updated
	c.Unchanged += d.Unchanged
	c.Absent += d.Absent
	c.Failed += d.Failed
}

const runColumns = `r.seq, r.id, r.connector_id, r.connector_name, r.connector_type, r.kind, r.trigger_name, r.requested_by,
	r.instance_name, r.incarnation, r.status, r.queued, r.started, r.finished, r.added, r.updated, r.unchanged, r.absent, r.failed,
	r.pages, r.reason, r.error_text, r.watermark_before, r.watermark_after, r.trace_id, r.trace_parent, r.report, r.cancel_by`

func (r *Run) targets() []any {
	return []any{&r.Seq, &r.ID, &r.ConnectorID, &r.ConnectorName, &r.ConnectorType, (*string)(&r.Kind), (*string)(&r.Trigger), &r.RequestedBy,
		&r.Instance, &r.Incarnation, (*string)(&r.Status), &productTime{&r.Queued}, &productTime{&r.Started}, &productTime{&r.Finished},
		&r.Counts.Added, &r.Counts.Updated, &r.Counts.Unchanged, &r.Counts.Absent, &r.Counts.Failed,
		&r.Pages, &r.Reason, &r.Error, (*string)(&r.WatermarkBefore), (*string)(&r.WatermarkAfter), &r.TraceID, &r.TraceParent, reportColumn{&r.Report}, &r.CancelBy}
}

// NewRun asks for a run.
type NewRun struct {
	ConnectorID string
	Kind        Kind
	Trigger     Trigger
	// RequestedBy names the operator or the schedule.
	RequestedBy string
	// TraceParent is the W3C trace context of the request, which the run
	// continues; empty for none. See [telemetry.TraceParent].
	TraceParent string
	// ID, when not empty, is for who may have asked before: the run that was queued
	// under it then is returned as it is now.
	ID string
}

// Enqueue queues a run, or returns the one of the same connector and kind that
// is queued already, with created false. [ErrNotFound], [ErrDisabled] unless it
// is a test.
func (s *Store) Enqueue(ctx context.Context, want NewRun) (run Run, created bool, err error) {
	err = s.db.InWriteTx(ctx, func(tx *sql.Tx) (err error) {
		run, created, err = s.enqueue(ctx, tx, want)
		return err
	})
	return run, created, err
}

func (s *Store) enqueue(ctx context.Context, tx *sql.Tx, want NewRun) (Run, bool, error) {
	if err := want.Kind.check(); err != nil {
		return Run{}, false, err
	}
	if want.ID != "" {
		if run, err := s.run(ctx, tx, want.ID); !errors.Is(err, ErrNotFound) {
			return run, false, err
		}
	}
	// Writing the state's row makes those who queue for one connector take turns.
	now := s.now()
	n, err := s.exec(ctx, tx, "lock connector state", "UPDATE IM_ConnectorState SET updated = @p1 WHERE connector_id = @p2", now, want.ConnectorID)
	if err != nil {
		return Run{}, false, err
	}
	if n == 0 {
		return Run{}, false, ErrNotFound
	}
	c, err := s.connector(ctx, tx, want.ConnectorID)
	if err != nil {
		return Run{}, false, err
	}
	if !c.Enabled && want.Kind != Test {
		return Run{}, false, ErrDisabled
	}
	queued, err := s.runs(ctx, tx, "find queued run", "WHERE r.connector_id = @p1 AND r.status = @p2 AND r.kind = @p3 ORDER BY r.seq",
		c.ID, string(Queued), string(want.Kind))
	if err != nil {
		return Run{}, false, err
	}
	if len(queued) > 0 {
		return queued[0], false, nil
	}
	id := want.ID
	if id == "" {
		id = s.cfg.NewID()
	}
	if _, err := s.exec(ctx, tx, "insert run", `INSERT INTO IM_RunHistory
		(id, connector_id, connector_name, connector_type, kind, trigger_name, requested_by, instance_name, instance_key, incarnation,
		status, queued, started, finished, added, updated, unchanged, absent, failed, pages, reason, error_text,
		watermark_before, watermark_after, trace_id, trace_parent, report)
		VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, '', '', '', @p8, @p9, @p10, @p11, 0, 0, 0, 0, 0, 0, '', '', '', '', @p12, @p13, '')`,
		id, c.ID, c.Name, c.Type, string(want.Kind), string(want.Trigger), clip(want.RequestedBy, maxLabelBytes), string(Queued),
		now, time.Time{}, time.Time{}, telemetry.TraceID(want.TraceParent), clip(want.TraceParent, 64)); err != nil {
		return Run{}, false, err
	}
	if err := s.showRuns(ctx, tx, c.ID); err != nil {
		return Run{}, false, err
	}
	run, err := s.run(ctx, tx, id)
	return run, true, err
}

// Run returns the run of that id. [ErrNotFound].
func (s *Store) Run(ctx context.Context, id string) (Run, error) { return s.run(ctx, s.db.Read, id) }

func (s *Store) run(ctx context.Context, q querier, id string) (r Run, err error) {
	err = s.row(ctx, q, "get run", "SELECT "+runColumns+" FROM IM_RunHistory r WHERE r.id = @p1", []any{id}, r.targets())
	return r, err
}

func (s *Store) runs(ctx context.Context, q querier, name, where string, args ...any) (list []Run, err error) {
	err = s.query(ctx, q, name, func(rows *sql.Rows) error {
		var r Run
		err := rows.Scan(r.targets()...)
		list = append(list, r)
		return err
	}, "SELECT "+runColumns+" FROM IM_RunHistory r "+where, args...)
	return list, err
}
