package productdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// deadlockTries bounds how often a deadlock victim is run again.
	deadlockTries = 6
	deadlockWait  = 20 * time.Millisecond // doubled each time, and jittered
)

// InWriteTx runs fn in a transaction and commits when fn returns nil. On SQLite
// the transaction has the file's write lock from its start; on SQL Server fn is
// run again, in a new transaction, when it was chosen as the victim of a
// deadlock, so fn must have no effect outside the transaction until InWriteTx
// returned. When the commit itself failed, its outcome is unknown.
func (d *DB) InWriteTx(ctx context.Context, fn func(*sql.Tx) error) error {
	for try := 1; ; try++ {
		err := d.inTx(ctx, fn)
		if err == nil || !isDeadlock(err) || try == deadlockTries {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(d.wait(deadlockWait << try)):
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
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit on %s: %w", d.Target, err)
	}
	return nil
}

// serverError is how go-mssqldb's errors show the server's number.
type serverError interface {
	error
	SQLErrorNumber() int32
}

const (
	numberDeadlock        = 1205
	numberUniqueIndex     = 2601
	numberUniqueKey       = 2627
	numberSnapshotWritten = 3960
)

func isDeadlock(err error) bool {
	var s serverError
	if !errors.As(err, &s) {
		return false
	}
	return s.SQLErrorNumber() == numberDeadlock || s.SQLErrorNumber() == numberSnapshotWritten
}

// IsUniqueViolation reports whether err says that a row with such a key exists.
func IsUniqueViolation(err error) bool {
	if s := (serverError)(nil); errors.As(err, &s) {
		return s.SQLErrorNumber() == numberUniqueKey || s.SQLErrorNumber() == numberUniqueIndex
	}
	if l := (*sqlite.Error)(nil); errors.As(err, &l) {
		return l.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || l.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	return false
}
