package supervise

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Every wait of a supervisor.
const (
	// StartLimit is how long a start may take, from opening the file to the
	// answer to Configure. It allows for a virus scanner's first look.
	StartLimit = 30 * time.Second
	// FirstPause doubles with every failure in a row up to LongestPause; each is
	// shortened at random by up to a half, so that hosts do not retry in step.
	FirstPause   = 500 * time.Millisecond
	LongestPause = 30 * time.Second
	// Budget is how many failures within BudgetWindow are followed by another
	// start; one more and the plugin is quarantined.
	Budget       = 5
	BudgetWindow = 10 * time.Minute
	// NoticeLimit is how long a caller whose connection broke waits for the end of
	// the process to be noticed.
	NoticeLimit = 2 * time.Second
	// DrainLimit is how long a plugin may take to answer Drain.
	DrainLimit = 2 * time.Second
)

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
	// Name of the plugin for logs and messages.
	Name string
	// Start makes an instance or fails, within its context.
	Start  func(context.Context) (Instance, error)
	Logger *slog.Logger
	// Now and Sleep are the clock; Sleep returns early when the context ends.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration)
	// Random returns a number in [0, 1).
	Random func() float64
}

// Supervisor keeps one plugin running. Its methods may be called concurrently.
type Supervisor struct {
	config Config
	cancel context.CancelFunc
	done   chan struct{}

	mu       sync.Mutex
	status   Status
	instance Instance
	changed  chan struct{} // closed and replaced on every change of state
	failures []time.Time
}

// New starts supervising and returns at once; [Supervisor.Client] waits until
// the plugin is ready. Call [Supervisor.Stop] in the end.
func New(c Config) *Supervisor {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Sleep == nil {
		c.Sleep = sleep
	}
	if c.Random == nil {
		c.Random = rand.Float64
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Supervisor{
		config: c, cancel: cancel, done: make(chan struct{}), changed: make(chan struct{}),
		status: Status{State: Declared, Since: c.Now()},
	}
	go s.run(ctx)
	return s
}

// Status returns what operators see.
func (s *Supervisor) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// Client returns the running plugin's facade. It waits while the plugin is being
// started, at most until ctx ends, and fails at once when there will be none.
// The error is an [*fault.Error] UNAVAILABLE that says what is wrong with the
// plugin.
func (s *Supervisor) Client(ctx context.Context) (facade.Plugin, error) {
	return s.ClientAfter(ctx, nil)
}

// ClientAfter is [Supervisor.Client] for a caller whose connection through lost
// broke: the end of that process may not have been noticed yet, so it waits a
// moment for another one.
func (s *Supervisor) ClientAfter(ctx context.Context, lost facade.Plugin) (facade.Plugin, error) {
	var patience *time.Timer
	for {
		s.mu.Lock()
		state, instance, changed := s.status.State, s.instance, s.changed
		s.mu.Unlock()
		var late <-chan time.Time
		switch state {
		case Ready:
			if current := instance.Facade(); current != lost && !ended(instance) {
				return current, nil
			}
			if patience == nil {
				patience = time.NewTimer(NoticeLimit)
				defer patience.Stop()
			}
			late = patience.C
		case Quarantined, Stopped, Draining:
			return nil, s.unavailable(s.Status())
		}
		select {
		case <-changed:
		case <-late:
			return instance.Facade(), nil
		case <-ctx.Done():
			return nil, s.unavailable(s.Status())
		}
	}
}

func ended(i Instance) bool {
	select {
	case <-i.Done():
		return true
	default:
		return false
	}
}

func (s *Supervisor) unavailable(status Status) error {
	text := fmt.Sprintf("secret provider %s is not available (%s)", s.config.Name, status.State)
	if status.Problem != "" {
		text += ": " + status.Problem
	}
	// A refused configuration stays one: the operator has to mend it, not wait.
	e := fault.New(fault.Unavailable, fault.SourceHost, text)
	if cause := (*fault.Error)(nil); status.State == Quarantined && errors.As(status.cause, &cause) && cause.Reason == fault.ConfigInvalid {
		e.Reason, e.Source, e.Cause = cause.Reason, cause.Source, status.cause
	}
	return e
}

// Stop drains and stops the plugin and returns when it is gone.
func (s *Supervisor) Stop() {
	s.cancel()
	<-s.done
}

// run is the plugin's life.
func (s *Supervisor) run(ctx context.Context) {
	defer close(s.done)
	defer s.enter(Stopped, nil)
	for ctx.Err() == nil {
		instance, err := s.start(ctx)
		if err == nil {
			err = s.serve(ctx, instance)
		}
		if ctx.Err() != nil {
			return
		}
		if !s.pause(ctx, err) {
			<-ctx.Done()
			return
		}
	}
}

func (s *Supervisor) start(ctx context.Context) (Instance, error) {
	s.enter(Starting, nil)
	ctx, cancel := context.WithTimeout(ctx, StartLimit)
	defer cancel()
	begin := s.config.Now()
	instance, err := s.config.Start(ctx)
	if err != nil {
		return nil, err
	}
	s.enter(Ready, func(st *Status) {
		s.instance = instance
		st.Info, st.PID, st.Problem, st.LastLines = instance.Facade().Info(), instance.PID(), "", nil
		st.Warnings = instance.Warnings()
	})
	s.config.Logger.Info("plugin is ready", telemetry.KeyPlugin, s.config.Name,
		telemetry.KeyVersion, instance.Facade().Info().Version, telemetry.KeyPID, instance.PID(),
		telemetry.KeyDuration, s.config.Now().Sub(begin))
	return instance, nil
}

// serve returns when the instance has ended, with why.
func (s *Supervisor) serve(ctx context.Context, instance Instance) error {
	select {
	case <-instance.Done():
		err := errors.New("its process died: " + instance.ExitText())
		s.enter(Crashed, func(st *Status) { st.Problem, st.LastLines, st.PID = err.Error(), instance.LastLines(), 0 })
		instance.Stop() // clean up
		return err
	case <-ctx.Done():
	}
	s.enter(Draining, nil)
	drain, cancel := context.WithTimeout(context.Background(), DrainLimit)
	defer cancel()
	if err := instance.Facade().Drain(drain); err != nil {
		s.config.Logger.Warn("plugin did not drain", telemetry.KeyPlugin, s.config.Name, telemetry.KeyReason, fault.Of(err).String())
	}
	if !instance.Stop() {
		s.config.Logger.Warn("plugin had to be killed", telemetry.KeyPlugin, s.config.Name, telemetry.KeyPID, instance.PID())
	}
	return nil
}

// pause notes a failure and waits before the next try. It returns false when
// there will be none.
func (s *Supervisor) pause(ctx context.Context, failure error) bool {
	now := s.config.Now()
	var recent []time.Time
	for _, at := range s.failures {
		if now.Sub(at) < BudgetWindow {
			recent = append(recent, at)
		}
	}
	s.failures = append(recent, now)
	var permanent *Permanent
	problem := failure.Error()
	switch {
	case errors.As(failure, &permanent), facade.IsViolation(failure):
	case len(s.failures) > Budget:
		problem = fmt.Sprintf("it failed %d times within %s, the last time because: %s", len(s.failures), BudgetWindow, problem)
	default:
		pause := min(FirstPause<<(len(s.failures)-1), LongestPause)
		pause -= time.Duration(s.config.Random() * float64(pause) / 2)
		s.config.Logger.Warn("plugin failed and will be started again", telemetry.KeyPlugin, s.config.Name,
			telemetry.KeyError, problem, "pause", pause)
		s.enter(Backoff, func(st *Status) { st.Problem, st.NextTry, st.PID = problem, now.Add(pause), 0; st.Restarts++ })
		s.config.Sleep(ctx, pause)
		return true
	}
	s.config.Logger.Error("plugin is quarantined until this process is restarted", telemetry.KeyPlugin, s.config.Name, telemetry.KeyError, problem)
	s.enter(Quarantined, func(st *Status) { st.Problem, st.PID, st.cause = problem, 0, failure })
	return false
}

// enter changes the state and wakes those who wait for it.
func (s *Supervisor) enter(state State, also func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.State, s.status.Since, s.status.NextTry = state, s.config.Now(), time.Time{}
	if state != Ready {
		s.instance = nil
	}
	if state == Stopped {
		s.status.PID = 0
	}
	if also != nil {
		also(&s.status)
	}
	close(s.changed)
	s.changed = make(chan struct{})
	s.config.Logger.Debug("plugin changed state", telemetry.KeyPlugin, s.config.Name, telemetry.KeyState, string(state))
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
