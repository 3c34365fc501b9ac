package supervise

import (
	"context"
	"errors"
	"fmt"

	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// reload is a wish for a process from source.
type reload struct {
	source  Source
	outcome chan error // with room for one
}

// Reload puts a new process, from source, in the place of the one in service,
// and returns once new calls go to it; calls under way finish on the old one, at
// most for [DrainWait]. When the new process does not become ready, the old one
// stays in service and the error says why.
//
// A plugin without a process in service, as one in quarantine, is released by
// the same call: it starts from source at once, with its budget whole again. From
// then on that source counts, even if the start fails.
//
// Reloads are done one after the other. One whose context ends while it is under
// way goes on.
func (s *Supervisor) Reload(ctx context.Context, source Source) error {
	asked := &reload{source: source, outcome: make(chan error, 1)}
	select {
	case s.reloads <- asked:
	case <-s.done:
		return s.unavailable(s.Status())
	case <-ctx.Done():
		return fmt.Errorf("reload secret provider %s: another start or reload was still under way: %w", source.Name(), ctx.Err())
	}
	select {
	case err := <-asked.outcome:
		return err
	case <-ctx.Done():
		return fmt.Errorf("reload secret provider %s: it is still under way: %w", source.Name(), ctx.Err())
	case <-s.done:
		return s.unavailable(s.Status())
	}
}

// answer tells the caller of a reload, and the status, how it went.
func (s *Supervisor) answer(asked *reload, err error) {
	if asked == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Reload = Reload{At: s.config.Now()}
	if err != nil {
		err = fmt.Errorf("reload secret provider %s: %w", asked.source.Name(), err)
		s.status.Reload.Problem = err.Error()
	}
	asked.outcome <- err
}

// replacement is a process that is being started beside the one in service; its
// zero value is none.
type replacement struct {
	asked   *reload
	started chan started
	end     context.CancelFunc
}

type started struct {
	member *member
	err    error
}

// replace starts a process beside the one in service.
func (s *Supervisor) replace(ctx context.Context, asked *reload) replacement {
	ctx, end := context.WithCancel(ctx)
	r := replacement{asked: asked, started: make(chan started, 1), end: end}
	s.background.Go(func() {
		defer end()
		m, err := s.begin(ctx, asked.source, func() {})
		r.started <- started{m, err}
	})
	return r
}

var errStopping = errors.New("the host is stopping")

// cancel gives the replacement up, if there is one.
func (r replacement) cancel(s *Supervisor) {
	if r.started == nil {
		return
	}
	r.end()
	if late := <-r.started; late.err == nil {
		late.member.Stop()
	}
	s.answer(r.asked, errStopping)
}

// settle puts a replacement into service that became ready, and returns it.
func (s *Supervisor) settle(asked *reload, fresh started) *member {
	if fresh.err == nil {
		s.adopt(fresh.member, asked)
	} else {
		s.config.Logger.Warn("plugin could not be reloaded",
			telemetry.KeyPlugin, asked.source.Name(), telemetry.KeyError, fresh.err)
	}
	s.answer(asked, fresh.err)
	return fresh.member
}

// retire lets the calls under way on a replaced process finish, then ends it.
func (s *Supervisor) retire(ctx context.Context, m *member) {
	gone := make(chan struct{})
	s.leaving = gone
	s.mu.Lock()
	m.leave()
	s.note(Transition{At: s.config.Now(), State: Draining, Reason: "replaced", PID: m.PID()})
	s.mu.Unlock()
	s.background.Go(func() {
		defer close(gone)
		select {
		case <-m.idle:
		case <-m.Done():
		case <-ctx.Done():
		case <-s.config.After(DrainWait):
			s.config.Logger.Warn("calls on a replaced plugin did not end in time and are cut off",
				telemetry.KeyPlugin, m.name, telemetry.KeyPID, m.PID(), "limit", DrainWait)
		}
		s.dismiss(m)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.note(Transition{At: s.config.Now(), State: Stopped, Reason: "replaced", PID: m.PID()})
	})
}
