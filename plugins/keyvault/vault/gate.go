package vault

import (
	"context"
	"errors"
	"sync"
	"time"
)

// gate lets one call pass at a time until the vault has taken a token. The first
// request of a client has to provoke the vault's challenge, and each challenge
// makes the SDK forget the token it has, so without the gate a cold start of many
// readers would begin with as many such requests and sign-ins.
type gate struct {
	mu    sync.Mutex
	open  bool
	first *firstCall // the call under way, nil when there is none
}

// firstCall is a call that passed before the gate was open.
type firstCall struct {
	trail *trail
	over  chan struct{} // closed when the gate opened, or the call ended
	// err and progress are what went wrong for everybody, not only for this call;
	// set before over is closed.
	err      error
	progress progress
}

// enter waits until the caller may go on. It returns the call as the first one
// when it is; the caller then has to leave. It fails with the context, or with
// what the first call, while we waited for it, found to be wrong for all.
func (g *gate) enter(ctx context.Context, t *trail) (*firstCall, error) {
	for {
		g.mu.Lock()
		first := g.first
		switch {
		case g.open:
			g.mu.Unlock()
			return nil, nil
		case first == nil:
			g.first = &firstCall{trail: t, over: make(chan struct{})}
			defer g.mu.Unlock()
			return g.first, nil
		}
		g.mu.Unlock()
		t.at(stepSignIn)
		select {
		case <-ctx.Done():
			t.resume(first.trail.read())
			return nil, ctx.Err()
		case <-first.over:
		}
		if first.err != nil {
			t.resume(first.progress)
			return nil, first.err
		}
	}
}

// pass opens the gate for ever.
func (g *gate) pass() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open = true; g.first != nil {
		close(g.first.over)
		g.first = nil
	}
}

// passAfter opens the gate unless stop is called within d: then there is a token,
// and what hangs is one call.
func (g *gate) passAfter(d time.Duration) (stop func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open {
		return func() {}
	}
	timer := time.AfterFunc(d, g.pass)
	return func() { timer.Stop() }
}

// leave ends a first call that entered. failed is nil when its failure, if any,
// tells nothing about the next call; the next in the queue then is the first.
func (g *gate) leave(first *firstCall, failed error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.first != first {
		return // it has passed
	}
	if errors.Is(failed, context.DeadlineExceeded) {
		failed = nil // the next has more time, or ends by itself
	}
	first.err, first.progress = failed, first.trail.read()
	close(first.over)
	g.first = nil
}
