package vault

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
)

// Reading is the text of one version as the vault has it, and its properties.
// Several callers may hold the same one: they must not change the tags.
type Reading struct {
	Text       string
	Properties Properties
}

// Read runs read, joined with the reads of the same version that other callers ask
// for at the same time. One is under way at most, and one waits behind it, for
// all who have asked since: what is under way may have been answered before they
// asked, and nobody is served a value older than his own question.
//
// Each caller has its own deadline and may leave; the read goes on while somebody
// waits for it, under the latest deadline of those it was begun for.
func (c *Client) Read(ctx context.Context, target Target, version string, read func(context.Context) (Reading, error)) (Reading, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	start := time.Now()
	r := c.reads.join(ctx, question{target, version}, read)
	select {
	case <-r.done:
		return r.result()
	case <-ctx.Done():
	}
	c.reads.leave(r)
	return Reading{}, c.failureOf(opGet, target, r.trail, ctx, start).fault(ctx.Err())
}

type question struct {
	Target
	version string
}

// patience is how long a read waits for the one before it. More than that says
// that the other one is stuck, and then its fate is not to be shared.
const patience = 5 * time.Second

// reads are the reads of one client. The zero reads has none.
type reads struct {
	mu sync.Mutex
	// waiting may be joined, running are too old for that.
	waiting, running map[question]*joinedRead
}

// joinedRead is one read for several callers.
type joinedRead struct {
	question
	read   func(context.Context) (Reading, error)
	trail  *trail
	ctx    context.Context // ends when the last caller has left
	cancel context.CancelFunc
	done   chan struct{} // closed when reading and err are set

	callers int       // under the lock of reads
	until   time.Time // the same; the latest deadline of the callers

	reading Reading
	err     error
}

// result gives each caller an error of its own, as faults can be changed.
func (r *joinedRead) result() (Reading, error) {
	var f *fault.Error
	if errors.As(r.err, &f) {
		own := *f
		return Reading{}, &own
	}
	return r.reading, r.err
}

func (rs *reads) join(ctx context.Context, q question, read func(context.Context) (Reading, error)) *joinedRead {
	deadline, _ := ctx.Deadline() // a bounded one always has it
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.waiting[q]
	if r == nil {
		r = &joinedRead{question: q, read: read, trail: &trail{joined: true, progress: progress{step: stepJoined}}, done: make(chan struct{})}
		// The values of ctx stay: the read belongs to the trace of who asked first.
		r.ctx, r.cancel = context.WithCancel(context.WithValue(context.WithoutCancel(ctx), trailKey{}, r.trail))
		if rs.waiting == nil {
			rs.waiting, rs.running = map[question]*joinedRead{}, map[question]*joinedRead{}
		}
		rs.waiting[q] = r
		go rs.run(r, rs.running[q])
	}
	r.callers++
	if deadline.After(r.until) {
		r.until = deadline
	}
	return r
}

// leave takes one caller away. A read for nobody ends, and cannot be joined.
func (rs *reads) leave(r *joinedRead) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r.callers--; r.callers > 0 {
		return
	}
	r.cancel()
	if rs.waiting[r.question] == r {
		delete(rs.waiting, r.question)
	}
}

func (rs *reads) run(r, before *joinedRead) {
	defer close(r.done)
	defer r.cancel()
	if before != nil {
		stuck := time.NewTimer(patience)
		defer stuck.Stop()
		select {
		case <-before.done:
		case <-stuck.C:
		case <-r.ctx.Done():
		}
	}
	rs.mu.Lock()
	if rs.waiting[r.question] == r {
		delete(rs.waiting, r.question)
	}
	rs.running[r.question] = r
	ctx, cancel := context.WithDeadline(r.ctx, r.until)
	rs.mu.Unlock()
	defer cancel()

	r.reading, r.err = r.read(ctx)

	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.running[r.question] == r {
		delete(rs.running, r.question)
	}
}
