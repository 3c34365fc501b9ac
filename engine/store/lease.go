package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// Lease is the right to work on a connector until it expires. Whoever takes it
// next gets a higher token, and the old one is worth nothing from then on, even
// if its holder does not know yet.
type Lease struct {
	ConnectorID string
	Holder      string
	Token       int64
	Expires     time.Time
}

// ConnectorState is how far a connector has read and who is reading.
type ConnectorState struct {
	Watermark connector.Watermark
	// Lease has no holder when nobody ever held it or it was released.
	Lease Lease
}

// State returns the state of a connector. [ErrNotFound].
func (s *Store) State(ctx context.Context, connectorID string) (ConnectorState, error) {
	return s.state(ctx, s.db.Read, connectorID)
}

func (s *Store) state(ctx context.Context, q querier, connectorID string) (st ConnectorState, err error) {
	st.Lease.ConnectorID = connectorID
	err = s.row(ctx, q, "get connector state",
		"SELECT watermark, lease_holder, lease_token, lease_expires FROM IM_ConnectorState WHERE connector_id = @p1", []any{connectorID},
		[]any{(*string)(&st.Watermark), &st.Lease.Holder, &st.Lease.Token, &productTime{&st.Lease.Expires}})
	return st, err
}

// AcquireLease takes the lease if it is free or expired, and marks runs that the
// last holder left behind as interrupted. [*LeasedError], also when holder has
// it itself; [ErrNotFound].
func (s *Store) AcquireLease(ctx context.Context, connectorID, holder string, ttl time.Duration) (lease Lease, err error) {
	if holder == "" {
		return Lease{}, errors.New("a lease needs a holder")
	}
	err = s.db.InWriteTx(ctx, func(tx *sql.Tx) (err error) {
		lease, err = s.acquire(ctx, tx, connectorID, holder, ttl)
		return err
	})
	return lease, err
}

func (s *Store) acquire(ctx context.Context, tx *sql.Tx, connectorID, holder string, ttl time.Duration) (Lease, error) {
	now := s.now()
	n, err := s.exec(ctx, tx, "acquire lease", `UPDATE IM_ConnectorState
		SET lease_holder = @p1, lease_token = lease_token + 1, lease_expires = @p2
		WHERE connector_id = @p3 AND (lease_holder = '' OR lease_expires <= @p4)`, holder, now.Add(ttl), connectorID, now)
	if err != nil {
		return Lease{}, err
	}
	st, err := s.state(ctx, tx, connectorID)
	if err != nil {
		return Lease{}, err
	}
	if n == 0 {
		return Lease{}, &LeasedError{Holder: st.Lease.Holder, Until: st.Lease.Expires}
	}
	return st.Lease, s.interruptRuns(ctx, tx, connectorID, "the instance that ran it stopped renewing its lease")
}

// RenewLease extends the lease to ttl from now. [ErrFenced] when it was lost.
func (s *Store) RenewLease(ctx context.Context, lease Lease, ttl time.Duration) (Lease, error) {
	lease.Expires = s.now().Add(ttl)
	return lease, s.updateLease(ctx, "renew lease", "lease_expires = @p1", lease.Expires, lease)
}

// ReleaseLease gives the lease back. [ErrFenced] when it was lost already.
func (s *Store) ReleaseLease(ctx context.Context, lease Lease) error {
	return s.updateLease(ctx, "release lease", "lease_holder = '', lease_expires = @p1", time.Time{}, lease)
}

func (s *Store) updateLease(ctx context.Context, name, set string, expires time.Time, lease Lease) error {
	return s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		n, err := s.exec(ctx, tx, name, "UPDATE IM_ConnectorState SET "+set+
			" WHERE connector_id = @p2 AND lease_token = @p3 AND lease_holder = @p4",
			expires, lease.ConnectorID, lease.Token, lease.Holder)
		if err == nil && n == 0 {
			return ErrFenced
		}
		return err
	})
}

// fence fails with [ErrFenced] unless the lease is still ours, and otherwise
// keeps everybody else from taking it before tx ends. It moves the watermark in
// the same statement when to is not empty.
func (s *Store) fence(ctx context.Context, tx *sql.Tx, lease Lease, to connector.Watermark) error {
	set, args := "updated = @p1", []any{s.now(), lease.ConnectorID, lease.Token, lease.Holder}
	if to != "" {
		set, args = set+", watermark = @p5", append(args, string(to))
	}
	n, err := s.exec(ctx, tx, "fence", "UPDATE IM_ConnectorState SET "+set+
		" WHERE connector_id = @p2 AND lease_token = @p3 AND lease_holder = @p4", args...)
	if err == nil && n == 0 {
		return ErrFenced
	}
	return err
}

// productTime scans into a plain time.
type productTime struct{ to *time.Time }

// Scan implements [sql.Scanner].
func (p *productTime) Scan(src any) error {
	var t productdb.Time
	err := t.Scan(src)
	*p.to = t.Time
	return err
}
