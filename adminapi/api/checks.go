package api

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/sdk/provider"
)

const (
	// checkServes is how long the outcome of a check is the answer for others too, so
	// that nobody who may only look uses up what the store allows.
	checkServes = 2 * time.Second
	// checkLimit is how long a check may take; the server waits longer.
	checkLimit = time.Minute
)

// checks lets those who want to know the same at the same time ask once. It is safe
// for concurrent use.
type checks struct {
	now func() time.Time

	mu   sync.Mutex
	last *checked
}

// checked is a check that is under way until done is closed.
type checked struct {
	done   chan struct{}
	ended  time.Time
	report provider.CheckReport
	err    error
}

func (c *checked) stale(now time.Time) bool {
	select {
	case <-c.done:
		return now.Sub(c.ended) >= checkServes
	default:
		return false
	}
}

// get returns the outcome of the check that is under way or ended just now, else of
// a new one. Who began one carries it out also when his client leaves: others may
// wait for it. The report is shared.
func (c *checks) get(ctx context.Context, check func(context.Context) (provider.CheckReport, error)) (provider.CheckReport, error) {
	c.mu.Lock()
	is := c.last
	mine := is == nil || is.stale(c.now())
	if mine {
		is = &checked{done: make(chan struct{}), err: errors.New("the check of the provider did not end")}
		c.last = is
	}
	c.mu.Unlock()
	if mine {
		is.carryOut(ctx, c.now, check)
	}
	select {
	case <-is.done:
		return is.report, is.err
	case <-ctx.Done():
		return provider.CheckReport{}, ctx.Err()
	}
}

func (c *checked) carryOut(ctx context.Context, now func() time.Time, check func(context.Context) (provider.CheckReport, error)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkLimit)
	defer cancel()
	defer func() { // after a panic too, or all would wait
		c.ended = now()
		close(c.done)
	}()
	c.report, c.err = check(ctx)
}

// forget makes the next check a new one, as after the provider was replaced.
func (c *checks) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = nil
}
