// Package logfile writes a log to files of limited size and number: name.log is
// the newest, name.1.log the one before it, and so on. What belongs into a log, and
// how a line looks, is decided elsewhere. Start reading at [Open].
package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/gofrs/flock"
)

// Config says where the files are and how many.
type Config struct {
	// Folder is made when it is missing, for its owner only.
	Folder string
	// Name of the files, without the ending.
	Name string
	// MaxBytes is the size at which a file is full. Only a single write that is
	// larger makes a larger file.
	MaxBytes int64
	// MaxFiles is how many files are kept, the newest included; at least 1.
	MaxFiles int
}

// Writer appends to the newest file. Each Write stays together in one file. It may
// be used concurrently.
type Writer struct {
	config Config
	lock   *flock.Flock

	mu   sync.Mutex
	file *os.File // nil when it could not be opened, and after Close
	size int64
	shut bool
}

// Open opens the newest file to append to it. It fails when another process writes
// these files already, because two would take them away from each other.
func Open(c Config) (*Writer, error) {
	if err := os.MkdirAll(c.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the log files: %w", err)
	}
	w := &Writer{config: c, lock: flock.New(filepath.Join(c.Folder, c.Name+".lock"), flock.SetPermissions(0o600))}
	ok, err := w.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the log files: %w", err)
	}
	if !ok {
		return nil, fmt.Errorf("another process writes to %s already; give one of them a folder of its own", w.path(0))
	}
	if err := w.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open the log file: %w", err), w.lock.Close())
	}
	return w, nil
}

// Path of the newest file.
func (w *Writer) Path() string { return w.path(0) }

// path of the file that is so many files old.
func (w *Writer) path(age int) string {
	if age == 0 {
		return filepath.Join(w.config.Folder, w.config.Name+".log")
	}
	return filepath.Join(w.config.Folder, fmt.Sprintf("%s.%d.log", w.config.Name, age))
}

func (w *Writer) open() error {
	f, err := os.OpenFile(w.path(0), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	w.file, w.size = f, info.Size()
	return nil
}

// Write appends p. A failure, as of a full disk, loses p and nothing else: the next
// Write tries anew.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shut {
		return 0, fs.ErrClosed
	}
	if w.file != nil && w.size > 0 && w.size+int64(len(p)) > w.config.MaxBytes {
		if err := w.roll(); err != nil {
			return 0, fmt.Errorf("begin a new log file: %w", err)
		}
	}
	if w.file == nil {
		if err := w.open(); err != nil {
			return 0, fmt.Errorf("open the log file: %w", err)
		}
	}
	n, err := w.file.Write(p)
	w.size += int64(n)
	return n, err
}

// roll makes every file one older and drops the oldest. While the newest cannot be
// renamed, because somebody on Windows holds it open, it goes on growing and all
// others stay: that is better than to lose lines.
func (w *Writer) roll() error {
	err := w.file.Close() // Windows renames no open file
	w.file = nil
	if err != nil {
		return err
	}
	if w.config.MaxFiles == 1 {
		return os.Truncate(w.path(0), 0)
	}
	aside := filepath.Join(w.config.Folder, w.config.Name+".0.log")
	if os.Rename(w.path(0), aside) != nil {
		return nil
	}
	for age := w.config.MaxFiles - 1; age > 1; age-- {
		_ = os.Rename(w.path(age-1), w.path(age)) // it may not be there yet
	}
	if os.Rename(aside, w.path(1)) != nil {
		return os.Rename(aside, w.path(0))
	}
	return nil
}

// Close closes the file. What is written later is lost.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shut {
		return nil
	}
	w.shut = true
	var err error
	if w.file != nil {
		err = w.file.Close()
		w.file = nil
	}
	return errors.Join(err, w.lock.Close())
}
