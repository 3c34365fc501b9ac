package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// Claimant is the engine that looks for work.
type Claimant struct {
	// Instance is the configured name; Incarnation is new with every start.
	Instance, Incarnation string
	// TTL is how long a lease lasts without being renewed.
	TTL time.Duration
}

// Holder returns the claimant as leases name it.
func (c Claimant) Holder() string { return holder(c.Instance, c.Incarnation) }

func holder(instance, incarnation string) string { return key(instance) + "#" + incarnation }

// Claimed is a run that this process alone has to do now.
type Claimed struct {
	Run       Run
	Connector Connector
	Lease     Lease
}

// claimCandidates is how many queued runs one claim looks at.
const claimCandidates = 20

// errTaken ends the attempt at one candidate.
var errTaken = errors.New("taken by another instance")

// Claim takes the oldest queued run that the claimant may do and whose connector
// nobody works on, together with the connector's lease. ok is false when there
// is none. It costs no write then.
func (s *Store) Claim(ctx context.Context, who Claimant) (claimed Claimed, ok bool, err error) {
	type candidate struct{ run, connector string }
	var candidates []candidate
	err = s.query(ctx, s.db.Read, "find runnable", func(rows *sql.Rows) error {
		var c candidate
		err := rows.Scan(&c.run, &c.connector)
		candidates = append(candidates, c)
		return err
	}, `SELECT r.id, r.connector_id FROM IM_RunHistory r
		INNER JOIN IM_Connectors c ON c.id = r.connector_id
		INNER JOIN IM_ConnectorState t ON t.connector_id = r.connector_id
		WHERE r.status = @p1 AND (c.enabled = 1 OR r.kind = @p5) AND (c.instance_key = '' OR c.instance_key = @p2)
		AND (t.lease_holder = '' OR t.lease_expires <= @p3)
		ORDER BY r.seq`+s.db.Dialect.Limit("@p4"), string(Queued), key(who.Instance), s.now(), claimCandidates, string(Test))
	if err != nil {
		return Claimed{}, false, err
	}
	for _, c := range candidates {
		err := s.db.InWriteTx(ctx, func(tx *sql.Tx) (err error) {
			claimed, err = s.claim(ctx, tx, who, c.run, c.connector)
			return err
		})
		var unknown *productdb.UnknownOutcomeError
		if errors.As(err, &unknown) {
			claimed, err = s.claimedBefore(ctx, who, c.run, c.connector)
		}
		var leased *LeasedError
		switch {
		case err == nil:
			return claimed, true, nil
		case errors.As(err, &leased), errors.Is(err, errTaken), errors.Is(err, ErrNotFound):
			continue // someone else was faster
		}
		return Claimed{}, false, err
	}
	return Claimed{}, false, nil
}

func (s *Store) claim(ctx context.Context, tx *sql.Tx, who Claimant, runID, connectorID string) (Claimed, error) {
	lease, err := s.acquire(ctx, tx, connectorID, who.Holder(), who.TTL)
	if err != nil {
		return Claimed{}, err
	}
	n, err := s.exec(ctx, tx, "claim run", `UPDATE IM_RunHistory
		SET status = @p1, instance_name = @p2, instance_key = @p3, incarnation = @p4, started = @p5
		WHERE id = @p6 AND status = @p7 AND EXISTS (SELECT 1 FROM IM_Connectors c
		WHERE c.id = @p8 AND (c.enabled = 1 OR kind = @p9) AND (c.instance_key = '' OR c.instance_key = @p3))`,
		string(Running), clip(who.Instance, MaxNameBytes), key(who.Instance), who.Incarnation, s.now(), runID, string(Queued), connectorID, string(Test))
	if err != nil {
		return Claimed{}, err
	}
	if n == 0 {
		return Claimed{}, errTaken
	}
	if err := s.showRuns(ctx, tx, connectorID); err != nil {
		return Claimed{}, err
	}
	run, err := s.run(ctx, tx, runID)
	if err != nil {
		return Claimed{}, err
	}
	if err := s.tellRun(ctx, tx, audit.RunStarted, runID); err != nil {
		return Claimed{}, err
	}
	c, err := s.connector(ctx, tx, connectorID)
	return Claimed{Run: run, Connector: c, Lease: lease}, err
}

// claimedBefore returns what a claim took whose commit was not answered, or
// [errTaken] when it took nothing.
func (s *Store) claimedBefore(ctx context.Context, who Claimant, runID, connectorID string) (c Claimed, err error) {
	err = s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		st, err := s.state(ctx, tx, connectorID)
		if err == nil {
			c.Run, err = s.run(ctx, tx, runID)
		}
		if err == nil {
			c.Connector, err = s.connector(ctx, tx, connectorID)
		}
		if err == nil && (st.Lease.Holder != who.Holder() || c.Run.Status != Running || c.Run.Incarnation != who.Incarnation) {
			err = errTaken
		}
		c.Lease = st.Lease
		return err
	})
	return c, err
}

// Result is how a run ended that no [Import.Complete] ended: one without success,
// or a test.
type Result struct {
	// Status is Failed, Interrupted or Cancelled; a test's may be Succeeded too.
	Status Status
	// Reason is a code, Error the underlying system's own words.
	Reason, Error string
	// TraceID is kept when the run has none yet.
	TraceID string
	// Report is what a test that succeeded found.
	Report *connector.Report
}

// Finish ends a running run and leaves its watermark and counts as the last
// committed page left them. [ErrFenced] when the run is no longer running, as
// after another instance took over, or when it is an import that is said to have
// succeeded: that is for [Import.Complete] alone to say.
func (s *Store) Finish(ctx context.Context, runID string, r Result) error {
	switch r.Status {
	case Succeeded, Failed, Interrupted, Cancelled:
	default:
		return errors.New("a run can only finish as failed, interrupted or cancelled, or a test as succeeded")
	}
	report, err := reportText(r.Report)
	if err != nil {
		return err
	}
	return s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		n, err := s.exec(ctx, tx, "finish run", `UPDATE IM_RunHistory SET status = @p1, finished = @p2, reason = @p3, error_text = @p4,
			trace_id = CASE WHEN trace_id = '' THEN @p5 ELSE trace_id END, report = @p8
			WHERE id = @p6 AND status = @p7 AND (kind = @p9 OR @p1 <> @p10)`,
			string(r.Status), s.now(), clip(r.Reason, 100), clip(r.Error, maxErrorBytes), clip(r.TraceID, 64), runID, string(Running),
			report, string(Test), string(Succeeded))
		if err == nil && n == 0 {
			return ErrFenced
		}
		if err == nil {
			err = s.tellRun(ctx, tx, audit.RunEnded, runID)
		}
		if err != nil {
			return err
		}
		return s.showRun(ctx, tx, runID)
	})
}

// Cancel ends a run that no instance has taken yet, and asks the instance to end
// one that is under way, which it does as soon as it notices: asked is true then.
// The first who asks is the one who is named. [ErrConflict] when it has ended,
// [ErrNotFound].
func (s *Store) Cancel(ctx context.Context, runID, requestedBy string) (asked bool, err error) {
	err = s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		n, err := s.exec(ctx, tx, "cancel run", `UPDATE IM_RunHistory SET status = @p1, finished = @p2, reason = @p3, error_text = @p4
			WHERE id = @p5 AND status = @p6`, string(Cancelled), s.now(), ReasonCancelled,
			clip("cancelled by "+requestedBy, maxLabelBytes), runID, string(Queued))
		if err != nil {
			return err
		}
		if n > 0 {
			return s.showRun(ctx, tx, runID)
		}
		n, err = s.exec(ctx, tx, "ask to cancel run", `UPDATE IM_RunHistory SET cancel_by = CASE WHEN cancel_by = '' THEN @p1 ELSE cancel_by END
			WHERE id = @p2 AND status = @p3`, clip(requestedBy, maxLabelBytes), runID, string(Running))
		if asked = n > 0; err != nil || asked {
			return err
		}
		if _, err := s.run(ctx, tx, runID); err != nil {
			return err
		}
		return ErrConflict
	})
	return asked, err
}

// CancelWanted returns who asked for the end of a run, empty for nobody.
// [ErrNotFound].
func (s *Store) CancelWanted(ctx context.Context, runID string) (by string, err error) {
	err = s.row(ctx, s.db.Read, "look for cancel", "SELECT cancel_by FROM IM_RunHistory WHERE id = @p1", []any{runID}, []any{&by})
	return by, err
}

// interruptRuns ends the running runs of a connector whose lease tx holds or
// has removed.
func (s *Store) interruptRuns(ctx context.Context, tx *sql.Tx, connectorID, why string) error {
	running, err := s.runs(ctx, tx, "find running", "WHERE r.connector_id = @p1 AND r.status = @p2", connectorID, string(Running))
	if err != nil {
		return err
	}
	n, err := s.exec(ctx, tx, "interrupt runs", `UPDATE IM_RunHistory SET status = @p1, finished = @p2, reason = @p3, error_text = @p4
		WHERE connector_id = @p5 AND status = @p6`,
		string(Interrupted), s.now(), ReasonInterrupted, why, connectorID, string(Running))
	if err != nil || n == 0 {
		return err
	}
	for _, r := range running {
		if err := s.tellRun(ctx, tx, audit.RunEnded, r.ID); err != nil {
			return err
		}
	}
	return s.showRuns(ctx, tx, connectorID)
}

// InterruptOrphans marks the runs that earlier incarnations of an instance left
// running as interrupted, frees their leases, and returns how many there were.
// An instance calls it when it starts, before its first claim.
func (s *Store) InterruptOrphans(ctx context.Context, instance, incarnation string) (n int, err error) {
	err = s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		orphans, err := s.runs(ctx, tx, "find orphans", "WHERE r.status = @p1 AND r.instance_key = @p2 AND r.incarnation <> @p3",
			string(Running), key(instance), incarnation)
		if err != nil {
			return err
		}
		for _, r := range orphans {
			// The token grows too, in case the old process is not as dead as it seems.
			if _, err := s.exec(ctx, tx, "free lease", `UPDATE IM_ConnectorState
				SET lease_holder = '', lease_expires = @p1, lease_token = lease_token + 1 WHERE connector_id = @p2 AND lease_holder = @p3`,
				time.Time{}, r.ConnectorID, holder(instance, r.Incarnation)); err != nil {
				return err
			}
			if _, err := s.exec(ctx, tx, "interrupt orphan", `UPDATE IM_RunHistory SET status = @p1, finished = @p2, reason = @p3, error_text = @p4
				WHERE id = @p5 AND status = @p6`, string(Interrupted), s.now(), ReasonInterrupted,
				"the instance that ran it stopped and was started again", r.ID, string(Running)); err != nil {
				return err
			}
			if err := s.tellRun(ctx, tx, audit.RunEnded, r.ID); err != nil {
				return err
			}
			if err := s.showRuns(ctx, tx, r.ConnectorID); err != nil {
				return err
			}
		}
		n = len(orphans)
		return nil
	})
	return n, err
}
