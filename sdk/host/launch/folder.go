package launch

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

const (
	folderPrefix = "host-"
	lockName     = "lock"
	// maxSocketPath is what the shortest of the platforms takes for a unix
	// socket's path (sun_path has 104 bytes on BSDs and 108 on Linux, with a
	// terminating zero), and socketTail what go-plugin adds below the folder: one for
	// each start, whose random name also tells the processes of that start from all
	// others, and in it the socket.
	maxSocketPath = 103
	socketTail    = len("/plugin-dir4294967295/plugin4294967295")
	lockPoll      = 10 * time.Millisecond
)

// Folder is one host process's private place for plugin sockets. It is locked
// for as long as the process lives, so that the next one can tell an abandoned
// folder without guessing from process ids.
type Folder struct {
	path string
	lock *flock.Flock

	mu      sync.Mutex
	orphans int // ended by the sweep, and not told of yet
}

// OpenFolder makes a folder in the first of bases that can hold it, and removes
// what hosts that are gone left there. The error says what is wrong with each.
func OpenFolder(bases ...string) (*Folder, error) {
	var problems []error
	for _, base := range bases {
		f, err := openFolder(base)
		if err == nil {
			return f, nil
		}
		problems = append(problems, err)
	}
	return nil, fmt.Errorf("no folder can hold the plugins' sockets: %w", errors.Join(problems...))
}

func openFolder(base string) (*Folder, error) {
	path := filepath.Join(base, folderPrefix+randomName())
	if n := len(path) + socketTail; n > maxSocketPath && socketsAreFiles {
		return nil, fmt.Errorf("%s: a socket below it would have a path of %d bytes, the system allows %d; choose a shorter IdentityMesh:DataFolder", base, n, maxSocketPath)
	}
	if err := os.MkdirAll(base, 0o700); err != nil {
		return nil, err
	}
	if err := checkPrivate(base); err != nil {
		return nil, err
	}
	// Making and sweeping exclude each other, or a sweep could take a folder
	// that was made and not locked yet.
	guard := flock.New(filepath.Join(base, lockName))
	ctx, cancel := context.WithTimeout(context.Background(), LockLimit)
	defer cancel()
	if _, err := guard.TryLockContext(ctx, lockPoll); err != nil {
		return nil, fmt.Errorf("wait for another process to finish with %s: %w", base, err)
	}
	defer guard.Close()
	orphans := sweep(base)
	if err := os.Mkdir(path, 0o700); err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(path, lockName))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return nil, fmt.Errorf("lock the new folder %s: %w", path, err)
	}
	return &Folder{path: path, lock: lock, orphans: orphans}, nil
}

// sweep removes the folders of hosts that no longer run, and ends what their
// plugins forked, which nobody did when such a host was killed.
func sweep(base string) (orphans int) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), folderPrefix) {
			continue
		}
		old := filepath.Join(base, e.Name())
		lock := flock.New(filepath.Join(old, lockName))
		if ok, err := lock.TryLock(); err != nil || !ok {
			continue
		}
		orphans += endEscaped(old+string(filepath.Separator), 0)
		_ = lock.Close()
		_ = os.RemoveAll(old)
	}
	return orphans
}

// tellOrphans says once what the sweep ended.
func (f *Folder) tellOrphans(logger *slog.Logger) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.orphans > 0 {
		logger.Warn("plugins of a host that was killed had left processes behind, which had to be ended", "count", f.orphans)
	}
	f.orphans = 0
}

func randomName() string {
	var id [4]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// Path of the folder.
func (f *Folder) Path() string { return f.path }

// Close removes the folder. Plugins that use it must have ended.
func (f *Folder) Close() error {
	return errors.Join(f.lock.Close(), os.RemoveAll(f.path))
}
