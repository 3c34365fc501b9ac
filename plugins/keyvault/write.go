package keyvault

import (
	"context"
	"fmt"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Set writes a new version and logs under which name, so that an operator finds
// the entry in the vault.
func (p *Provider) Set(ctx context.Context, req provider.SetRequest) (secret.Metadata, error) {
	ctx, cancel := p.bounded(ctx)
	defer cancel()
	target := targetOf(req.Ref)
	if req.Expected != nil || !req.Expires.IsZero() || len(req.Tags) > 0 {
		return secret.Metadata{}, fault.New(fault.Unsupported, fault.SourcePlugin,
			fmt.Sprintf("set %s: this provider takes no expected version, expiry or tags", target))
	}
	if len(req.Value.Reveal()) > MaxValueBytes {
		return secret.Metadata{}, fault.New(fault.TooLarge, fault.SourceConfig,
			fmt.Sprintf("set %s: the value is larger than %d bytes, the most that Key Vault stores", target, MaxValueBytes))
	}
	written, err := p.vault.Set(ctx, target, encode(req.Value), contentType, tagsFor(req.Ref, p.instance, p.now()))
	p.identify(ctx)
	if err != nil {
		return secret.Metadata{}, err
	}
	m := metadata(req.Ref, written)
	p.logger.InfoContext(ctx, "secret written to key vault",
		telemetry.KeyRef, string(req.Ref), telemetry.KeyName, target.Name, telemetry.KeyVersion, string(m.Version))
	return m, nil
}

// Delete deletes every version, recoverably for as long as the vault keeps
// deleted secrets.
func (p *Provider) Delete(ctx context.Context, ref secret.Ref) error {
	ctx, cancel := p.bounded(ctx)
	defer cancel()
	target := targetOf(ref)
	err := p.vault.Delete(ctx, target)
	p.identify(ctx)
	if err != nil {
		return p.deletedInstead(ctx, target, err)
	}
	p.logger.InfoContext(ctx, "secret deleted from key vault", telemetry.KeyRef, string(ref), telemetry.KeyName, target.Name)
	return nil
}
