package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/carry"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
)

// found is what the target has under a ref.
type found struct {
	// there is true when it has a value, which is the same as the source's or not.
	there, same bool
	meta        secret.Metadata
	// deleted is true when it has it among its deleted ones.
	deleted bool
	// held is why it does not give the value that it has; nil when it does.
	held error
}

// copy sets the target to the source's current value, unless it has it already, and
// verifies that.
func (r *runner) copy(ctx context.Context, e ledger.Entry) error {
	from, to := r.Pair.From, r.Pair.To
	got, err := from.Read(ctx, e.Ref)
	defer got.Value.Wipe()
	if err != nil {
		if passing(ctx, err) {
			return fmt.Errorf("read the source %s: %w", from.Side.Store, err)
		}
		return r.block(ctx, e.Ref, ledger.Unreadable, ledger.Change{Reason: "the source does not give its value: " + err.Error(),
			Next: "make it readable in the source, then plan and run again"})
	}
	want := r.Fingerprints.Of(got.Value)
	// Where the target can insist on there being none, it is not asked before.
	blind := e.State == ledger.Planned && e.Verdict == ledger.Create && to.Has(facade.ConditionalSet)
	for attempt := 1; ; attempt++ {
		// Before the look, so that little time lies between that and the set. What the
		// target has already needs no turn.
		if e.Verdict != ledger.Same || attempt > 1 {
			if err := to.Pacer.Wait(ctx); err != nil {
				return err
			}
		}
		var f found
		if !blind {
			if f, err = r.find(ctx, e.Ref, want); err != nil {
				return err
			}
		}
		if stop, err := r.refuse(ctx, e, got.Metadata, f); stop || err != nil {
			return err
		}
		intent, err := r.Ledger.Begin(ctx, e.Ref, ledger.Copy, ledger.Change{SourceVersion: got.Metadata.Version, TargetVersion: f.meta.Version})
		if err != nil {
			return err
		}
		if f.same {
			return r.adopt(ctx, intent, got.Metadata.Version, f.meta.Version)
		}
		written, failure := r.set(ctx, e.Ref, got, f)
		if failure == nil {
			r.copied.Add(1)
			return r.confirm(ctx, intent, want, ledger.Change{SourceVersion: got.Metadata.Version, TargetVersion: written.Version})
		}
		again, err := r.failed(ctx, e, intent, got.Metadata.Version, want, failure, attempt)
		if !again || err != nil {
			return err
		}
		blind = false
	}
}

// find looks at the target.
func (r *runner) find(ctx context.Context, ref secret.Ref, want stores.Fingerprint) (found, error) {
	to := r.Pair.To
	got, err := to.Read(ctx, ref)
	defer got.Value.Wipe()
	switch {
	case err == nil:
		return found{there: true, same: want.Equal(r.Fingerprints.Of(got.Value)), meta: got.Metadata}, nil
	case passing(ctx, err):
		return found{}, fmt.Errorf("read the target %s: %w", to.Side.Store, err)
	case fault.Is(err, fault.NotFound):
		return found{}, nil
	case fault.Is(err, fault.Deleted):
		return found{deleted: true}, nil
	}
	return found{there: true, held: err}, nil
}

// refuse blocks what must not be set, and reports whether it did.
func (r *runner) refuse(ctx context.Context, e ledger.Entry, source secret.Metadata, f found) (bool, error) {
	reason, next := "", ledger.Decide(e.Ref)
	switch {
	case !f.there || f.same:
		return false, nil
	case f.held != nil:
		reason, next = "the target has it and does not give its value: "+f.held.Error(), "make it readable in the target, then plan and run again"
	case e.Written != "" && f.meta.Version == e.Written:
		return false, nil // our own copy, which the source outran
	case !r.Replace(e.Ref):
		reason = "the target has another value, which this migration did not write"
	case newer(f.meta, source):
		reason = fmt.Sprintf("the target's value was set at %s, after the source's at %s, and the older never replaces the newer",
			f.meta.Updated.UTC().Format(time.RFC3339Nano), source.Updated.UTC().Format(time.RFC3339Nano))
		next = "set the right value in the source, which makes it the newer one, then plan and run again"
	default:
		return false, nil
	}
	return true, r.block(ctx, e.Ref, ledger.Differs, ledger.Change{TargetVersion: f.meta.Version, Reason: reason, Next: next})
}

// newer reports whether a is known to be newer than b.
func newer(a, b secret.Metadata) bool {
	return !a.Updated.IsZero() && !b.Updated.IsZero() && a.Updated.After(b.Updated)
}

// adopt takes a value that the target has already for a copy.
func (r *runner) adopt(ctx context.Context, intent ledger.Intent, source, target secret.Version) error {
	r.adopted.Add(1)
	r.verified.Add(1) // it was just read
	return r.Ledger.Finish(ctx, intent, ledger.Change{SourceVersion: source, TargetVersion: target})
}

// set makes the one call that changes the target.
func (r *runner) set(ctx context.Context, ref secret.Ref, got secret.Secret, f found) (secret.Metadata, error) {
	to := r.Pair.To
	request := provider.SetRequest{Ref: ref, Value: got.Value}
	if to.Has(facade.ConditionalSet) && !f.deleted {
		request.Expected = &f.meta.Version
	}
	if to.Has(facade.Expiry) {
		request.Expires = got.Metadata.Expires
	}
	if to.Has(facade.Tags) {
		request.Tags = carry.Labels(got.Metadata.Tags)
	}
	written, err := to.Set(ctx, request)
	if err == nil {
		to.Pacer.Passed()
	}
	return written, err
}

// failed decides what a set that failed means, and reports whether to look again.
func (r *runner) failed(ctx context.Context, e ledger.Entry, intent ledger.Intent, source secret.Version, want stores.Fingerprint, failure error, attempt int) (again bool, err error) {
	to := r.Pair.To
	throttled := to.Refused(failure)
	give := func(c ledger.Change) error { return r.Ledger.Fail(ctx, intent, failure, c) }
	switch {
	case fault.Is(failure, fault.VersionConflict, fault.AlreadyExists):
		return attempt < tries, give(ledger.Change{Reason: "somebody else set it in the target meanwhile"})
	case refused(failure):
		v, next := verdictOf(failure)
		if err := give(ledger.Change{Reason: failure.Error()}); err != nil {
			return false, err
		}
		return false, r.block(ctx, e.Ref, v, ledger.Change{Reason: "the target refuses it: " + failure.Error(), Next: next})
	}
	// The outcome is not known, also after an interrupt.
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
	defer cancel()
	now, err := r.find(look, e.Ref, want)
	switch {
	case err != nil:
		// The intent stays; the next run finds out.
		return false, errors.Join(fmt.Errorf("set the target %s: %w", to.Side.Store, failure), err)
	case now.same:
		return false, r.adopt(ctx, intent, source, now.meta.Version)
	}
	if err := give(ledger.Change{Reason: "it was read back: the target does not have it"}); err != nil {
		return false, err
	}
	if ctx.Err() != nil || !stores.Passing(failure) || attempt == tries {
		return false, fmt.Errorf("set the target %s: %w", to.Side.Store, failure)
	}
	if !throttled {
		err = to.Rest(ctx, attempt)
	}
	return err == nil, err
}

const (
	// lookTime bounds how long it is looked for what became of a write.
	lookTime = 30 * time.Second
	// tries is how often a set is made of which it is known, each time, that the target
	// does not have it.
	tries = 5
)

// refused reports whether the store said that it did not write, and never would.
func refused(err error) bool {
	return fault.Is(err, fault.AccessDenied, fault.AuthFailed, fault.TooLarge, fault.InvalidRef, fault.Unsupported, fault.Deleted,
		fault.Disabled, fault.ConfigInvalid, fault.Undecryptable, fault.Corrupt, fault.Expired, fault.NotYetValid, fault.NotFound)
}

func verdictOf(err error) (ledger.Verdict, string) {
	switch fault.Of(err) {
	case fault.AccessDenied, fault.AuthFailed:
		return ledger.NoPermission, "give the missing right, then plan and run again"
	case fault.TooLarge, fault.InvalidRef:
		return ledger.TooLarge, "set a shorter value or fewer tags, then plan and run again"
	case fault.Deleted:
		return ledger.SoftDeleted, "recover or purge the deleted secret in the target, then plan and run again"
	}
	return ledger.Differs, "see to the target, then plan and run again"
}

// passing reports whether err says nothing about a ref.
func passing(ctx context.Context, err error) bool { return ctx.Err() != nil || stores.Passing(err) }
