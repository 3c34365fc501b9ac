// Package live tells many listeners about runs as they change. One look at the
// database a second serves all of them, and none is taken while nobody listens. A
// listener that does not keep up is let go and never holds up the others.
//
// What travels to a client is package api's concern. Start reading at
// [Broadcaster].
package live

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Runs are read as they are now.
type Runs interface {
	NewestRun(ctx context.Context) (int64, error)
	QueuedRuns(ctx context.Context, limit int) ([]int64, error)
	RunsAfter(ctx context.Context, seq int64, limit int) ([]store.Run, error)
	RunsBySeq(ctx context.Context, seqs []int64) ([]store.Run, error)
}

// Source has runs and their logs.
type Source interface {
	Runs
	ListRuns(ctx context.Context, f store.RunFilter, limit int) ([]store.Run, error)
	LogsAfter(ctx context.Context, runs map[string]int64, limit int) ([]store.Log, error)
}

// Config of a [Broadcaster].
type Config struct {
	Source Source
	// Run and Log write what listeners get.
	Run func(store.Run) []byte
	Log func(store.Log) []byte
	// Poll is how often the database is looked at, and Linger how long also after
	// the last listener has left, so that one who comes back missed nothing.
	Poll, Linger time.Duration
	Logger       *slog.Logger
	// NewID makes ids that never repeat.
	NewID func() string
}

const (
	// backlog is how many changes are kept for listeners who come back.
	backlog = 2048
	// waiting is how many looks a listener may be behind.
	waiting = 16
	// lookLimit bounds one look at the database.
	lookLimit = 10 * time.Second
)

// Change is a run that changed. Several listeners share it; it must not be
// modified.
type Change struct {
	// Number counts the changes of an epoch, from 1.
	Number uint64
	RunID  string
	JSON   []byte
	// Ended says that it will not change any more.
	Ended bool
}

// Line is a line of a run's log.
type Line struct {
	ID   int64
	JSON []byte
}

// News is what one look found: the lines before the changes.
type News struct {
	Lines   []Line
	Changes []Change
}

// Broadcaster looks and tells. Its methods may be called concurrently.
type Broadcaster struct {
	config Config
	ctx    context.Context // ends with Close
	close  context.CancelFunc
	looks  sync.WaitGroup

	mu        sync.Mutex
	looking   bool
	ready     chan struct{} // closed after the first look that succeeded
	epoch     string
	number    uint64
	recent    []Change    // the last, at most backlog
	running   []store.Run // those under way
	listeners map[*Listener]struct{}
	// cursors have the last line of each run that somebody listens to.
	cursors map[string]*cursor
}

type cursor struct {
	listeners int
	known     bool // after is; until then its lines are not read
	after     int64
}

// New returns a broadcaster. Call [Broadcaster.Close] in the end.
func New(c Config) *Broadcaster {
	ctx, cancel := context.WithCancel(context.Background())
	return &Broadcaster{config: c, ctx: ctx, close: cancel, listeners: map[*Listener]struct{}{}, cursors: map[string]*cursor{}}
}

// Close lets all listeners go at once, and looks no more.
func (b *Broadcaster) Close() {
	b.mu.Lock()
	b.close()
	b.isReady() // nothing more is told
	for l := range b.listeners {
		b.drop(l)
	}
	b.mu.Unlock()
	b.looks.Wait()
}

// Listeners returns how many there are.
func (b *Broadcaster) Listeners() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.listeners)
}

// Listener hears the news, of one run or of all.
type Listener struct {
	// News is closed when the listener is let go.
	News chan News
	// Ready is closed when the first look was taken: what changes from then on is
	// told.
	Ready <-chan struct{}
	runID string
	from  *Broadcaster
}

// Listen returns a listener for the run of that id; call [Listener.Lines] when it is
// known which lines of the log are missing. Call [Listener.Leave] in the end.
func (b *Broadcaster) Listen(runID string) *Listener {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.add(runID)
	if c := b.cursors[runID]; c != nil {
		c.listeners++
	} else {
		b.cursors[runID] = &cursor{listeners: 1}
	}
	return l
}

// Follow returns a listener for all runs; call [Listener.Missed] when it is Ready.
// Call [Listener.Leave] in the end.
func (b *Broadcaster) Follow() *Listener {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.add("")
}

// Missed returns the changes since a [Position] that an earlier listener reached;
// for a new one, which has none, the runs under way. Reset says that it is not known
// what was missed. What the listener hears afterwards may begin with some of them.
func (l *Listener) Missed(since Position) (missed []Change, reset bool) {
	b := l.from
	b.mu.Lock()
	defer b.mu.Unlock()
	if number, ok := since.number(b.epoch); ok && number <= b.number && (len(b.recent) == 0 || number+1 >= b.recent[0].Number) {
		return b.recent[len(b.recent)-int(b.number-number):], false
	}
	for _, r := range b.running {
		missed = append(missed, b.change(r, b.number))
	}
	return missed, since != ""
}

func (b *Broadcaster) add(runID string) *Listener {
	l := &Listener{News: make(chan News, waiting), runID: runID, from: b}
	if b.ctx.Err() != nil {
		l.Ready = closed()
		close(l.News)
		return l
	}
	b.listeners[l] = struct{}{}
	if !b.looking {
		b.looking, b.ready = true, make(chan struct{})
		b.epoch, b.number, b.recent, b.running = b.config.NewID(), 0, nil, nil
		b.looks.Go(b.look)
	}
	l.Ready = b.ready
	return l
}

func closed() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// isReady wakes those who wait for the first look.
func (b *Broadcaster) isReady() {
	if b.ready == nil {
		return
	}
	select {
	case <-b.ready:
	default:
		close(b.ready)
	}
}

// Lines says up to which line of its log the listener of a run knows it.
func (l *Listener) Lines(upTo int64) {
	b := l.from
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.cursors[l.runID]; c != nil && !c.known {
		c.known, c.after = true, upTo
	}
}

// Forget drops what was told so far, for who is about to read all of it anew.
func (l *Listener) Forget() {
	for {
		select {
		case _, open := <-l.News:
			if open {
				continue
			}
		default:
		}
		return
	}
}

// Leave ends the listening.
func (l *Listener) Leave() {
	b := l.from
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(l)
	if c := b.cursors[l.runID]; l.runID != "" && c != nil {
		if c.listeners--; c.listeners == 0 {
			delete(b.cursors, l.runID)
		}
	}
}

func (b *Broadcaster) drop(l *Listener) {
	if _, listens := b.listeners[l]; listens {
		delete(b.listeners, l)
		close(l.News)
	}
}

// look goes on as long as somebody listens, and a while longer.
func (b *Broadcaster) look() {
	tick := time.NewTicker(b.config.Poll)
	defer tick.Stop()
	w := watch{source: b.config.Source}
	alone, failing := time.Duration(0), false
	for !b.rests(alone) {
		found, err := b.once(&w)
		if down := err != nil && b.ctx.Err() == nil; down != failing { // one line when it begins and one when it ends
			if failing = down; down {
				b.config.Logger.Warn("runs cannot be followed; it is tried again", telemetry.KeyError, err)
			} else if err == nil {
				b.config.Logger.Info("runs can be followed again")
			}
		}
		alone += b.config.Poll
		if b.tell(found, &w) {
			alone = 0
		}
		select {
		case <-tick.C:
		case <-b.ctx.Done():
		}
	}
}

func (b *Broadcaster) once(w *watch) (found, error) {
	ctx, cancel := context.WithTimeout(b.ctx, lookLimit)
	defer cancel()
	return w.look(ctx, b.wanted())
}

// rests reports whether nobody has listened for long enough to stop looking.
func (b *Broadcaster) rests(alone time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil || len(b.listeners) == 0 && alone >= b.config.Linger {
		b.looking = false
	}
	return !b.looking
}

// wanted returns the runs whose lines somebody waits for.
func (b *Broadcaster) wanted() map[string]int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[string]int64{}
	for id, c := range b.cursors {
		if c.known {
			all[id] = c.after
		}
	}
	return all
}
