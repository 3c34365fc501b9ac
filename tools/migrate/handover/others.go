package handover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/carry"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
)

// others takes refs back that the migration did not copy: those that were set in the
// target for the first time while it was in force, and those that stayed behind.
func (h *Handover) others(ctx context.Context, known map[secret.Ref]bool, o RollbackOptions, switched time.Time, out *Outcome, decide func(secret.Ref, string)) error {
	uses, err := h.Uses(ctx)
	if err != nil {
		return err
	}
	for ref := range uses {
		if known[ref] {
			continue
		}
		known[ref] = true
		m, err := h.Target.Store.Look(ctx, ref)
		if fault.Is(err, fault.NotFound, fault.Deleted) {
			continue
		}
		if err == nil {
			err = h.other(ctx, m, ref, true, o, switched, out, decide)
		}
		if err != nil {
			return fmt.Errorf("take back %s: %w", ref, err)
		}
	}
	for token := ""; ; {
		page, err := stores.Patiently(ctx, h.Target.Store, func(ctx context.Context) (secret.Page, error) {
			return h.Target.Store.List(ctx, provider.ListRequest{Size: provider.MaxPageSize, Token: token})
		})
		if fault.Is(err, fault.Unsupported) {
			return nil // whatever no connector uses, this store cannot name
		}
		if err != nil {
			return fmt.Errorf("list what was set in %s: %w", h.Target.Provider, err)
		}
		for _, m := range page.Items {
			if m.Ref == "" || known[m.Ref] {
				continue
			}
			known[m.Ref] = true
			if err := h.other(ctx, m, m.Ref, false, o, switched, out, decide); err != nil {
				return fmt.Errorf("take back %s: %w", m.Ref, err)
			}
		}
		if token = page.Next; token == "" {
			return nil
		}
	}
}

// other takes one of them back. used: a connector reads it.
func (h *Handover) other(ctx context.Context, m secret.Metadata, ref secret.Ref, used bool, o RollbackOptions, switched time.Time, out *Outcome, decide func(secret.Ref, string)) error {
	if keeps, err := h.keepsSource(ctx, o, m, ref); keeps || m.Disabled || err != nil {
		return err
	}
	if changed := latest(m); !changed.IsZero() && changed.Before(switched.Add(-clockSlack)) {
		// It was there before the target was in force, and says nothing; but runs that
		// found it there must find it again.
		if !used {
			return nil
		}
		if _, err := h.Source.Store.Look(ctx, ref); !fault.Is(err, fault.NotFound, fault.Deleted) {
			return err
		}
	}
	begun, err := h.Ledger.Begin(ctx, "", ledger.Rollback, ledger.Change{TargetVersion: m.Version, Reason: string(ref)})
	if err != nil {
		return err
	}
	// Empty, unless a switch took it over: then the source still has what it had then.
	expected, err := h.Ledger.Note(ctx, noteTaken+string(ref))
	if err != nil {
		return err
	}
	moved, err := h.over(ctx, ref, secret.Version(expected), o)
	var conflict *carry.ConflictError
	if errors.As(err, &conflict) {
		decide(ref, "has another value in each store, and no copy of it was recorded: either it was set in "+h.Target.Provider+
			" after the switch, or a copy that was killed left it there, and "+h.Source.Provider+" was set since"+h.otherTimes(ctx, m, ref))
		if err := h.tellConflict(ctx, conflict, moved); err != nil {
			return err
		}
		return h.Ledger.Fail(ctx, begun, err, ledger.Change{})
	}
	if err != nil {
		return errors.Join(err, h.Ledger.Fail(ctx, begun, err, ledger.Change{}))
	}
	if moved.Changed {
		out.carried(ref)
	}
	return h.Ledger.End(ctx, begun, ledger.Change{SourceVersion: moved.From, TargetVersion: moved.To})
}

// otherTimes is [Handover.times] of a ref of which only the target was looked at.
func (h *Handover) otherTimes(ctx context.Context, target secret.Metadata, ref secret.Ref) string {
	source, err := h.Source.Store.Look(ctx, ref)
	if err != nil {
		return "" // it is there for information only
	}
	return h.times(source, target)
}

// unplanned calls yield for each ref of the source that the ledger does not know, as it
// was set there after the plan.
func (h *Handover) unplanned(ctx context.Context, yield func(secret.Ref) error) error {
	for token := ""; ; {
		page, err := stores.Patiently(ctx, h.Source.Store, func(ctx context.Context) (secret.Page, error) {
			return h.Source.Store.List(ctx, provider.ListRequest{Size: provider.MaxPageSize, Token: token})
		})
		if fault.Is(err, fault.Unsupported) {
			return nil // whatever no connector uses, this store cannot name
		}
		if err != nil {
			return fmt.Errorf("list what was set in %s: %w", h.Source.Provider, err)
		}
		for _, m := range page.Items {
			if m.Ref == "" {
				continue
			}
			_, err := h.Ledger.Entry(ctx, m.Ref)
			if unknown := (*ledger.UnknownError)(nil); errors.As(err, &unknown) {
				err = yield(m.Ref)
			}
			if err != nil {
				return err
			}
		}
		if token = page.Next; token == "" {
			return nil
		}
	}
}

// forwardNew takes a ref to the target, which is in force by now, that was set in the
// source after the plan.
func (h *Handover) forwardNew(ctx context.Context, ref secret.Ref, out *Outcome) error {
	step, err := h.Ledger.Begin(ctx, "", ledger.Switch, ledger.Change{Reason: string(ref)})
	if err != nil {
		return err
	}
	moved, err := carry.Over(ctx, h.Source.Store, h.Target.Store, ref, "")
	var both *carry.ConflictError
	switch {
	case errors.As(err, &both):
		out.notice(ref, "it was set in %s after the plan, and %s, which is in force, has another value, which stays: see which of the two is right",
			h.Source.Provider, h.Target.Provider)
		return h.Ledger.Fail(ctx, step, err, ledger.Change{})
	case fault.Is(err, fault.NotFound, fault.Deleted): // it is gone again
		return h.Ledger.Fail(ctx, step, err, ledger.Change{})
	case err != nil:
		failed := fmt.Errorf("take over %s, which was set in %s after the plan: %w", ref, h.Source.Provider, err)
		return errors.Join(failed, h.Ledger.Fail(ctx, step, err, ledger.Change{}))
	}
	if err := h.Ledger.SetNote(ctx, noteTaken+string(ref), string(moved.From)); err != nil {
		return err
	}
	if moved.Changed {
		out.carried(ref)
		out.notice(ref, "it was set in %s after the plan, and taken over; a purge leaves it there", h.Source.Provider)
	}
	return h.Ledger.End(ctx, step, ledger.Change{SourceVersion: moved.From, TargetVersion: moved.To})
}

// noteTaken begins the key under which the ledger keeps the version at which the source had
// a ref that a switch took over and no plan knows.
const noteTaken = "switch.taken "

// clockSlack is how far the clocks of this host and of a store may be apart.
const clockSlack = 5 * time.Minute

func latest(m secret.Metadata) time.Time {
	if m.Updated.After(m.Created) {
		return m.Updated
	}
	return m.Created
}
