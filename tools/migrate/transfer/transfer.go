// Package transfer takes secrets from one store to the other: it copies, reads back,
// compares, and finds what changed since. Values pass through this process's memory
// only and are wiped.
//
// Two rules decide everything. A value at the target is replaced only while the target
// is at the version that this migration itself wrote, or when an operator said so and it
// is not the newer one. And a write whose outcome is not known is never repeated before
// the target was read. Start reading at [Run], then at copying in copy.go.
package transfer

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
)

// Config of a transfer.
type Config struct {
	Ledger       *ledger.Ledger
	Pair         *stores.Pair
	Fingerprints *stores.Fingerprints
	// Concurrency is how many refs are worked on at once.
	Concurrency int
	// Wanted chooses refs; nil for all.
	Wanted func(ledger.Entry) bool
	// Replace chooses refs whose value at the target may be replaced by the source's
	// although the target has another one; nil for none.
	Replace func(secret.Ref) bool
	// OnProgress, when set, is told how many of the refs were dealt with.
	OnProgress func(done, all int)
}

// Result counts what was done.
type Result struct {
	// Copied refs were set in the target; Adopted ones were there with the same value.
	Copied  int64 `json:"copied"`
	Adopted int64 `json:"adopted"`
	// Verified refs have the same value in both stores.
	Verified int64 `json:"verified"`
	// Drifted refs changed in the source since they were copied.
	Drifted int64 `json:"drifted"`
	// Blocked refs need an operator; these came up now.
	Blocked int64 `json:"blocked"`
	// Resumed steps were found without an outcome, and have one now.
	Resumed int64 `json:"resumed"`
	// Skipped refs were not wanted.
	Skipped int64 `json:"skipped"`
}

// runner is a transfer at work.
type runner struct {
	Config
	copied, adopted, verified, drifted, blocked, resumed, skipped, done atomic.Int64
	all                                                                 int
}

func newRunner(c Config) *runner {
	if c.Wanted == nil {
		c.Wanted = func(ledger.Entry) bool { return true }
	}
	if c.Replace == nil {
		c.Replace = func(secret.Ref) bool { return false }
	}
	return &runner{Config: c}
}

func (r *runner) result() Result {
	return Result{
		Copied: r.copied.Load(), Adopted: r.adopted.Load(), Verified: r.verified.Load(), Drifted: r.drifted.Load(),
		Blocked: r.blocked.Load(), Resumed: r.resumed.Load(), Skipped: r.skipped.Load(),
	}
}

// Run copies what is planned or drifted, and verifies what was copied. An error is one
// of a store or of the ledger that says nothing about a ref; what was done until then is
// in the result, and another run goes on from there.
func Run(ctx context.Context, c Config) (Result, error) {
	r := newRunner(c)
	err := c.Ledger.NotSwitched(ctx)
	if err == nil {
		err = r.resume(ctx)
	}
	if err == nil {
		err = r.each(ctx, []ledger.State{ledger.Planned, ledger.Drifted, ledger.Copied, ledger.Blocked}, r.carry)
	}
	return r.result(), err
}

// each works on the wanted refs in those states.
func (r *runner) each(ctx context.Context, states []ledger.State, do func(context.Context, ledger.Entry) error) error {
	counts, err := r.Ledger.Counts(ctx)
	if err != nil {
		return err
	}
	r.all = 0
	r.done.Store(0)
	for _, state := range states {
		r.all += counts[state]
	}
	return r.Ledger.Work(ctx, states, r.Concurrency, func(ctx context.Context, e ledger.Entry) error {
		var err error
		switch {
		case e.Open != 0: // another one has it
		case r.Wanted(e):
			err = do(ctx, e)
		case e.State != ledger.Blocked:
			r.skipped.Add(1)
		}
		if n := int(r.done.Add(1)); err == nil && r.OnProgress != nil {
			r.OnProgress(n, r.all)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", e.Ref, err)
		}
		return nil
	})
}

// carry takes one ref as far as it goes.
func (r *runner) carry(ctx context.Context, e ledger.Entry) error {
	if e.State == ledger.Blocked {
		if e.Verdict != ledger.Differs || !r.Replace(e.Ref) {
			return nil
		}
		if err := r.Ledger.Record(ctx, e.Ref, ledger.Plan, ledger.Change{Reason: "an operator chose the source's value"}); err != nil {
			return err
		}
		e.State = ledger.Planned
	}
	if e.State == ledger.Copied {
		return r.verifyCopy(ctx, e)
	}
	return r.copy(ctx, e)
}

// block records that a ref cannot go on.
func (r *runner) block(ctx context.Context, ref secret.Ref, v ledger.Verdict, c ledger.Change) error {
	r.blocked.Add(1)
	return r.Ledger.Obstruct(ctx, ref, v, c)
}
