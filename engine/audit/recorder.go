package audit

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// RecorderConfig of a [Recorder].
type RecorderConfig struct {
	Log *Log
	// File keeps what the log cannot take, in the data folder. One process at a time
	// may have it open.
	File   string
	Logger *slog.Logger
	Now    func() time.Time
	// NewID makes an id that never repeats.
	NewID func() string
	// MaxBytes is how large the file may become; 0 means 8 MiB.
	MaxBytes int64
	// WriteLimit is how long the log may take for records before the file takes them,
	// and Retry how often it is tried to get them from there into the log; 0 means 3 s
	// and 5 s.
	WriteLimit, Retry time.Duration
}

// Recorder records what happens by itself, such as the states of a plugin: things
// that nobody could refuse to do because the log cannot be written. While it cannot,
// a file keeps them; from there they come into the log once each and in order, with
// a record that says so. Its methods may be called concurrently and do not wait for
// the database.
type Recorder struct {
	config RecorderConfig
	cancel context.CancelFunc
	ended  chan struct{}
	more   chan struct{}

	mu    sync.Mutex
	queue []happening
	next  int64
	// dropped is how many there was no room for, since the time.
	dropped int
	since   time.Time
	problem string

	spool *spool // the goroutine's own
}

const (
	// recordBatch is how many records one transaction writes.
	recordBatch = 200
	// maxQueue bounds what waits for the goroutine.
	maxQueue = 2000
	// lastLimit bounds the last try of a program that stops.
	lastLimit = 2 * time.Second
)

// OpenRecorder opens the file and begins to record. Call [Recorder.Close] in the end.
func OpenRecorder(ctx context.Context, c RecorderConfig) (*Recorder, error) {
	if c.MaxBytes == 0 {
		c.MaxBytes = 8 << 20
	}
	if c.WriteLimit == 0 {
		c.WriteLimit = 3 * time.Second
	}
	if c.Retry == 0 {
		c.Retry = 5 * time.Second
	}
	s, err := openSpool(ctx, c.File, c.NewID, c.MaxBytes)
	if err != nil {
		return nil, err
	}
	done, err := c.Log.recorded(ctx, c.Log.db.Read, s.source)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("find out which audit records of %s are in %s: %w", c.File, c.Log.db.Target, err), s.close())
	}
	working := context.WithoutCancel(ctx)
	running, cancel := context.WithCancel(working)
	r := &Recorder{
		config: c, cancel: cancel, ended: make(chan struct{}), more: make(chan struct{}, 1),
		next: max(done, s.last) + 1, spool: s,
	}
	if s.damaged > 0 {
		r.config.Logger.Error("audit records that were kept in a file cannot be read", telemetry.KeyPath, c.File, "records", s.damaged)
		r.Record(Entry{Actor: System, Action: "audit.dropped", Target: "audit", Detail: fmt.Sprintf(`{"damaged":%d}`, s.damaged)}, "")
	}
	go r.run(running, working)
	return r, nil
}

// System is the Actor of what happens by itself.
const System = "system"

// Record records that something happened. The outcome is a reason of package fault,
// empty where there is none.
func (r *Recorder) Record(e Entry, outcome string) {
	r.mu.Lock()
	if len(r.queue) < maxQueue {
		r.queue = append(r.queue, happening{N: r.next, At: productdb.Cut(r.config.Now()), Entry: e, Outcome: outcome})
		r.next++
	} else {
		r.dropLocked(1)
	}
	r.mu.Unlock()
	select {
	case r.more <- struct{}{}:
	default: // it was said already
	}
}

// Problem says what an operator must look at; empty when all is well.
func (r *Recorder) Problem() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.problem
}

// Close records what is left, in the file if the log does not take it in time.
func (r *Recorder) Close() error {
	r.cancel()
	<-r.ended
	return r.spool.close()
}

// run works until running ends. What it does then is bounded by limits of its own,
// not broken off: that would look as if the log could not be written.
func (r *Recorder) run(running, working context.Context) {
	defer close(r.ended)
	retry := time.NewTicker(r.config.Retry)
	defer retry.Stop()
	for {
		r.work(working, running)
		select {
		case <-running.Done():
			last, cancel := context.WithTimeout(working, lastLimit)
			defer cancel()
			r.work(last, last)
			return
		case <-r.more:
		case <-retry.C:
		}
	}
}

// work brings what is queued into the log, or else into the file. When until ends,
// what is in the file stays there.
func (r *Recorder) work(ctx, until context.Context) {
	r.mu.Lock()
	list := r.queue
	r.queue = nil
	if r.dropped > 0 && r.spool.waiting == 0 {
		list = append(list, r.confessLocked())
	}
	r.mu.Unlock()
	var err error
	if r.spool.waiting == 0 {
		for len(list) > 0 && err == nil {
			n := min(len(list), recordBatch)
			if err = r.write(ctx, list[:n], false); err == nil {
				list = list[n:]
			}
		}
		if err == nil {
			r.say("")
			return
		}
		r.config.Logger.Warn("the audit log cannot be written; what happens is kept in a file until it can", telemetry.KeyError, err, telemetry.KeyPath, r.config.File)
	}
	r.keep(list)
	if err == nil { // it was waiting from before
		err = r.drain(ctx, until)
	}
	if err != nil && until.Err() == nil {
		r.say(fmt.Sprintf("the audit log cannot be written: %v; %d records wait in %s", err, r.spool.waiting, r.config.File))
	}
}

// drain brings what the file keeps into the log.
func (r *Recorder) drain(ctx, until context.Context) error {
	n := r.spool.waiting
	err := r.spool.each(func(batch []happening) error {
		if err := until.Err(); err != nil {
			return err
		}
		return r.write(ctx, batch, true)
	})
	if err != nil {
		return err
	}
	if err := r.spool.empty(); err != nil {
		// The log knows what it has, so that nothing comes twice.
		return fmt.Errorf("empty the file: %w", err)
	}
	r.config.Logger.Info("the audit log can be written again and has what was kept in the file", "records", n, telemetry.KeyPath, r.config.File)
	r.say("")
	return nil
}

// keep puts what happened into the file. What has no room there is counted.
func (r *Recorder) keep(list []happening) {
	n, err := r.spool.put(list)
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range list[n:] {
		r.dropLocked(max(1, h.confesses))
	}
	r.config.Logger.Error("audit records were dropped, because the log cannot be written and the file does not take them",
		telemetry.KeyError, err, telemetry.KeyPath, r.config.File, "dropped", r.dropped)
}

func (r *Recorder) dropLocked(n int) {
	if r.dropped == 0 {
		r.since = productdb.Cut(r.config.Now())
	}
	r.dropped += n
}

// confessLocked says how many were dropped.
func (r *Recorder) confessLocked() happening {
	now := productdb.Cut(r.config.Now())
	h := happening{N: r.next, At: now, confesses: r.dropped, Entry: Entry{Actor: System, Action: "audit.dropped", Target: "audit",
		Detail: fmt.Sprintf(`{"records":%d,"from":%q,"to":%q}`, r.dropped, r.since.Format(time.RFC3339Nano), now.Format(time.RFC3339Nano))}}
	r.next++
	r.dropped = 0
	return h
}

func (r *Recorder) say(problem string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problem = problem
}

// write writes those that the log does not have yet.
func (r *Recorder) write(ctx context.Context, list []happening, kept bool) error {
	ctx, cancel := context.WithTimeout(ctx, r.config.WriteLimit)
	defer cancel()
	l := r.config.Log
	return l.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		e, err := l.hold(ctx, tx, AdminChain)
		if err != nil {
			return err
		}
		done, err := l.recorded(ctx, tx, r.spool.source)
		if err != nil {
			return err
		}
		var left []happening
		for _, h := range list {
			if h.N > done {
				left = append(left, h)
			}
		}
		if len(left) == 0 {
			return nil
		}
		now := productdb.Cut(l.now())
		add := func(entry Entry, outcome string) error {
			record := Record{Time: now, Phase: Event, Entry: entry, Outcome: outcome}
			record.fit()
			return l.add(ctx, tx, &e, &record)
		}
		if kept {
			err := add(Entry{Actor: System, Address: left[0].Entry.Address, Action: "audit.spooled", Target: "audit", Detail: fmt.Sprintf(`{"records":%d,"from":%q,"to":%q}`,
				len(left), left[0].At.Format(time.RFC3339Nano), left[len(left)-1].At.Format(time.RFC3339Nano))}, "")
			if err != nil {
				return err
			}
		}
		for _, h := range left {
			if kept {
				h.Entry.Detail = since(h)
			}
			if err := add(h.Entry, h.Outcome); err != nil {
				return err
			}
		}
		return l.setRecorded(ctx, tx, r.spool.source, left[len(left)-1].N)
	})
}

// since returns the detail of an event that is recorded later than it happened.
func since(h happening) string {
	detail := struct {
		Happened time.Time       `json:"happened"`
		Detail   json.RawMessage `json:"detail,omitempty"`
	}{Happened: h.At}
	if json.Valid([]byte(h.Entry.Detail)) {
		detail.Detail = json.RawMessage(h.Entry.Detail)
	}
	text, err := json.Marshal(detail)
	if err != nil {
		return h.Entry.Detail
	}
	return string(text)
}

// recorded returns up to which number the log has the happenings of a source.
func (l *Log) recorded(ctx context.Context, q rowQuerier, source string) (n int64, err error) {
	_, err = l.oneRow(ctx, q, "SELECT done FROM IM_AuditSources WHERE source = @p1", []any{source}, []any{&n})
	return n, err
}

func (l *Log) setRecorded(ctx context.Context, tx *sql.Tx, source string, n int64) error {
	result, err := tx.ExecContext(ctx, l.db.Dialect.SQL("UPDATE IM_AuditSources SET done = @p1 WHERE source = @p2"), n, source)
	if err != nil {
		return err
	}
	changed, err := result.RowsAffected()
	if err == nil && changed == 0 {
		_, err = tx.ExecContext(ctx, l.db.Dialect.SQL("INSERT INTO IM_AuditSources (source, done) VALUES (@p1, @p2)"), source, n)
	}
	return err
}
