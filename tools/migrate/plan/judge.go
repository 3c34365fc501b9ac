package plan

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
)

// judge finds and records the verdict about one ref. An error is one of a store that
// says nothing about the ref.
func (p *planner) judge(ctx context.Context, e ledger.Entry) error {
	v, change, err := p.verdict(ctx, e)
	if err != nil {
		return fmt.Errorf("%s: %w", e.Ref, err)
	}
	err = p.plan.Judge(ctx, e.Ref, v, change)
	if busy := (*ledger.BusyError)(nil); errors.As(err, &busy) {
		return nil
	}
	return err
}

const replan = "then plan again"

func (p *planner) verdict(ctx context.Context, e ledger.Entry) (ledger.Verdict, ledger.Change, error) {
	var c ledger.Change
	from, to := p.Pair.From, p.Pair.To
	got, err := from.Read(ctx, e.Ref)
	defer got.Value.Wipe()
	switch {
	case passing(ctx, err):
		return "", c, fmt.Errorf("read the source %s: %w", from.Side.Store, err)
	case fault.Is(err, fault.NotFound, fault.Deleted) && e.Used:
		c.Reason = fmt.Sprintf("connectors need it (%s), and the source does not have it: %v", strings.Join(p.Uses[e.Ref], ", "), err)
		c.Next = "set it in the source, or take it out of the connectors, " + replan
		return ledger.Unreadable, c, nil
	case err != nil:
		c.Reason, c.Next = "the source does not give its value: "+err.Error(), "make it readable or delete it in the source, "+replan
		return ledger.Unreadable, c, nil
	}
	c.SourceVersion = got.Metadata.Version
	limits := to.Info.Limits
	switch size := len(got.Value.Reveal()); {
	case len(e.Ref) > limits.MaxRefBytes:
		c.Reason = fmt.Sprintf("the ref has %d bytes, and the target takes %d", len(e.Ref), limits.MaxRefBytes)
		c.Next = "give it a shorter ref, " + replan
		return ledger.TooLarge, c, nil
	case size > limits.MaxValueBytes:
		c.Reason = fmt.Sprintf("the value is larger than the %d bytes that the target takes", limits.MaxValueBytes)
		c.Next = "set a shorter value, or run without it (--exclude); the engine could not read it after the switch"
		return ledger.TooLarge, c, nil
	}
	name := p.Name(string(e.Ref))
	other, err := p.plan.Others(ctx, e.Ref, name)
	if err != nil {
		return "", c, err
	}
	listed, found, err := p.plan.InTarget(ctx, name)
	if err != nil {
		return "", c, err
	}
	if found && listed.Ref != "" && listed.Ref != e.Ref {
		other = listed.Ref
	}
	if other != "" {
		c.Reason = fmt.Sprintf("its name in the target, %s, is that of %s", name, other)
		c.Next = "give one of them another ref, " + replan
		return ledger.NameCollision, c, nil
	}
	return p.compared(ctx, e.Ref, got.Value, found || !p.listed, c)
}

// compared looks at the target; there says that the secret may be there.
func (p *planner) compared(ctx context.Context, ref secret.Ref, value secret.Value, there bool, c ledger.Change) (ledger.Verdict, ledger.Change, error) {
	to := p.Pair.To
	var err error
	if there {
		var current secret.Secret
		current, err = to.Read(ctx, ref)
		defer current.Value.Wipe()
		if err == nil {
			c.TargetVersion = current.Metadata.Version
			if p.Fingerprints.Of(value).Equal(p.Fingerprints.Of(current.Value)) {
				return ledger.Same, c, nil
			}
			return p.differs(ref, "the target has another value", c)
		}
	} else {
		_, err = to.Look(ctx, ref)
	}
	switch {
	case passing(ctx, err):
		return "", c, fmt.Errorf("read the target %s: %w", to.Side.Store, err)
	case fault.Is(err, fault.AccessDenied, fault.AuthFailed):
		c.Reason, c.Next = "the target does not let us read it: "+err.Error(), "give the missing right, "+replan
		if fault.Is(err, fault.AuthFailed) {
			c.Next = "make the sign-in to the target work, " + replan
		}
		return ledger.NoPermission, c, nil
	case err != nil && !fault.Is(err, fault.NotFound, fault.Deleted):
		return p.differs(ref, "the target has it and does not give its value: "+err.Error(), c)
	case err == nil:
		// It came after the listing, or the target listed less than it has.
		return p.compared(ctx, ref, value, true, c)
	case p.write != "":
		c.Reason, c.Next = "the target cannot be written: "+p.write, "give the missing right, "+replan
		return ledger.NoPermission, c, nil
	case fault.Is(err, fault.Deleted):
		return ledger.SoftDeleted, c, nil
	}
	return ledger.Create, c, nil
}

func (p *planner) differs(ref secret.Ref, reason string, c ledger.Change) (ledger.Verdict, ledger.Change, error) {
	c.Reason = reason
	c.Next = ledger.Decide(ref)
	return ledger.Differs, c, nil
}

// passing reports whether err says nothing about a ref.
func passing(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() != nil || stores.Passing(err))
}
