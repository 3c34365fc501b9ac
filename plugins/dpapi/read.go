package dpapi

import (
	"context"
	"fmt"

	"github.com/identitymesh/identitymesh/plugins/dpapi/protector"
	"github.com/identitymesh/identitymesh/plugins/dpapi/rows"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// tagLegacy marks secrets that the .NET product wrote and nobody has set since.
const tagLegacy = "im-legacy"

// Describe returns the metadata of ref.
func (p *Provider) Describe(ctx context.Context, ref secret.Ref) (secret.Metadata, error) {
	row, err := p.find(ctx, ref)
	if err != nil {
		return secret.Metadata{}, err
	}
	return p.metadata(ctx, ref, row), nil
}

// Get returns the value of ref. Only the current version is kept.
func (p *Provider) Get(ctx context.Context, ref secret.Ref, version secret.Version) (secret.Secret, error) {
	row, err := p.find(ctx, ref)
	if err != nil {
		return secret.Secret{}, err
	}
	if version != secret.Current && version != row.Version() {
		return secret.Secret{}, fault.New(fault.NotFound, fault.SourceBackend,
			fmt.Sprintf("%s has no version %s: only the current version is kept, which is %s", ref, version, row.Version()))
	}
	sealer, err := p.host.Opener(ctx, row.Sealed.KeyID)
	if err != nil {
		return secret.Secret{}, protectorFault(err)
	}
	plain, err := unseal(sealer, ref, row)
	if err != nil {
		return secret.Secret{}, err
	}
	return secret.Secret{Metadata: p.metadata(ctx, ref, row), Value: secret.NewValue(plain)}, nil
}

// List returns the rows in the order of their names. The token is the last name
// of the page before.
func (p *Provider) List(ctx context.Context, req provider.ListRequest) (secret.Page, error) {
	table, err := p.database.open(ctx)
	if err != nil {
		return secret.Page{}, err
	}
	found, more, err := table.Page(ctx, req.Token, req.Size)
	if err != nil {
		return secret.Page{}, databaseFault(ctx, "list the secrets", err)
	}
	page := secret.Page{Complete: !more, Items: make([]secret.Metadata, 0, len(found))}
	for _, row := range found {
		page.Items = append(page.Items, p.metadata(ctx, row.Ref, row))
	}
	if more {
		page.Next = found[len(found)-1].Name
	}
	return page, nil
}

func (p *Provider) find(ctx context.Context, ref secret.Ref) (rows.Row, error) {
	table, err := p.database.open(ctx)
	if err != nil {
		return rows.Row{}, err
	}
	row, err := table.Find(ctx, ref)
	if err != nil {
		return rows.Row{}, rowFault(ctx, "read", ref, err)
	}
	return row, nil
}

func unseal(sealer *protector.Protector, ref secret.Ref, row rows.Row) ([]byte, error) {
	here := sealer.Identity()
	var plain []byte
	var err error
	switch {
	case row.Legacy():
		plain, err = sealer.OpenLegacy(row.Blob)
	case !sameHost(row.Sealed, here):
		return nil, foreignFault(ref, row.Sealed, here)
	default:
		plain, err = sealer.Open(row.Blob, []byte(ref))
	}
	if err != nil {
		return nil, openFault(ref, row, sealer, err)
	}
	return plain, nil
}

func sameHost(a, b protector.Identity) bool { return a.Kind == b.Kind && a.HostID == b.HostID }

// metadata marks as disabled what Get would refuse because of the host or its
// keys, so that a listing shows what has to be set again after a move.
func (p *Provider) metadata(ctx context.Context, ref secret.Ref, row rows.Row) secret.Metadata {
	m := secret.Metadata{
		Ref: ref, Name: row.Name, Version: row.Version(), Created: row.Created, Updated: row.Updated,
		Expires: row.Expires, Tags: row.Tags,
	}
	sealer, err := p.host.Current(ctx)
	if err == nil && !row.Legacy() && sameHost(row.Sealed, sealer.Identity()) {
		sealer, err = p.host.Opener(ctx, row.Sealed.KeyID)
	}
	switch {
	case row.Legacy():
		m.Tags = map[string]string{tagLegacy: "true"}
		m.Disabled = err != nil || sealer.Identity().Kind != protector.WindowsDPAPI
	default:
		m.Disabled = err != nil || !sameHost(row.Sealed, sealer.Identity()) || !sealer.Knows(row.Sealed.KeyID)
	}
	return m
}
