package supervise

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Source is what a plugin's processes are started from.
type Source interface {
	// Name of the plugin for logs and messages.
	Name() string
	// Start makes an instance or fails, within its context. It calls verified once
	// the file is known to be the right one.
	Start(ctx context.Context, verified func()) (Instance, error)
}

// Instance is one running, configured plugin.
type Instance interface {
	// Facade speaks to the plugin.
	Facade() facade.Plugin
	// PID is its process.
	PID() int
	// Done is closed when the process has ended.
	Done() <-chan struct{}
	// ExitText says how it ended, once Done is closed.
	ExitText() string
	// LastLines are what it wrote last, oldest first.
	LastLines() []string
	// Warnings that the plugin gave for its configuration.
	Warnings() []string
	// Stop ends the process in bounded time. True: it left by itself.
	Stop() bool
}

// Permanent marks a failed start that another try cannot mend.
type Permanent struct{ Err error }

func (p *Permanent) Error() string { return p.Err.Error() }
func (p *Permanent) Unwrap() error { return p.Err }

// Config of a [Supervisor].
type Config struct {
	Source Source
	Logger *slog.Logger
	// OnState, when set, is told of every transition, in order. It must be quick
	// and must not call the supervisor.
	OnState func(Status)
	// Now and After are the clock of pauses, probes and the budget; nil means the
	// system's.
	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
	// Random returns a number in [0, 1); nil means the system's.
	Random func() float64
}

// Supervisor keeps one plugin running. Its methods may be called concurrently.
type Supervisor struct {
	config  Config
	cancel  context.CancelFunc
	done    chan struct{}
	reloads chan *reload
	// background has the probes and the processes that were replaced.
	background sync.WaitGroup
	// leaving is closed when the process that was replaced last is gone; nil when
	// there is none. Only [Supervisor.run] and what it calls use it.
	leaving chan struct{}

	mu       sync.Mutex
	status   Status
	current  *member       // in service; nil when calls are not let through
	changed  chan struct{} // closed and replaced on every transition
	failures []time.Time   // and violations, within the window
}

// New starts supervising and returns at once; [Supervisor.Acquire] waits until
// the plugin is ready. Call [Supervisor.Stop] in the end.
func New(c Config) *Supervisor {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.After == nil {
		c.After = time.After
	}
	if c.Random == nil {
		c.Random = rand.Float64
	}
	if c.OnState == nil {
		c.OnState = func(Status) {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Supervisor{
		config: c, cancel: cancel, done: make(chan struct{}), reloads: make(chan *reload), changed: make(chan struct{}),
		status: Status{State: Declared, Since: c.Now(), Source: c.Source},
	}
	go s.run(ctx)
	return s
}

// Status returns what operators see.
func (s *Supervisor) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := s.status
	if s.current != nil {
		status.LastLines = s.current.LastLines()
	}
	return status
}

// Stop drains and stops the plugin and returns when it is gone.
func (s *Supervisor) Stop() {
	s.cancel()
	<-s.done
}

// enter changes the state and wakes those who wait for it.
func (s *Supervisor) enter(state State, reason string, also func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enterLocked(state, reason, also)
}

func (s *Supervisor) enterLocked(state State, reason string, also func(*Status)) {
	now := s.config.Now()
	if s.status.State != state {
		s.status.Since = now
	}
	s.status.State, s.status.NextTry = state, time.Time{}
	if !state.Serves() {
		s.current = nil
	}
	if reason != "" {
		s.status.Problem = reason
	}
	pid := s.status.PID // of the process that ended, in those states that have none
	if also != nil {
		also(&s.status)
	}
	if s.status.PID != 0 {
		pid = s.status.PID
	}
	close(s.changed)
	s.changed = make(chan struct{})
	s.note(Transition{At: now, State: state, Reason: reason, PID: pid})
	s.config.OnState(s.status)
}

// note writes a transition to the log and into the history.
func (s *Supervisor) note(t Transition) {
	// A new slice each time, because copies of the status hold the old one.
	old := s.status.History
	s.status.History = append(slices.Clone(old[max(0, len(old)-HistoryLength+1):]), t)
	fields := []any{telemetry.KeyPlugin, s.status.Source.Name(), telemetry.KeyState, string(t.State)}
	if t.Reason != "" {
		fields = append(fields, "problem", t.Reason)
	}
	if t.PID != 0 {
		fields = append(fields, telemetry.KeyPID, t.PID)
	}
	switch t.State {
	case Ready:
		fields = append(fields, telemetry.KeyVersion, s.status.Info.Version)
	case Backoff:
		fields = append(fields, "pause", s.status.NextTry.Sub(t.At))
	case Quarantined:
		fields = append(fields, "next", "correct it, then reload the secret provider")
	}
	s.config.Logger.Log(context.Background(), level(t.State), "plugin changed state", fields...)
}

func level(state State) slog.Level {
	switch state {
	case Ready:
		return slog.LevelInfo
	case Degraded, Backoff:
		return slog.LevelWarn
	case Quarantined:
		return slog.LevelError
	}
	return slog.LevelDebug
}
