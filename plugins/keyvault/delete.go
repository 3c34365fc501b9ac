package keyvault

import (
	"context"

	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Delete deletes every version, recoverably for as long as the vault keeps
// deleted secrets. It waits for the vault to finish, as far as time and rights
// allow, so that a Recover or Purge that follows finds the deleted secret.
func (p *Provider) Delete(ctx context.Context, ref secret.Ref) error {
	ctx, cancel, wait := p.patiently(ctx)
	defer cancel()
	target := targetOf(ref)
	for tries := 1; ; {
		err := p.vault.Delete(ctx, target)
		p.identify(ctx)
		state, inDoubt := vault.Transition(err), vault.Uncertain(err)
		switch {
		case err == nil, tries > 1 && fault.Is(err, fault.NotFound):
			p.log(ctx, "secret deleted from key vault", target)
			_ = wait.until(ctx, func() bool {
				deleted, err := p.vault.IsDeleted(ctx, target)
				return deleted || err != nil
			})
			return nil
		case inDoubt && tries < maxSends:
			tries++
		case state == "":
			return p.deletedInstead(ctx, target, err)
		}
		if stop := wait.pause(ctx); stop != nil {
			return p.gaveUp("delete", target, wait, stop, state, "delete it again in a minute", err)
		}
	}
}

func (p *Provider) log(ctx context.Context, what string, target vault.Target) {
	p.logger.InfoContext(ctx, what, telemetry.KeyRef, string(target.Ref), telemetry.KeyName, target.Name)
}
