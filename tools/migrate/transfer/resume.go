package transfer

import (
	"context"
	"fmt"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
)

// resume ends the copies that a killed process began: the target is read, and decides.
func (r *runner) resume(ctx context.Context) error {
	open, err := r.Ledger.Interrupted(ctx)
	if err != nil {
		return err
	}
	for _, e := range open {
		intent, begun, err := r.Ledger.Resume(ctx, e)
		if err != nil {
			return err
		}
		if intent.Step != ledger.Copy {
			continue // whoever takes that step again ends it
		}
		if err := r.settle(ctx, e, intent, begun); err != nil {
			return fmt.Errorf("%s: %w", e.Ref, err)
		}
		r.resumed.Add(1)
	}
	return nil
}

// settle finds out how the copy of begun ended.
func (r *runner) settle(ctx context.Context, e ledger.Entry, intent ledger.Intent, begun ledger.Event) error {
	from := r.Pair.From
	undone := func(reason string) error {
		return r.Ledger.Fail(ctx, intent, errInterrupted, ledger.Change{Reason: reason})
	}
	got, err := from.Read(ctx, e.Ref)
	defer got.Value.Wipe()
	if err != nil {
		if passing(ctx, err) {
			return fmt.Errorf("read the source %s: %w", from.Side.Store, err)
		}
		return undone("interrupted, and the source does not give its value now") // which the copy will tell in full
	}
	f, err := r.find(ctx, e.Ref, r.Fingerprints.Of(got.Value))
	switch {
	case err != nil:
		return err
	case f.same:
		return r.Ledger.End(ctx, intent, ledger.Change{SourceVersion: got.Metadata.Version, TargetVersion: f.meta.Version})
	case !f.there, f.meta.Version == begun.TargetVersion:
		return undone("interrupted before the target took it")
	}
	// The target has something that is neither what it had nor what the source has. Is it
	// what the source had then?
	ours, err := r.was(ctx, e.Ref, begun.SourceVersion, f.meta.Version)
	switch {
	case err != nil:
		return err
	case ours:
		return r.Ledger.End(ctx, intent, ledger.Change{SourceVersion: begun.SourceVersion, TargetVersion: f.meta.Version})
	}
	return undone("interrupted, and the target has another value now")
}

// errInterrupted is the outcome of a step that a killed process left without one.
var errInterrupted = fault.New(fault.Cancelled, fault.SourceHost, "interrupted")

// was reports whether the target's version has the value of the source's version, as
// far as the source keeps such.
func (r *runner) was(ctx context.Context, ref secret.Ref, source, target secret.Version) (bool, error) {
	if !r.Pair.From.Has(facade.Versions) {
		return false, nil
	}
	read := func(s *stores.Store, v secret.Version) (stores.Fingerprint, error) {
		got, err := stores.Patiently(ctx, s, func(ctx context.Context) (secret.Secret, error) { return s.Get(ctx, ref, v) })
		defer got.Value.Wipe()
		return r.Fingerprints.Of(got.Value), err
	}
	a, err := read(r.Pair.From, source)
	if err == nil {
		var b stores.Fingerprint
		if b, err = read(r.Pair.To, target); err == nil {
			return a.Equal(b), nil
		}
	}
	if passing(ctx, err) {
		return false, err
	}
	return false, nil
}
