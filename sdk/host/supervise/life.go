package supervise

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// run is the plugin's life.
func (s *Supervisor) run(ctx context.Context) {
	defer close(s.done)
	defer func() {
		s.background.Wait()
		s.enter(Stopped, "", func(st *Status) { st.PID = 0 })
	}()
	var asked *reload
	for ctx.Err() == nil {
		m, failure := s.start(ctx, asked)
		if m != nil {
			s.answer(asked, nil)
			asked = nil
		}
		for m != nil {
			m, failure = s.serve(ctx, m)
		}
		if ctx.Err() == nil {
			asked = s.rest(ctx, failure, asked)
		}
	}
}

// start brings up a process when there is none, from the source of the reload
// that asked for it, if one did.
func (s *Supervisor) start(ctx context.Context, asked *reload) (*member, error) {
	if asked != nil {
		s.mu.Lock()
		s.status.Source, s.failures = asked.source, nil
		s.mu.Unlock()
	}
	s.enter(Verifying, "", nil)
	m, err := s.begin(ctx, s.Status().Source, func() { s.enter(Starting, "", nil) })
	if err == nil {
		s.adopt(m, asked)
	}
	return m, err
}

// begin starts a process within its limit.
func (s *Supervisor) begin(ctx context.Context, from Source, verified func()) (*member, error) {
	ctx, cancel := context.WithTimeout(ctx, StartLimit)
	defer cancel()
	instance, err := from.Start(ctx, verified)
	if err != nil {
		return nil, err
	}
	return newMember(from.Name(), instance), nil
}

// adopt puts a process into service.
func (s *Supervisor) adopt(m *member, asked *reload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reason := ""
	if asked != nil {
		reason = "reloaded"
		s.status.Source, s.failures = asked.source, nil
	}
	s.enterLocked(Ready, reason, func(st *Status) {
		s.current = m
		st.Info, st.PID, st.Warnings = m.Facade().Info(), m.PID(), m.Warnings()
		st.Problem, st.LastLines = "", nil
	})
}

// errCondemned ends the service of a process that broke the contract once too
// often. The plugin is quarantined already.
var errCondemned = errors.New("it broke the contract too often")

// serve returns when the process is no longer in service: with the one that
// replaced it, or with why it failed.
func (s *Supervisor) serve(ctx context.Context, m *member) (next *member, failure error) {
	probes := s.newProbes(ctx, m)
	defer probes.stop()
	var under replacement // nothing yet
	for failure == nil {
		asking := s.reloads
		if under.started != nil || s.leaving != nil {
			asking = nil // two processes at a time are enough
		}
		select {
		case <-ctx.Done():
			s.enter(Draining, "", nil)
			s.dismiss(m)
			under.cancel(s)
			return nil, nil
		case <-m.condemned:
			failure = errCondemned
		case <-m.Done():
			failure = errors.New("its process died: " + m.ExitText())
		case <-s.leaving:
			s.leaving = nil
		case asked := <-asking:
			under = s.replace(ctx, asked)
		case fresh := <-under.started:
			if next := s.settle(under.asked, fresh); next != nil {
				s.retire(ctx, m)
				return next, nil
			}
			under = replacement{}
		case <-probes.next:
			probes.ask()
		case <-m.suspect:
			probes.ask()
		case err := <-probes.answer:
			failure = probes.heard(err)
		}
	}
	s.bury(m, failure)
	if under.started == nil {
		return nil, failure
	}
	return s.settle(under.asked, <-under.started), failure // the start is bounded
}

// bury cleans up after a process that failed.
func (s *Supervisor) bury(m *member, failure error) {
	if failure == errCondemned {
		s.dismiss(m)
		return
	}
	s.enter(Crashed, failure.Error(), func(st *Status) { st.LastLines, st.PID = m.LastLines(), 0 })
	m.Stop()
}

// dismiss asks a process to leave and ends it when it does not.
func (s *Supervisor) dismiss(m *member) {
	ctx, cancel := context.WithTimeout(context.Background(), DrainLimit)
	defer cancel()
	if err := m.Facade().Drain(ctx); err != nil && !ended(m) {
		s.config.Logger.Warn("plugin did not drain", telemetry.KeyPlugin, m.name, telemetry.KeyPID, m.PID(), telemetry.KeyReason, fault.Of(err).String())
	}
	if !m.Stop() {
		s.config.Logger.Warn("plugin had to be killed", telemetry.KeyPlugin, m.name, telemetry.KeyPID, m.PID())
	}
}

// rest notes a failure, which is the outcome of the reload that asked for the
// start, if one did, and waits until the next try. It returns the reload that
// asks for that one.
func (s *Supervisor) rest(ctx context.Context, failure error, asked *reload) *reload {
	var again <-chan time.Time
	if failure != errCondemned {
		again = s.fail(failure)
	}
	s.answer(asked, failure)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again:
			return nil
		case asked := <-s.reloads:
			return asked
		case <-s.leaving:
			s.leaving = nil
		}
	}
}

// fail decides what a failure leads to, and returns what to wait for before the
// next try; nil when there is to be none.
func (s *Supervisor) fail(failure error) (again <-chan time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.config.Now()
	spent := s.spend(now)
	problem := failure.Error()
	gone := func(st *Status) { st.PID, st.cause = 0, failure }
	var permanent *Permanent
	switch {
	case errors.As(failure, &permanent), facade.IsViolation(failure):
	case spent > Budget:
		problem = tooOften(spent, problem)
	default:
		pause := FirstPause << (spent - 1)
		pause -= time.Duration(s.config.Random() * float64(pause) / 2)
		s.enterLocked(Backoff, problem, func(st *Status) {
			gone(st)
			st.NextTry = now.Add(pause)
			st.Restarts++
		})
		return s.config.After(pause)
	}
	s.enterLocked(Quarantined, problem, gone)
	return nil
}

// probes ask one process for signs of life.
type probes struct {
	supervisor *Supervisor
	member     *member
	ctx        context.Context
	stop       context.CancelFunc
	next       <-chan time.Time // when to ask again; nil while a probe is under way
	again      <-chan time.Time // when to ask again if there is no answer
	answer     chan error       // of the probe under way
}

func (s *Supervisor) newProbes(ctx context.Context, m *member) *probes {
	ctx, stop := context.WithCancel(ctx)
	return &probes{supervisor: s, member: m, ctx: ctx, stop: stop, next: s.config.After(ProbeInterval), answer: make(chan error, 1)}
}

// ask sends a probe unless one is under way.
func (p *probes) ask() {
	if p.again != nil {
		return
	}
	p.next, p.again = nil, p.supervisor.config.After(ProbeLimit)
	p.supervisor.background.Go(func() {
		ctx, cancel := context.WithTimeout(p.ctx, ProbeLimit)
		defer cancel()
		p.answer <- p.member.Facade().Probe(ctx)
	})
}

// heard takes in the outcome of a probe, and returns an error when the process
// is to be ended.
func (p *probes) heard(err error) error {
	s, m := p.supervisor, p.member
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		p.next, p.again = p.again, nil
		m.silent++
	} else {
		p.next, p.again = s.config.After(ProbeInterval), nil
		m.silent = 0
	}
	if m.violation != "" && s.config.Now().Sub(m.violated) >= BudgetWindow {
		m.violation = ""
	}
	if m != s.current {
		return nil // condemned just now
	}
	state, problem := Ready, ""
	switch {
	case m.silent >= ProbeMisses:
		return fmt.Errorf("it did not answer %d times in a row, for %s each, and was ended", m.silent, ProbeLimit)
	case m.silent > 0:
		state, problem = Degraded, "it does not answer"
	case m.violation != "":
		state, problem = Degraded, m.violation
	}
	if state != s.status.State || problem != s.status.Problem {
		s.enterLocked(state, problem, func(st *Status) { st.Problem = problem })
	}
	return nil
}
