package productdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// txTries bounds how often a transaction is run.
	txTries = 6
	// The waits are doubled each time, and jittered: a deadlock is over when its
	// other side has committed; a fail-over takes some seconds.
	deadlockWait = 20 * time.Millisecond
	outageWait   = 250 * time.Millisecond
)

// UnknownOutcomeError says that the connection ended while a transaction was
// being committed: all of it was carried out, or nothing. Read what it should
// have written, then decide.
type UnknownOutcomeError struct {
	Target string
	Err    error
}

func (e *UnknownOutcomeError) Error() string {
	return fmt.Sprintf("the connection to %s ended while a change was being committed, so that it may have been made or not: %v", e.Target, e.Err)
}

// Unwrap returns the driver's error.
func (e *UnknownOutcomeError) Unwrap() error { return e.Err }

// InWriteTx runs fn in a transaction and commits when fn returns nil. On SQLite
// the transaction has the file's write lock from its start.
//
// When the server chose the transaction as the victim of a deadlock, or the
// connection ended before the commit, as in a fail-over, nothing of it was done,
// and fn is run again in a new transaction, a few times within some seconds. So
// fn must have no effect outside the transaction until InWriteTx returned. When
// the connection ended during the commit, the error is [*UnknownOutcomeError],
// and nothing is repeated.
func (d *DB) InWriteTx(ctx context.Context, fn func(*sql.Tx) error) error {
	for try := 1; ; try++ {
		err := d.inTx(ctx, fn)
		wait := retryAfter(err)
		if wait == 0 || try == txTries {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-time.After(d.wait(wait << try)):
		}
	}
}

func (d *DB) wait(max time.Duration) time.Duration {
	if d.jitter == nil {
		return rand.N(max)
	}
	return d.jitter(max)
}

func (d *DB) inTx(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := d.Write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin a transaction on %s: %w", d.Target, err)
	}
	// Also covers a panic of fn. After a commit it does nothing.
	defer func() { _ = tx.Rollback() }()
	if err := fn(tx); err != nil {
		return err
	}
	err = tx.Commit()
	switch {
	case err == nil:
		return nil
	case undone(err):
		return fmt.Errorf("commit on %s: %w", d.Target, err)
	}
	return &UnknownOutcomeError{Target: d.Target, Err: err}
}

// undone reports whether err of a commit proves that nothing was committed: the
// database itself said so, or the driver never asked it, which is what ErrBadConn
// promises.
func undone(err error) bool {
	if _, answered := serverNumber(err); answered && !severed(err) {
		return true
	}
	return isSQLite(err) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrTxDone)
}

// retryAfter returns the shortest wait after which it makes sense to run a
// transaction that failed with err again, or 0 when it does not.
func retryAfter(err error) time.Duration {
	var unknown *UnknownOutcomeError
	number, answered := serverNumber(err)
	switch {
	case err == nil, errors.As(err, &unknown), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return 0
	case answered && isDeadlock(number):
		return deadlockWait
	case away(err):
		return outageWait
	}
	return 0
}
