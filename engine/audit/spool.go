package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"

	"github.com/identitymesh/identitymesh/sdk/wholefile"
)

// happening is an event on its way into the log.
type happening struct {
	// N counts from 1 for each source, which is how the log knows what it has.
	N       int64     `json:"n"`
	At      time.Time `json:"at"`
	Entry   Entry     `json:"entry"`
	Outcome string    `json:"outcome,omitempty"`
	// confesses is how many others this one says were dropped.
	confesses int
}

// spool keeps what could not be written into the log, one line each, in a file that
// begins with who keeps it. It is not safe for concurrent use.
type spool struct {
	path   string
	file   *os.File
	lock   *flock.Flock
	source string
	// waiting is what the file has, size its length and last its highest N.
	waiting  int
	size     int64
	begin    int64 // where its first happening is
	last     int64
	damaged  int // lines that cannot be read
	maxBytes int64
}

const (
	lockWait = 5 * time.Second
	lockPoll = 50 * time.Millisecond
)

type spoolHeader struct {
	Source string `json:"source"`
}

// openSpool opens the file, or makes it with a new source. What a process that was
// killed left in it counts as waiting.
func openSpool(ctx context.Context, path string, newID func() string, maxBytes int64) (s *spool, err error) {
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	// One that is about to end is waited for.
	waiting, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	ok, err := lock.TryLockContext(waiting, lockPoll)
	if err != nil && waiting.Err() == nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if !ok {
		return nil, fmt.Errorf("another process keeps audit records in %s; stop it, or give this one another name in IdentityMesh:InstanceName", path)
	}
	defer func() {
		if err != nil {
			_ = lock.Close()
		}
	}()
	err = wholefile.Create(path, 0o600, func(w io.Writer) error { return writeLine(w, spoolHeader{newID()}) })
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make a file for audit records: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the file for audit records: %w", err)
	}
	s = &spool{path: path, file: f, lock: lock, maxBytes: maxBytes}
	if err := s.load(); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("read the file for audit records %s: %w", path, err)
	}
	return s, nil
}

func (s *spool) load() error {
	lines := bufio.NewReader(s.file)
	header, err := lines.ReadBytes('\n')
	if err != nil {
		return err
	}
	var h spoolHeader
	if err := json.Unmarshal(header, &h); err != nil || h.Source == "" {
		return errors.New("it does not begin with its source")
	}
	s.source, s.begin = h.Source, int64(len(header))
	s.size = s.begin
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break // what has no end was being written when the process was killed
		}
		if err != nil {
			return err
		}
		var one happening
		if json.Unmarshal(line, &one) != nil || one.N <= s.last {
			s.damaged++
		} else {
			s.waiting++
			s.last = one.N
		}
		s.size += int64(len(line))
	}
	return s.file.Truncate(s.size)
}

// errFull: there is no room in the file.
var errFull = errors.New("the file for audit records is full")

// put adds happenings and returns when they are on the disk. Of what does not fit it
// puts the first ones, and says how many it put.
func (s *spool) put(list []happening) (n int, err error) {
	var text []byte
	for _, one := range list {
		line, err := json.Marshal(one)
		if err != nil {
			return 0, err
		}
		if s.size+int64(len(text)+len(line)+1) > s.maxBytes {
			break
		}
		text = append(append(text, line...), '\n')
		n++
	}
	if n > 0 {
		if _, err = s.file.WriteAt(text, s.size); err == nil {
			err = s.file.Sync()
		}
		if err != nil {
			// What is there of it would be read as written.
			return 0, errors.Join(err, s.file.Truncate(s.size))
		}
		s.size += int64(len(text))
		s.waiting += n
		s.last = list[n-1].N
	}
	if n < len(list) {
		return n, errFull
	}
	return n, nil
}

// each calls use with what is waiting, some at a time, in order.
func (s *spool) each(use func([]happening) error) error {
	lines := bufio.NewReader(io.NewSectionReader(s.file, s.begin, s.size-s.begin))
	var batch []happening
	last := int64(0)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		ended := err != nil
		var one happening
		if !ended && json.Unmarshal(line, &one) == nil && one.N > last {
			batch, last = append(batch, one), one.N
		}
		if len(batch) == recordBatch || ended && len(batch) > 0 {
			if err := use(batch); err != nil {
				return err
			}
			batch = nil
		}
		if ended {
			return nil
		}
	}
}

// empty forgets what was waiting.
func (s *spool) empty() error {
	if err := s.file.Truncate(s.begin); err != nil {
		return err
	}
	s.size, s.waiting, s.damaged = s.begin, 0, 0
	return s.file.Sync()
}

func (s *spool) close() error { return errors.Join(s.file.Close(), s.lock.Close()) }
