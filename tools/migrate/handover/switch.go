package handover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/sdk/commandline"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/carry"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
)

// SwitchOptions of [Handover.Switch].
type SwitchOptions struct {
	// AllowBlocked are refs that may stay behind. What a connector uses may not, unless
	// no run can read it today either.
	AllowBlocked []secret.Ref
	// Verify compares all copies once more, and notes in the ledger what differs.
	Verify func(context.Context) error
}

// ErrGoingBack is a switch after a rollback that did not come to its end.
var ErrGoingBack = errors.New("a rollback was begun and did not come to its end: finish it first, then plan, run and switch again")

// Switch puts the target into force. Whatever keeps it from that is one
// [*NotReadyError] with all reasons, or a [*diag.InvalidError] where settings are among
// them, and nothing was changed. Once the settings
// were written, errors are a [*PartError], and later a [*LeftError]; the same call
// again goes on, and [Handover.Rollback] goes back.
func (h *Handover) Switch(ctx context.Context, o SwitchOptions) (*Outcome, error) {
	out := newOutcome()
	inForce, err := h.Ledger.Time(ctx, ledger.NoteInForce)
	if err != nil {
		return out, err
	}
	if back, err := h.Ledger.Note(ctx, ledger.NoteBackBegan); err != nil || back != "" {
		if err == nil {
			err = ErrGoingBack
		}
		return out, err
	}
	if inForce.IsZero() {
		if err := h.prepare(ctx, o); err != nil {
			return out, err
		}
	}
	at, err := h.began(ctx, ledger.NoteSwitchBegan)
	if err != nil {
		return out, err
	}
	whole, err := h.Ledger.Begin(ctx, "", ledger.Switch, ledger.Change{Reason: h.Target.Provider})
	if err != nil {
		return out, err
	}
	err = h.toTarget(ctx, at, inForce, out)
	if err != nil {
		return out, errors.Join(err, h.Ledger.Fail(ctx, whole, err, ledger.Change{}))
	}
	return out, h.Ledger.End(ctx, whole, ledger.Change{})
}

// prepare sees to it that the target can be put into force.
func (h *Handover) prepare(ctx context.Context, o SwitchOptions) error {
	began, err := h.Ledger.Time(ctx, ledger.NoteSwitchBegan)
	if err != nil {
		return err
	}
	if !began.IsZero() {
		// All was well when it began. Since then processes may have set secrets in
		// either store, which is what the look in the end is for; only copies that
		// somebody began meanwhile have to be ended.
		counts, err := h.Ledger.Counts(ctx)
		if err == nil && counts[ledger.Copied]+counts[ledger.Drifted] > 0 {
			err = o.Verify(ctx)
		}
		if err == nil {
			err = h.stillReady(ctx, o.AllowBlocked)
		}
		return err
	}
	if err := h.ready(ctx, o.AllowBlocked, false); err != nil {
		return err
	}
	h.Say("comparing all copies once more")
	if err := o.Verify(ctx); err != nil {
		return err
	}
	return h.ready(ctx, o.AllowBlocked, true)
}

func (h *Handover) toTarget(ctx context.Context, at, inForce time.Time, out *Outcome) error {
	if err := h.force(ctx, h.Target, at, ledger.NoteSwitchFiles, out); err != nil {
		return err
	}
	if inForce.IsZero() {
		if err := h.Ledger.SetNote(ctx, ledger.NoteInForce, h.Now().UTC().Format(time.RFC3339Nano)); err != nil {
			return err
		}
	}
	h.Say("looking once more for secrets that were set in " + h.Source.Provider + " meanwhile")
	err := h.each(ctx, []ledger.State{ledger.Verified, ledger.Switched}, func(e ledger.Entry) error { return h.forward(ctx, e, out) })
	if err != nil {
		return err
	}
	return h.unplanned(ctx, func(ref secret.Ref) error { return h.forwardNew(ctx, ref, out) })
}

// forward takes what was set in the source after the last look to the target, which
// is in force by now.
func (h *Handover) forward(ctx context.Context, e ledger.Entry, out *Outcome) error {
	step, err := begin(ctx, h.Ledger, e, ledger.Switch)
	if err != nil {
		return err
	}
	now := ledger.Change{}
	failed := func(err error) error { return errors.Join(err, h.Ledger.Fail(ctx, step, err, ledger.Change{})) }
	source, err := h.Source.Store.Look(ctx, e.Ref)
	switch {
	case fault.Is(err, fault.NotFound, fault.Deleted):
		now.Reason = "it was deleted in " + h.Source.Provider + " after it was copied; the copy stays"
		out.notice(e.Ref, "%s", now.Reason)
	case err != nil:
		return failed(err)
	case source.Version != e.SourceVersion || e.Open != 0:
		moved, err := carry.Over(ctx, h.Source.Store, h.Target.Store, e.Ref, e.TargetVersion)
		var both *carry.ConflictError
		switch {
		case errors.As(err, &both):
			now.Reason = "it was set in both stores; the value in " + h.Target.Provider + ", which is in force, stays"
			now.Next = "see which of the two is right; secretscli set puts it into force"
			out.notice(e.Ref, "%s: %s", now.Reason, now.Next)
			// Where the target's is the later one, by more than two clocks differ, that settles
			// it for a rollback and a purge too.
			if target, err := h.Target.Store.Look(ctx, e.Ref); err == nil && target.Updated.After(source.Updated.Add(clockSlack)) {
				now.SourceVersion = source.Version
			}
		case err != nil:
			return failed(err)
		default:
			now.SourceVersion, now.TargetVersion = moved.From, moved.To
			if moved.Changed {
				out.carried(e.Ref)
			}
		}
	}
	out.mu.Lock()
	out.Refs++
	out.mu.Unlock()
	return h.Ledger.End(ctx, step, now)
}

// stillReady looks, before a switch that stopped half way goes on, whether the target
// lacks something that came after it had begun: that may be long ago.
func (h *Handover) stillReady(ctx context.Context, allowed []secret.Ref) error {
	var problems diag.List
	add := func(format string, args ...any) { problems.Errorf("", format, args...) }
	uses, err := h.Uses(ctx)
	if err != nil {
		return err
	}
	more := 0
	err = h.Ledger.Entries(ctx, []ledger.State{"", ledger.Planned, ledger.Blocked}, func(e ledger.Entry) error {
		if e.State == ledger.Blocked {
			if e.Verdict == ledger.Unreadable && slices.Contains(allowed, e.Ref) {
				delete(uses, e.Ref) // no run can read it today either
			}
			return nil
		}
		delete(uses, e.Ref)
		if len(problems) < maxReasons {
			add("%s was planned after the switch had begun: run \"identitymesh-migrate run\"", e.Ref)
		} else {
			more++
		}
		return nil
	})
	if err == nil {
		err = h.served(ctx, uses, add)
	}
	if err != nil {
		return err
	}
	if more > 0 {
		add("and %d more refs; \"identitymesh-migrate status\" counts them", more)
	}
	return notReady(h.Target.Provider+" cannot be put into force everywhere yet", problems)
}

// served tells which of the refs that connectors use the target does not give.
func (h *Handover) served(ctx context.Context, uses map[secret.Ref][]string, add func(format string, args ...any)) error {
	for ref, connectors := range uses {
		m, err := h.Target.Store.Look(ctx, ref)
		switch {
		case err == nil && !m.Disabled:
		case err == nil:
			add("%s, which %s uses, is disabled in %s", ref, strings.Join(connectors, ", "), h.Target.Provider)
		case fault.Is(err, fault.NotFound, fault.Deleted):
			add("%s, which %s uses, is missing in %s: set it in %s, then plan and run again", ref, strings.Join(connectors, ", "), h.Target.Provider, h.Source.Provider)
		default:
			return err
		}
	}
	return nil
}

// maxReasons bounds what is told of refs that are in the way.
const maxReasons = 20

// ready returns everything that is in the way of a switch; compared is true when all
// copies were compared just now, which also ends copies that were not.
func (h *Handover) ready(ctx context.Context, allowed []secret.Ref, compared bool) error {
	var problems diag.List
	add := func(format string, args ...any) { problems.Errorf("", format, args...) }
	if err := h.Settings.Check(h.Target.Wanted); err != nil {
		add("%v", err)
	}
	settings := problems.HasErrors()
	uses, err := h.Uses(ctx)
	if err != nil {
		return err
	}
	more, refs := 0, 0
	err = h.Ledger.Entries(ctx, nil, func(e ledger.Entry) error {
		refs++
		why := ""
		switch e.State {
		case ledger.Verified, ledger.Switched, ledger.Soaking:
			delete(uses, e.Ref)
		case ledger.Blocked:
			connectors, used := uses[e.Ref]
			delete(uses, e.Ref)
			switch {
			case e.Verdict == ledger.Unreadable && slices.Contains(allowed, e.Ref):
				// No run can read it today either.
			case used:
				why = fmt.Sprintf("is blocked (%s) and cannot stay behind, because %s uses it: see to it, then plan and run again",
					e.Reason, strings.Join(connectors, ", "))
			case !slices.Contains(allowed, e.Ref):
				why = fmt.Sprintf("is blocked (%s): see to it, or say --allow-blocked %s to leave it behind", e.Reason, commandline.Quote(string(e.Ref)))
			}
		case ledger.Copied, ledger.Drifted:
			if compared {
				why = fmt.Sprintf("is %s and not verified: run \"identitymesh-migrate verify\"", e.State)
			}
			delete(uses, e.Ref)
		case ledger.RolledBack:
			why = "was rolled back: plan and run again"
		case ledger.Purged:
			delete(uses, e.Ref)
		default:
			why = fmt.Sprintf("is %s and not verified: run \"identitymesh-migrate run\"", e.State)
		}
		if e.Open != 0 {
			begun, err := h.Ledger.Event(ctx, e.Open)
			if err != nil {
				return err
			}
			if begun.Step != ledger.Switch && (compared || begun.Step != ledger.Copy) {
				why = fmt.Sprintf("was interrupted in %s: repeat that command", begun.Step)
			}
		}
		if why == "" {
			return nil
		}
		if len(problems) < maxReasons {
			add("%s %s", e.Ref, why)
		} else {
			more++
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = h.unplanned(ctx, func(ref secret.Ref) error {
		if _, used := uses[ref]; used {
			return nil // which is looked for below
		}
		if refs++; len(problems) < maxReasons {
			add("%s was set in %s after the plan: plan and run again", ref, h.Source.Provider)
		} else {
			more++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if refs == 0 {
		add("there is nothing to move: neither has %s a secret nor does a connector need one; change Secrets:Provider in the settings yourself, or set secrets, then plan",
			h.Source.Provider)
	}
	if err := h.served(ctx, uses, add); err != nil {
		return err
	}
	if more > 0 {
		add("and %d more refs; \"identitymesh-migrate status\" counts them", more)
	}
	if settings {
		return problems.Err()
	}
	return notReady(h.Target.Provider+" cannot be put into force yet", problems)
}
