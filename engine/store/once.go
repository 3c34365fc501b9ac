package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
)

const (
	// OnceKept is how long a request is remembered.
	OnceKept = 24 * time.Hour
	// OnceStale is how long a request is taken to be under way. Whoever comes later
	// carries it out, because its process is gone; if it was only slow, both make
	// the same thing, because what they make has its id from the first.
	OnceStale = time.Minute
)

// Once is a request that is to be carried out once.
type Once struct {
	// KeyHash is of the principal, the operation and the client's key; nothing here
	// tells the key.
	KeyHash, Operation, Principal string
	// Fingerprint is of all else in the request.
	Fingerprint string
	// ResourceID is the id of what the request makes, the same for each attempt.
	ResourceID string
	Attempt    int64
	Done       bool
	// Answer is what was answered, once it is done.
	Answer string
}

// BeginOnce notes that a request is about to be carried out. The caller carries it
// out when mine is true and calls [Store.EndOnce] or [Store.LeaveOnce] afterwards.
// Otherwise the one returned is done, or under way, or another one of that key, as
// its fingerprint shows.
func (s *Store) BeginOnce(ctx context.Context, want Once) (is Once, mine bool, err error) {
	begin := func(tx *sql.Tx) error {
		now := s.now()
		if _, err := s.exec(ctx, tx, "prune requests", "DELETE FROM IM_IdempotencyKeys WHERE created < @p1", now.Add(-OnceKept)); err != nil {
			return err
		}
		is, mine = want, false
		var tried time.Time
		err := s.row(ctx, tx, "find request", "SELECT fingerprint, resource_id, attempt, done, answer, tried FROM IM_IdempotencyKeys WHERE key_hash = @p1",
			[]any{want.KeyHash}, []any{&is.Fingerprint, &is.ResourceID, &is.Attempt, &is.Done, &is.Answer, &productTime{&tried}})
		if errors.Is(err, ErrNotFound) {
			is.ResourceID, is.Attempt, mine = s.cfg.NewID(), 1, true
			_, err := s.exec(ctx, tx, "insert request", `INSERT INTO IM_IdempotencyKeys
				(key_hash, operation, principal, fingerprint, resource_id, attempt, done, answer, created, tried)
				VALUES (@p1, @p2, @p3, @p4, @p5, 1, 0, '', @p6, @p6)`,
				is.KeyHash, is.Operation, clip(is.Principal, 400), is.Fingerprint, is.ResourceID, now)
			return err
		}
		if err != nil || is.Done || is.Fingerprint != want.Fingerprint || !tried.IsZero() && tried.After(now.Add(-OnceStale)) {
			return err
		}
		n, err := s.exec(ctx, tx, "take request over", "UPDATE IM_IdempotencyKeys SET attempt = attempt + 1, tried = @p1 WHERE key_hash = @p2 AND attempt = @p3 AND done = 0",
			now, is.KeyHash, is.Attempt)
		if mine = n > 0; mine {
			is.Attempt++
		}
		return err
	}
	err = s.db.InWriteTx(ctx, begin)
	if productdb.IsUniqueViolation(err) { // the same request came twice at once
		err = s.db.InWriteTx(ctx, begin)
	}
	return is, mine, err
}

// EndOnce notes that a request was carried out, and what was answered. It does
// nothing when somebody took it over.
func (s *Store) EndOnce(ctx context.Context, o Once, answer string) error {
	return s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		_, err := s.exec(ctx, tx, "end request", "UPDATE IM_IdempotencyKeys SET done = 1, answer = @p1 WHERE key_hash = @p2 AND attempt = @p3",
			answer, o.KeyHash, o.Attempt)
		return err
	})
}

// LeaveOnce notes that a request failed. When nothing was done it is forgotten;
// otherwise whoever comes next carries it out under the same id.
func (s *Store) LeaveOnce(ctx context.Context, o Once, nothingDone bool) error {
	return s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		if nothingDone {
			_, err := s.exec(ctx, tx, "forget request", "DELETE FROM IM_IdempotencyKeys WHERE key_hash = @p1 AND attempt = @p2 AND done = 0", o.KeyHash, o.Attempt)
			return err
		}
		_, err := s.exec(ctx, tx, "leave request", "UPDATE IM_IdempotencyKeys SET tried = @p1 WHERE key_hash = @p2 AND attempt = @p3", time.Time{}, o.KeyHash, o.Attempt)
		return err
	})
}
