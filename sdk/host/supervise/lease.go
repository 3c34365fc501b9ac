package supervise

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
)

// member is an instance in service, or one that finishes its calls.
type member struct {
	Instance
	name string // of its source
	// suspect holds at most one wish for a probe.
	suspect chan struct{}
	// condemned is closed when it broke the contract once too often.
	condemned chan struct{}
	// idle is closed once it is leaving and no call is under way.
	idle chan struct{}

	// Guarded by the supervisor's mutex.
	calls     int
	leaving   bool
	silent    int    // probes in a row without an answer
	violation string // the last one that is not forgiven yet
	violated  time.Time
}

func newMember(name string, i Instance) *member {
	return &member{Instance: i, name: name, suspect: make(chan struct{}, 1), condemned: make(chan struct{}), idle: make(chan struct{})}
}

// leave makes idle close as soon as no call is under way. The caller holds the
// supervisor's mutex.
func (m *member) leave() {
	m.leaving = true
	if m.calls == 0 {
		close(m.idle)
	}
}

// Lease lets its holder make one call. While it is held, the process is not
// stopped for a reload.
type Lease struct {
	supervisor *Supervisor
	member     *member
}

// Instance that the call goes to; nil for the zero value.
func (l Lease) Instance() Instance {
	if l.member == nil {
		return nil
	}
	return l.member.Instance
}

// Plugin is the facade of the instance.
func (l Lease) Plugin() facade.Plugin { return l.member.Facade() }

// Done gives the lease back, once, with the outcome of the call that was made
// under ctx. A broken contract counts against the plugin; a deadline that passed
// without an answer makes the supervisor ask for a sign of life.
func (l Lease) Done(ctx context.Context, err error) {
	s, m := l.supervisor, l.member
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.calls--; m.leaving && m.calls == 0 {
		close(m.idle)
	}
	if err == nil || m != s.current {
		return
	}
	var violation *facade.Violation
	switch {
	case errors.As(err, &violation):
		s.violated(m, violation)
	case fault.Is(err, fault.Timeout) && errors.Is(ctx.Err(), context.DeadlineExceeded):
		select {
		case m.suspect <- struct{}{}:
		default: // there is a wish already
		}
	}
}

// violated counts a broken contract. The caller holds the mutex.
func (s *Supervisor) violated(m *member, v *facade.Violation) {
	now := s.config.Now()
	m.violation, m.violated = v.Error(), now
	if spent := s.spend(now); spent > Budget {
		s.enterLocked(Quarantined, tooOften(spent, m.violation), func(st *Status) { st.PID, st.cause = 0, v })
		close(m.condemned)
		return
	}
	s.enterLocked(Degraded, m.violation, nil)
}

// spend adds a failure to the budget and returns how many there are within its
// window. The caller holds the mutex.
func (s *Supervisor) spend(now time.Time) int {
	var recent []time.Time
	for _, at := range s.failures {
		if now.Sub(at) < BudgetWindow {
			recent = append(recent, at)
		}
	}
	s.failures = append(recent, now)
	return len(s.failures)
}

func tooOften(times int, last string) string {
	return fmt.Sprintf("it failed or broke the contract %d times within %s, the last time because: %s", times, BudgetWindow, last)
}

// Acquire leases the running plugin for one call; [Lease.Done] gives it back. It
// waits while the plugin is being started, at most until ctx ends, and fails at
// once when there will be none. The error is an [*fault.Error] UNAVAILABLE that
// says what is wrong with the plugin.
func (s *Supervisor) Acquire(ctx context.Context) (Lease, error) {
	return s.AcquireAfter(ctx, Lease{})
}

// AcquireAfter is [Supervisor.Acquire] for a caller whose connection through lost
// broke: the end of that process may not have been noticed yet, so it waits a
// moment for another one.
func (s *Supervisor) AcquireAfter(ctx context.Context, lost Lease) (Lease, error) {
	var patience *time.Timer
	late := false
	for {
		s.mu.Lock()
		m, state, changed := s.current, s.status.State, s.changed
		if m != nil && (late || m != lost.member && !ended(m)) {
			m.calls++
			s.mu.Unlock()
			return Lease{s, m}, nil
		}
		s.mu.Unlock()
		var expired <-chan time.Time
		switch {
		case m != nil:
			if patience == nil {
				patience = time.NewTimer(NoticeLimit)
				defer patience.Stop()
			}
			expired = patience.C
		case state == Quarantined, state == Stopped, state == Draining:
			return Lease{}, s.unavailable(s.Status())
		}
		select {
		case <-changed:
		case <-expired:
			late = true
		case <-ctx.Done():
			return Lease{}, s.unavailable(s.Status())
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
	text := fmt.Sprintf("secret provider %s is not available (%s)", status.Source.Name(), status.State)
	if status.Problem != "" {
		text += ": " + status.Problem
	}
	e := fault.New(fault.Unavailable, fault.SourceHost, text)
	if status.State != Quarantined {
		return e
	}
	e.Message += "; once that is corrected, reload the secret provider"
	// A refused configuration stays one: the operator has to mend it, not wait.
	if cause := (*fault.Error)(nil); errors.As(status.cause, &cause) && cause.Reason == fault.ConfigInvalid {
		e.Reason, e.Source, e.Cause = cause.Reason, cause.Source, status.cause
	}
	return e
}
