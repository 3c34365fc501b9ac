package keyvault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Recover brings a deleted secret back, and waits until it can be seen.
func (p *Provider) Recover(ctx context.Context, ref secret.Ref) (secret.Metadata, error) {
	ctx, cancel, wait := p.patiently(ctx)
	defer cancel()
	target := targetOf(ref)
	for tries := 1; ; {
		current, err := p.vault.Recover(ctx, target)
		p.identify(ctx)
		state, inDoubt := vault.Transition(err), vault.Uncertain(err)
		switch {
		case err == nil:
			return p.recovered(ctx, target, current, wait)
		case fault.Is(err, fault.NotFound):
			found, living := p.living(ctx, target)
			if living == nil && tries > 1 {
				return p.recovered(ctx, target, found, wait)
			}
			return secret.Metadata{}, p.notDeleted("recover", target, err, living)
		case inDoubt && tries < maxSends:
			tries++
		case state == "":
			return secret.Metadata{}, err
		}
		if stop := wait.pause(ctx); stop != nil {
			return secret.Metadata{}, p.gaveUp("recover", target, wait, stop, state, "describe it in a minute, and recover it again if it is not back", err)
		}
	}
}

// recovered waits until a secret whose recovery the vault has begun is there for
// everybody. Whoever may not look takes the vault's word.
func (p *Provider) recovered(ctx context.Context, target vault.Target, current vault.Properties, wait *patience) (secret.Metadata, error) {
	var last error
	stop := wait.until(ctx, func() bool {
		versions, err := p.vault.Versions(ctx, target)
		if err == nil {
			current = newest(versions)
		}
		last = err
		return !fault.Is(err, fault.NotFound)
	})
	if stop != nil {
		return secret.Metadata{}, p.gaveUp("recover", target, wait, stop, "being recovered",
			"the vault finishes it by itself, so describe it in a minute", last)
	}
	p.log(ctx, "deleted secret recovered in key vault", target)
	return metadata(target.Ref, current), nil
}

// Purge removes a deleted secret for ever, and waits until it is gone.
func (p *Provider) Purge(ctx context.Context, ref secret.Ref) error {
	ctx, cancel, wait := p.patiently(ctx)
	defer cancel()
	target := targetOf(ref)
	for tries := 1; ; {
		err := p.vault.Purge(ctx, target)
		p.identify(ctx)
		state, inDoubt := vault.Transition(err), vault.Uncertain(err)
		switch {
		case err == nil:
			return p.purged(ctx, target, wait)
		case fault.Is(err, fault.NotFound):
			_, living := p.living(ctx, target)
			if tries > 1 && fault.Is(living, fault.NotFound) {
				return p.purged(ctx, target, wait)
			}
			return p.notDeleted("purge", target, err, living)
		case fault.Is(err, fault.AccessDenied):
			return p.notPurged(ctx, target, err)
		case inDoubt && tries < maxSends:
			tries++
		case state == "":
			return err
		}
		if stop := wait.pause(ctx); stop != nil {
			return p.gaveUp("purge", target, wait, stop, state, "purge it again in a minute if it is still there", err)
		}
	}
}

func (p *Provider) purged(ctx context.Context, target vault.Target, wait *patience) error {
	stop := wait.until(ctx, func() bool {
		deleted, err := p.vault.IsDeleted(ctx, target)
		return !deleted || err != nil
	})
	if stop != nil {
		return p.gaveUp("purge", target, wait, stop, "being purged", "the vault finishes it by itself", nil)
	}
	p.log(ctx, "deleted secret purged from key vault", target)
	return nil
}

// notPurged tells purge protection from a missing right: the vault answers both
// with the same code.
func (p *Provider) notPurged(ctx context.Context, target vault.Target, err error) error {
	deleted, e := p.vault.Deleted(ctx, target)
	if fault.Is(e, fault.NotFound) {
		_, living := p.living(ctx, target)
		return p.notDeleted("purge", target, err, living)
	}
	if e != nil || !deleted.Protected {
		return err
	}
	f := &fault.Error{Reason: fault.AccessDenied, Source: fault.SourceBackend, Cause: err}
	until := "when the time is over for which it keeps deleted secrets"
	if !deleted.Ends.IsZero() {
		until = "on " + deleted.Ends.UTC().Format(time.RFC3339)
	}
	f.Message = fmt.Sprintf("purge %s: the vault has purge protection, so nobody can purge the secret and no role helps; the vault does it by itself %s",
		p.where(target), until)
	quote(f, err)
	return f
}

// living returns the current version of a secret in use.
func (p *Provider) living(ctx context.Context, target vault.Target) (vault.Properties, error) {
	versions, err := p.vault.Versions(ctx, target)
	if err != nil {
		return vault.Properties{}, err
	}
	return newest(versions), nil
}

// notDeleted is the fault of an operation on a deleted secret that is not there;
// living is nil when it is in use.
func (p *Provider) notDeleted(op string, target vault.Target, err, living error) error {
	f := &fault.Error{Reason: fault.NotFound, Source: fault.SourceBackend, Cause: errors.Join(err, living)}
	what := "the vault has no deleted secret of that name, nor one in use; if it was deleted a moment ago, try again in a minute"
	switch {
	case living == nil:
		f.Reason, what = fault.AlreadyExists, "the secret is in use, not deleted, and was left as it is"
	case fault.Is(living, fault.AccessDenied):
		what = "the vault has no deleted secret of that name, and whether there is one in use takes the right to list"
	case !fault.Is(living, fault.NotFound):
		return living
	}
	f.Message = fmt.Sprintf("%s %s: %s", op, p.where(target), what)
	quote(f, err)
	return f
}
