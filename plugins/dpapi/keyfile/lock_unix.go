//go:build unix

package keyfile

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// Whoever seals shares the lock; whoever changes the file has it alone.
const (
	shared    = syscall.LOCK_SH
	exclusive = syscall.LOCK_EX
)

const (
	lockPoll = 2 * time.Millisecond
	// lockLimit bounds the wait of those whose context has no end.
	lockLimit = 2 * time.Minute
)

// lock takes the lock of the folder itself, so that there is no file beside the
// key that could be removed. It goes with the process.
func (f Folder) lock(ctx context.Context, kind int) (unlock func(), err error) {
	folder, err := os.Open(f.path())
	if err != nil {
		return nil, &Error{Path: f.path(), Problem: "cannot be locked", Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, lockLimit)
	defer cancel()
	for {
		err = syscall.Flock(int(folder.Fd()), kind|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = folder.Close() }, nil
		}
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
			select {
			case <-time.After(lockPoll):
				continue
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		_ = folder.Close()
		return nil, &Error{Path: f.path(), Problem: "is being changed by another process, which did not finish in time", Err: err}
	}
}
