package keyvault

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// versionForm is wider than the 32 hexadecimal digits of the service; it only
// keeps foreign text out of the address.
var versionForm = regexp.MustCompile(`^[0-9A-Za-z]{1,64}$`)

func targetOf(ref secret.Ref) vault.Target {
	return vault.Target{Ref: ref, Name: naming.Name(string(ref))}
}

// Get reads a version, or the current one, from the vault every time. Readers of
// the same one who ask at the same time share a request, and none a value: each
// gets bytes of its own, to wipe.
func (p *Provider) Get(ctx context.Context, ref secret.Ref, version secret.Version) (secret.Secret, error) {
	target := targetOf(ref)
	if version != secret.Current && !versionForm.MatchString(string(version)) {
		return secret.Secret{}, fault.New(fault.NotFound, fault.SourceConfig,
			fmt.Sprintf("get %s: the vault has no versions of such a form", target))
	}
	got, err := p.vault.Read(ctx, target, string(version), func(ctx context.Context) (r vault.Reading, err error) {
		if r.Text, r.Properties, err = p.vault.Get(ctx, target, string(version)); err != nil {
			err = p.deletedInstead(ctx, target, err)
		}
		return r, err
	})
	p.identify(ctx)
	if err != nil {
		return secret.Secret{}, err
	}
	value, ok := decode(got.Text)
	if !ok {
		return secret.Secret{}, fault.New(fault.Corrupt, fault.SourceBackend, fmt.Sprintf("get %s: the text in the vault is not Base64; "+
			"it was not written by IdentityMesh or was changed by hand, so set the secret again", target))
	}
	m := metadata(ref, got.Properties)
	p.outOfTime(ctx, m)
	return secret.Secret{Metadata: m, Value: secret.NewValue(value)}, nil
}

// Describe reads the properties of the versions and never the value, so that it
// works for a disabled secret and without the right to read values.
func (p *Provider) Describe(ctx context.Context, ref secret.Ref) (secret.Metadata, error) {
	ctx, cancel := p.bounded(ctx)
	defer cancel()
	target := targetOf(ref)
	versions, err := p.vault.Versions(ctx, target)
	p.identify(ctx)
	if err != nil {
		return secret.Metadata{}, p.deletedInstead(ctx, target, err)
	}
	return metadata(ref, newest(versions)), nil
}

// deletedInstead turns NOT_FOUND into DELETED when the vault still holds the
// deleted secret: the vault itself answers both the same. When that cannot be
// told, for want of a right or of time, err stands.
func (p *Provider) deletedInstead(ctx context.Context, target vault.Target, err error) error {
	var missing *fault.Error
	if !errors.As(err, &missing) || missing.Reason != fault.NotFound {
		return err
	}
	if deleted, e := p.vault.IsDeleted(ctx, target); e != nil || !deleted {
		return err
	}
	return &fault.Error{
		Reason: fault.Deleted, Source: fault.SourceBackend, RequestID: missing.RequestID, Cause: missing.Cause,
		Message: fmt.Sprintf("%s was deleted and can be recovered (az keyvault secret recover --vault-name %s --name %s): %s",
			target.Ref, vaultName(p.vault.Host()), target.Name, missing.Message),
	}
}
