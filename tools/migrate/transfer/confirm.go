package transfer

import (
	"context"
	"errors"
	"fmt"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
)

// confirm reads back what was just written as c says, and records both.
func (r *runner) confirm(ctx context.Context, i ledger.Intent, want stores.Fingerprint, c ledger.Change) error {
	f, err := r.find(ctx, i.Ref, want)
	if err == nil && f.same && f.meta.Version == c.TargetVersion {
		r.verified.Add(1)
		return r.Ledger.Finish(ctx, i, c)
	}
	if e := r.Ledger.End(ctx, i, c); e != nil || err != nil {
		return errors.Join(err, e) // it stays copied; the next run verifies it
	}
	switch {
	case f.same: // somebody set it again, to the same
		r.verified.Add(1)
		return r.Ledger.Record(ctx, i.Ref, ledger.Verify, ledger.Change{TargetVersion: f.meta.Version})
	case f.held != nil:
		return r.block(ctx, i.Ref, ledger.Differs, ledger.Change{Reason: "what was copied cannot be read back: " + f.held.Error(),
			Next: "make it readable in the target, then plan and run again"})
	case !f.there, f.meta.Version == c.TargetVersion:
		return r.block(ctx, i.Ref, ledger.Differs, ledger.Change{Reason: "the target took the value and does not give it back",
			Next: "see to the target, then plan and run again"})
	}
	return r.block(ctx, i.Ref, ledger.Differs, ledger.Change{TargetVersion: f.meta.Version,
		Reason: "somebody else set it in the target right after it was copied",
		Next:   ledger.Decide(i.Ref)})
}

// verifyCopy verifies a copy of an earlier run.
func (r *runner) verifyCopy(ctx context.Context, e ledger.Entry) error {
	again, err := r.compare(ctx, e)
	if err != nil || !again {
		return err
	}
	e.State = ledger.Drifted
	return r.copy(ctx, e)
}

// Verify compares both stores for each ref that was copied. What was changed in the
// source since is copied again; what was changed in the target since is never touched,
// and blocked. After the switch the target is in force: then a change is only told.
func Verify(ctx context.Context, c Config) (Result, error) {
	r := newRunner(c)
	err := r.resume(ctx)
	if err == nil {
		states := []ledger.State{ledger.Copied, ledger.Verified, ledger.Drifted, ledger.Switched, ledger.Soaking}
		err = r.each(ctx, states, func(ctx context.Context, e ledger.Entry) error {
			if e.State == ledger.Drifted {
				return r.copy(ctx, e)
			}
			return r.verifyCopy(ctx, e)
		})
	}
	return r.result(), err
}

// compare reads both stores. It reports whether the source is to be copied again, which
// it has recorded then.
func (r *runner) compare(ctx context.Context, e ledger.Entry) (again bool, err error) {
	from := r.Pair.From
	got, err := from.Read(ctx, e.Ref)
	defer got.Value.Wipe()
	inForce := e.State == ledger.Switched || e.State == ledger.Soaking
	if err != nil {
		if passing(ctx, err) {
			return false, fmt.Errorf("read the source %s: %w", from.Side.Store, err)
		}
		return false, r.lost(ctx, e, inForce, err)
	}
	f, err := r.find(ctx, e.Ref, r.Fingerprints.Of(got.Value))
	if err != nil {
		return false, err
	}
	c := ledger.Change{SourceVersion: got.Metadata.Version, TargetVersion: f.meta.Version}
	switch {
	case f.same:
		r.verified.Add(1)
		return false, r.Ledger.Record(ctx, e.Ref, ledger.Verify, c)
	case inForce:
		r.drifted.Add(1)
		return false, r.Ledger.Record(ctx, e.Ref, ledger.Verify, afterSwitch(e, got.Metadata, f))
	case !f.there:
		c.Reason = "the target does not have it any more"
	case f.held == nil && f.meta.Version == e.Written:
		c.Reason = "it was set in the source after it was copied"
	default:
		return false, r.changedInTarget(ctx, e, f, got.Metadata.Version != e.SourceVersion)
	}
	r.drifted.Add(1)
	return true, r.Ledger.Record(ctx, e.Ref, ledger.Drift, c)
}

// afterSwitch tells of a difference that a switch explains: by then the target is where
// secrets are set.
func afterSwitch(e ledger.Entry, source secret.Metadata, f found) ledger.Change {
	c := ledger.Change{Reason: "it was set in the target after the switch"}
	switch {
	case !f.there:
		c.Reason, c.Next = "the target, which is in force, does not have it", "identitymesh-migrate rollback, or set it in the target"
	case f.held != nil:
		c.Reason, c.Next = "the target, which is in force, does not give it: "+f.held.Error(), "make it readable in the target"
	case f.meta.Version == e.Written && source.Version != e.SourceVersion:
		c.Reason = "it was set in the source after the switch, where nobody reads it"
		c.Next = "set the same value in the target, if it is the right one"
	}
	return c
}

// lost is a ref that the source does not give any more.
func (r *runner) lost(ctx context.Context, e ledger.Entry, inForce bool, err error) error {
	reason := "the source does not give it any more: " + err.Error()
	if inForce {
		r.drifted.Add(1)
		return r.Ledger.Record(ctx, e.Ref, ledger.Verify, ledger.Change{Reason: reason})
	}
	next := "make it readable in the source, then plan and run again"
	if fault.Is(err, fault.NotFound, fault.Deleted) {
		next = "if it was deleted for good, delete it in the target too; otherwise set it in the source; then plan again"
	}
	return r.block(ctx, e.Ref, ledger.Unreadable, ledger.Change{Reason: reason, Next: next})
}

func (r *runner) changedInTarget(ctx context.Context, e ledger.Entry, f found, both bool) error {
	reason := "it was set in the target after it was copied, and that is left as it is"
	switch {
	case f.held != nil:
		reason = "the target does not give its value any more: " + f.held.Error()
	case both:
		reason = "it was set in both stores after it was copied, and both are left as they are"
	}
	return r.block(ctx, e.Ref, ledger.Differs, ledger.Change{TargetVersion: f.meta.Version, Reason: reason,
		Next: ledger.Decide(e.Ref)})
}
