package keyvault

import (
	"context"
	"fmt"
	"slices"

	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// ListVersions returns the versions of ref, newest first. The vault keeps no
// order, so each page looks at all of them; they hold no values. The token is the
// last version of the page before: newer ones that were made since come before it
// and move nothing.
func (p *Provider) ListVersions(ctx context.Context, ref secret.Ref, req provider.ListRequest) (secret.Page, error) {
	ctx, cancel := p.bounded(ctx)
	defer cancel()
	target := targetOf(ref)
	notOurs := fault.New(fault.Internal, fault.SourceHost, fmt.Sprintf("list versions of %s: the page token is not one of this listing", p.where(target)))
	if req.Token != "" && !versionForm.MatchString(req.Token) {
		return secret.Page{}, notOurs
	}
	versions, err := p.vault.Versions(ctx, target)
	p.identify(ctx)
	if err != nil {
		return secret.Page{}, p.deletedInstead(ctx, target, err)
	}
	slices.SortFunc(versions, func(a, b vault.Properties) int { return byAge(b, a) })
	if req.Token != "" {
		i := slices.IndexFunc(versions, func(v vault.Properties) bool { return v.Version == req.Token })
		if i < 0 {
			return secret.Page{}, notOurs
		}
		versions = versions[i+1:]
	}
	page := secret.Page{Complete: len(versions) <= req.Size}
	if !page.Complete {
		versions = versions[:req.Size]
		page.Next = versions[req.Size-1].Version
	}
	for _, v := range versions {
		page.Items = append(page.Items, metadata(ref, v))
	}
	return page, nil
}
