package handover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/sdk/commandline"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/carry"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
)

// RollbackOptions of [Handover.Rollback] decide over refs that were set in both
// stores: which value is to be kept.
type RollbackOptions struct {
	KeepSource, KeepTarget map[secret.Ref]bool
}

// PurgedError is a rollback that comes too late.
type PurgedError struct {
	Refs int
	// From and To of the way back.
	From, To string
}

func (e *PurgedError) Error() string {
	return fmt.Sprintf("%d refs were purged from %s, so there is nothing to go back to; migrate the other way: finish with \"report\", "+
		"move the ledger away, then plan --to %s", e.Refs, e.To, e.To)
}

// Rollback puts the source into force again. What was set in the target since the
// switch is taken back first, and once more when the source is in force everywhere.
// Refs that were set in both stores are a [*NotReadyError] with all of them
// until the options say which value is kept, and nothing was written then. Before a
// switch it only ends the migration. Once the settings were written, errors are as
// those of [Handover.Switch].
func (h *Handover) Rollback(ctx context.Context, o RollbackOptions) (*Outcome, error) {
	out := newOutcome()
	counts, err := h.Ledger.Counts(ctx)
	if err != nil {
		return out, err
	}
	if n := counts[ledger.Purged]; n > 0 {
		return out, &PurgedError{n, h.Target.Provider, h.Source.Provider}
	}
	switched, err := h.Ledger.Time(ctx, ledger.NoteSwitchBegan)
	if err != nil {
		return out, err
	}
	if switched.IsZero() {
		return out, h.each(ctx, backStates(), func(e ledger.Entry) error { return h.giveUp(ctx, e, out) })
	}
	if err := h.Settings.Check(h.Source.Wanted); err != nil {
		return out, err
	}
	at, err := h.began(ctx, ledger.NoteBackBegan)
	if err != nil {
		return out, err
	}
	whole, err := h.Ledger.Begin(ctx, "", ledger.Rollback, ledger.Change{Reason: h.Source.Provider})
	if err != nil {
		return out, err
	}
	if err := h.toSource(ctx, o, at, switched, out); err != nil {
		return out, errors.Join(err, h.Ledger.Fail(ctx, whole, err, ledger.Change{}))
	}
	// A later switch begins anew.
	if err := h.Ledger.Forget(ctx, ledger.NoteSwitchBegan, ledger.NoteSwitchFiles, ledger.NoteInForce, ledger.NoteBackBegan, ledger.NoteBackFiles); err != nil {
		return out, err
	}
	return out, h.Ledger.End(ctx, whole, ledger.Change{})
}

func (h *Handover) toSource(ctx context.Context, o RollbackOptions, at, switched time.Time, out *Outcome) error {
	h.Say("taking back what was set in " + h.Target.Provider + " since the switch")
	if err := h.takeBack(ctx, o, switched, out); err != nil {
		return err
	}
	if err := h.force(ctx, h.Source, at, ledger.NoteBackFiles, out); err != nil {
		return err
	}
	h.Say("looking once more for secrets that were set in " + h.Target.Provider + " meanwhile")
	if err := h.takeBack(ctx, o, switched, out); err != nil {
		return err
	}
	out.Refs = 0
	return h.each(ctx, backStates(), func(e ledger.Entry) error { return h.giveUp(ctx, e, out) })
}

// backStates are those that a rollback ends.
func backStates() []ledger.State {
	return []ledger.State{ledger.Planned, ledger.Copied, ledger.Verified, ledger.Drifted, ledger.Blocked,
		ledger.Switched, ledger.Soaking, ledger.RolledBack}
}

// giveUp notes that the source has the say over a ref.
func (h *Handover) giveUp(ctx context.Context, e ledger.Entry, out *Outcome) error {
	out.mu.Lock()
	out.Refs++
	out.mu.Unlock()
	if e.Open != 0 { // whatever it was, the source is not changed by it any more
		step, begun, err := h.Ledger.Resume(ctx, e)
		if err != nil {
			return err
		}
		if begun.Step != ledger.Rollback {
			if err := h.Ledger.Fail(ctx, step, errRolledBack(), ledger.Change{}); err != nil {
				return err
			}
			return h.Ledger.Record(ctx, e.Ref, ledger.Rollback, ledger.Change{})
		}
		return h.Ledger.End(ctx, step, ledger.Change{})
	}
	if e.State == ledger.RolledBack {
		return nil
	}
	return h.Ledger.Record(ctx, e.Ref, ledger.Rollback, ledger.Change{})
}

// takeBack brings the source up to what was set in the target.
func (h *Handover) takeBack(ctx context.Context, o RollbackOptions, switched time.Time, out *Outcome) error {
	known := map[secret.Ref]bool{}
	both := map[secret.Ref]string{}
	decide := func(ref secret.Ref, why string) {
		out.mu.Lock()
		defer out.mu.Unlock()
		both[ref] = why
	}
	if err := h.Ledger.Entries(ctx, backStates(), func(e ledger.Entry) error {
		if copied(e) {
			known[e.Ref] = true
		}
		return nil
	}); err != nil {
		return err
	}
	err := h.each(ctx, backStates(), func(e ledger.Entry) error {
		if !known[e.Ref] {
			return nil // it never was in the target's copy: see below
		}
		return h.back(ctx, e, o, out, decide)
	})
	if err == nil {
		err = h.others(ctx, known, o, switched, out, decide)
	}
	if err != nil {
		return err
	}
	var problems diag.List
	for ref, why := range both {
		typed := commandline.Quote(string(ref))
		problems.Errorf("", "%s %s: say --keep-target %s for the value in %s, or --keep-source %s for the one in %s",
			ref, why, typed, h.Target.Provider, typed, h.Source.Provider)
	}
	return notReady("refs have another value in each store", problems)
}

// copied reports whether this migration ever gave a ref to the target.
func copied(e ledger.Entry) bool { return e.Written != "" }

// back takes the value of a ref from the target to the source where it was set in
// the target after the last look.
func (h *Handover) back(ctx context.Context, e ledger.Entry, o RollbackOptions, out *Outcome, decide func(secret.Ref, string)) error {
	target, err := h.Target.Store.Look(ctx, e.Ref)
	switch {
	case fault.Is(err, fault.NotFound, fault.Deleted):
		out.notice(e.Ref, "it was deleted in %s; what %s has stays", h.Target.Provider, h.Source.Provider)
		return nil
	case err != nil:
		return err
	}
	keeps, err := h.keepsSource(ctx, o, target, e.Ref)
	if err != nil {
		return err
	}
	expected := e.SourceVersion
	source, err := h.Source.Store.Look(ctx, e.Ref)
	switch {
	case fault.Is(err, fault.NotFound, fault.Deleted):
		expected = "" // a purge may have got that far
	case err != nil:
		return err
	case target.Version == e.Written, paired(e) && target.Version == e.TargetVersion && e.Open == 0, keeps:
		return nil // nobody set the target, or it was taken back already
	case !paired(e):
		expected = neither // whatever differs is for an operator
	}
	e, step, err := h.takeUp(ctx, e)
	if err != nil {
		return err
	}
	moved, err := h.over(ctx, e.Ref, expected, o)
	var conflict *carry.ConflictError
	if errors.As(err, &conflict) {
		why := "was set in both stores since it was copied"
		if expected == neither {
			why = "has another value in each store, and a copy of it was interrupted or blocked: " + h.Target.Provider +
				" has that copy, or what somebody set there"
		}
		decide(e.Ref, why+h.times(source, target))
		if err := h.tellConflict(ctx, conflict, moved); err != nil {
			return err
		}
	}
	if err != nil {
		failed := h.Ledger.Fail(ctx, step, err, ledger.Change{})
		if conflict != nil {
			return failed
		}
		return errors.Join(err, failed)
	}
	if moved.Changed {
		out.carried(e.Ref)
	}
	return h.Ledger.End(ctx, step, ledger.Change{SourceVersion: moved.From, TargetVersion: moved.To})
}

// paired reports whether the versions that the ledger has of a ref were of one value.
func paired(e ledger.Entry) bool {
	return e.State == ledger.Verified || e.State == ledger.Switched || e.State == ledger.Soaking || e.State == ledger.RolledBack
}

// neither is a version that no store has.
const neither = "\x00"

// takeUp begins to take a ref back, after whatever step was interrupted before.
func (h *Handover) takeUp(ctx context.Context, e ledger.Entry) (ledger.Entry, ledger.Intent, error) {
	if e.Open == 0 {
		step, err := begin(ctx, h.Ledger, e, ledger.Rollback)
		return e, step, err
	}
	step, begun, err := h.Ledger.Resume(ctx, e)
	if err != nil || begun.Step == ledger.Rollback {
		return e, step, err
	}
	if err := h.Ledger.Fail(ctx, step, errRolledBack(), ledger.Change{}); err != nil {
		return e, step, err
	}
	e.Open = 0
	step, err = begin(ctx, h.Ledger, e, ledger.Rollback)
	return e, step, err
}

// errRolledBack is the outcome of a step that a rollback found without one.
func errRolledBack() error { return fault.New(fault.Cancelled, fault.SourceHost, "rolled back") }

// times says when each store was set, as far as both know.
func (h *Handover) times(source, target secret.Metadata) string {
	a, b := latest(source), latest(target)
	if a.IsZero() || b.IsZero() {
		return ""
	}
	return fmt.Sprintf(" (%s %s, %s %s)", h.Source.Provider, a.UTC().Format(time.RFC3339), h.Target.Provider, b.UTC().Format(time.RFC3339))
}

// The keys under which the ledger keeps which versions an operator was told of begin so.
const (
	noteConflict       = "rollback.conflict "
	noteConflictTarget = "rollback.conflict target "
)

func (h *Handover) tellConflict(ctx context.Context, c *carry.ConflictError, found carry.Moved) error {
	if err := h.Ledger.SetNote(ctx, noteConflict+string(c.Ref), string(c.Found)); err != nil {
		return err
	}
	return h.Ledger.SetNote(ctx, noteConflictTarget+string(c.Ref), string(found.To))
}

// keepsSource reports whether an operator chose the source's value over the one that the
// target has: if that is the one that the operator was told of.
func (h *Handover) keepsSource(ctx context.Context, o RollbackOptions, target secret.Metadata, ref secret.Ref) (bool, error) {
	if !o.KeepSource[ref] {
		return false, nil
	}
	told, err := h.Ledger.Note(ctx, noteConflictTarget+string(ref))
	return told == "" || told == string(target.Version), err
}

// over is [carry.Over] from the target to the source, with the versions the right
// way round.
func (h *Handover) over(ctx context.Context, ref secret.Ref, expected secret.Version, o RollbackOptions) (carry.Moved, error) {
	if o.KeepTarget[ref] {
		// The decision was made over this one; whatever came later is not covered.
		told, err := h.Ledger.Note(ctx, noteConflict+string(ref))
		if err != nil {
			return carry.Moved{}, err
		}
		if told != "" {
			expected = secret.Version(told)
		}
	}
	m, err := carry.Over(ctx, h.Target.Store, h.Source.Store, ref, expected)
	m.From, m.To = m.To, m.From
	return m, err
}
