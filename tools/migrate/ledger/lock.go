package ledger

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// LockedError is a ledger that another process works with.
type LockedError struct {
	Path   string
	Holder Holder
}

// Holder is who works with a ledger.
type Holder struct {
	Who     string    `json:"who"`
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

func (e *LockedError) Error() string {
	switch {
	case e.Holder.Host == "":
		return fmt.Sprintf("another process works with the migration of %s", e.Path)
	case e.Holder.PID == 0: // what is known of another host
		return fmt.Sprintf("the migration of %s is worked with on %s (%s), and was begun by %s; wait until that is done, or stop it",
			e.Path, e.Holder.Host, e.Holder.Command, e.Holder.Who)
	}
	return fmt.Sprintf("%s works with the migration of %s: %s, process %d on %s, since %s; wait until it is done, or stop it",
		e.Holder.Who, e.Path, e.Holder.Command, e.Holder.PID, e.Holder.Host, e.Holder.Since.Format(time.RFC3339))
}

// Lock makes this process the only one that works with the migration, until unlock is
// called or the process ends, however it ends. command is told to others. When
// another one has it, the error is a [*LockedError].
func (l *Ledger) Lock(ctx context.Context, command string) (unlock func() error, err error) {
	lock := flock.New(filepath.Join(filepath.Dir(l.path), "migration.lock"), flock.SetPermissions(0o600))
	got, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the migration of %s: %w", l.path, err)
	}
	if !got {
		refused := &LockedError{Path: l.path}
		// Without a holder the refusal still stands.
		refused.Holder, _ = l.Holder(ctx)
		return nil, refused
	}
	err = l.submit(ctx, func(b *batch) error {
		return b.exec(`INSERT INTO holder (one, who, host, pid, command, since) VALUES (1, ?, ?, ?, ?, ?)
			ON CONFLICT (one) DO UPDATE SET who = excluded.who, host = excluded.host, pid = excluded.pid, command = excluded.command, since = excluded.since`,
			b.who, b.host, os.Getpid(), command, b.at)
	})
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	return lock.Close, nil
}

// LockHost makes this process the only one on this host that works with any migration of
// the product with that data folder, whichever ledger that has, until unlock is called or
// the process ends. When another one has it, the error is a [*LockedError].
func LockHost(dataFolder string) (unlock func() error, err error) {
	if err := os.MkdirAll(dataFolder, 0o700); err != nil {
		return nil, fmt.Errorf("create the data folder: %w", err)
	}
	lock := flock.New(filepath.Join(dataFolder, "migration-command.lock"), flock.SetPermissions(0o600))
	got, err := lock.TryLock()
	switch {
	case err != nil:
		return nil, fmt.Errorf("lock the migrations of %s: %w", dataFolder, err)
	case !got:
		return nil, &LockedError{Path: dataFolder}
	}
	return lock.Close, nil
}

// Holder returns who last locked the migration; whether it still does, only
// [Ledger.Lock] can say.
func (l *Ledger) Holder(ctx context.Context) (Holder, error) {
	var h Holder
	var since productdb.Time
	err := l.db.Read.QueryRowContext(ctx, "SELECT who, host, pid, command, since FROM holder").Scan(&h.Who, &h.Host, &h.PID, &h.Command, &since)
	h.Since = since.Time
	return h, err
}
