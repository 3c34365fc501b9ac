package filestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

const (
	lockName = ".lock"
	// lockPoll is how often a lock that another process holds is tried again.
	lockPoll = 5 * time.Millisecond
)

// exclusively runs do while nobody else writes: no other call of this process, and
// no other process. Two of them use the folder when a host replaces its plugin, so
// the lock is held for one write and not for life. The system releases it when the
// process dies.
func (s *Store) exclusively(ctx context.Context, do func() error) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return fmt.Errorf("wait for other writes: %w", ctx.Err())
	}
	lock := flock.New(filepath.Join(s.folder, lockName), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return fmt.Errorf("lock the store: %w", err)
	}
	defer func() { _ = lock.Close() }()
	return do()
}

// writeWhole makes a file that is there with all of parts, or not at all, whatever
// happens on the way. The folder's own entry is safe on the disk too when it
// returns.
func writeWhole(folder, name string, parts ...[]byte) (err error) {
	f, err := os.CreateTemp(folder, tempPrefix) // with the permissions 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, _ = f.Close(), os.Remove(f.Name()) // most often one of them is done already
		}
	}()
	for _, part := range parts {
		if _, err := f.Write(part); err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(folder, name)); err != nil {
		return err
	}
	return syncFolder(folder)
}

// destroy removes a secret for ever. It is gone from the moment of the mark; when
// removing the files is cut short, the next write of this secret goes on with it.
func (s *Store) destroy(e entry) error {
	folder := filepath.Join(s.folder, e.name)
	if !e.purged {
		if err := writeWhole(folder, markPurged); err != nil {
			return err
		}
		e.purged = true
	}
	if err := s.clean(e); err != nil {
		return fmt.Errorf("it is gone, but files are left; repeat this to remove them: %w", err)
	}
	if err := os.Remove(folder); err != nil {
		return fmt.Errorf("it is gone, but its empty folder is left: %w", err)
	}
	return syncFolder(s.folder)
}

// clean removes what writes left behind that were cut short. Of a purged secret
// that is everything, and the mark goes last.
func (s *Store) clean(e entry) error {
	folder := filepath.Join(s.folder, e.name)
	gone := e.temp
	if e.purged {
		gone = append(append(gone, e.versions...), markDeleted)
	}
	for _, name := range gone {
		if err := os.Remove(filepath.Join(folder, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if !e.purged {
		return nil
	}
	if err := os.Remove(filepath.Join(folder, markPurged)); err != nil {
		return err
	}
	return syncFolder(folder)
}
