// Package pace holds a migration below what a store takes: not above the limit that
// the store's plugin states, at half the rate after the store refused a call, and
// slowly back up from there.
//
// The plugin itself waits too, within the deadline of a call; staying below it here
// keeps those waits short. Start reading at [New].
package pace

import (
	"context"
	"math"
	"sync"
	"time"
)

// Config of a pacer.
type Config struct {
	// PerSecond is the limit that the store states; 0 when none is known.
	PerSecond float64
	// Now is the clock, Sleep waits on it; nil for the system's.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
}

// Pacer spaces calls. It is safe for concurrent use.
type Pacer struct {
	config Config
	limit  float64

	mu     sync.Mutex
	rate   float64 // now; infinite without a limit
	next   time.Time
	paused time.Time // nothing goes before
	cut    time.Time // when the rate was last halved
	raised time.Time
	// What went through in the running second and in the one before, for a rate to halve
	// where there is no limit.
	second  time.Time
	passed  float64
	through float64
}

const (
	// share of the stated limit that is used: others may need the store too.
	share = 0.97
	// burst is how many calls may go at once after a pause.
	burst = 5
	// slowest is the rate below which no refusal brings it, in calls a second.
	slowest = 1
	// raise is by how much of what it was the rate grows each second after a cut.
	raise = 0.05
	// oneRefusal is how long several refusals count as one: calls under way meet the
	// same wall.
	oneRefusal = time.Second
	// unstated is how long to stay away when the store does not say.
	unstated = time.Second
)

// New returns a pacer at the full rate.
func New(c Config) *Pacer {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Sleep == nil {
		c.Sleep = sleep
	}
	limit := math.Inf(1)
	if c.PerSecond > 0 {
		limit = c.PerSecond * share
	}
	return &Pacer{config: c, limit: limit, rate: limit}
}

// Limit is the most calls a second that it lets through; infinite without a limit.
func (p *Pacer) Limit() float64 { return p.limit }

// Wait waits for the turn of a call that the limit is about.
func (p *Pacer) Wait(ctx context.Context) error {
	p.mu.Lock()
	now := p.config.Now()
	p.grow(now)
	at := now
	if p.paused.After(at) {
		at = p.paused
	}
	if !math.IsInf(p.rate, 1) {
		gap := time.Duration(float64(time.Second) / p.rate)
		if earliest := at.Add(-burst * gap); p.next.Before(earliest) {
			p.next = earliest
		}
		p.next = p.next.Add(gap)
		if p.next.After(at) {
			at = p.next
		}
	}
	p.mu.Unlock()
	return p.until(ctx, now, at)
}

// Pause waits only while the store wants to be left alone: for calls that the limit is
// not about.
func (p *Pacer) Pause(ctx context.Context) error {
	p.mu.Lock()
	now, at := p.config.Now(), p.paused
	p.mu.Unlock()
	return p.until(ctx, now, at)
}

func (p *Pacer) until(ctx context.Context, now, at time.Time) error {
	if wait := at.Sub(now); wait > 0 {
		return p.config.Sleep(ctx, wait)
	}
	return ctx.Err()
}

// Passed says that a call went well.
func (p *Pacer) Passed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.config.Now()
	if span := now.Sub(p.second); span >= time.Second {
		p.through = p.passed / span.Seconds()
		p.second, p.passed = now, 0
	}
	p.passed++
}

// Refused says that the store refused a call for its rate, and after which time it
// wants the next; 0 when it did not say.
func (p *Pacer) Refused(after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.config.Now()
	if after <= 0 {
		after = unstated
	}
	if until := now.Add(after); until.After(p.paused) {
		p.paused = until
	}
	if now.Sub(p.cut) < oneRefusal {
		return
	}
	p.cut, p.raised = now, p.paused
	rate := p.rate
	if math.IsInf(rate, 1) {
		rate = max(p.through, p.passed)
	}
	p.rate = max(slowest, rate/2)
}

// grow takes the rate back up.
func (p *Pacer) grow(now time.Time) {
	if p.rate >= p.limit || p.raised.IsZero() {
		return
	}
	for now.Sub(p.raised) >= time.Second && p.rate < p.limit {
		p.raised = p.raised.Add(time.Second)
		p.rate = min(p.limit, p.rate+max(slowest, p.rate*raise))
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
