package dpapi

import (
	"context"
	"fmt"

	"github.com/identitymesh/identitymesh/plugins/dpapi/rows"
	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Set seals the value on this host and stores it as the current version.
// Expiry and tags are kept as given; an expired secret is still served.
func (p *Provider) Set(ctx context.Context, req provider.SetRequest) (secret.Metadata, error) {
	if err := checkSize(req); err != nil {
		return secret.Metadata{}, err
	}
	table, err := p.database.open(ctx)
	if err != nil {
		return secret.Metadata{}, err
	}
	sealer, done, err := p.host.Sealer(ctx)
	if err != nil {
		return secret.Metadata{}, protectorFault(err)
	}
	defer done() // after the row was stored
	blob, err := sealer.Seal(req.Value.Reveal(), []byte(req.Ref))
	if err != nil {
		return secret.Metadata{}, fault.Wrap(fault.Internal, fault.SourcePlugin, "seal "+string(req.Ref), err)
	}
	row, err := table.Put(ctx, rows.Row{
		Ref: req.Ref, Blob: blob, Sealed: sealer.Identity(), Expires: req.Expires, Tags: req.Tags,
	}, req.Expected)
	if err != nil {
		return secret.Metadata{}, rowFault(ctx, "set", req.Ref, err)
	}
	p.log.InfoContext(ctx, "secret set", telemetry.KeyRef, string(req.Ref), telemetry.KeyName, row.Name,
		telemetry.KeyVersion, string(row.Version()))
	return p.metadata(ctx, req.Ref, row), nil
}

// Delete removes the row of ref for good.
func (p *Provider) Delete(ctx context.Context, ref secret.Ref) error {
	table, err := p.database.open(ctx)
	if err != nil {
		return err
	}
	if err := table.Delete(ctx, ref); err != nil {
		return rowFault(ctx, "delete", ref, err)
	}
	p.log.InfoContext(ctx, "secret deleted", telemetry.KeyRef, string(ref), telemetry.KeyName, naming.Name(string(ref)))
	return nil
}

// checkSize refuses what could be written and never be read through the
// contract.
func checkSize(req provider.SetRequest) error {
	what := ""
	switch {
	case len(req.Value.Reveal()) > secret.MaxValueBytes:
		what = fmt.Sprintf("the value is larger than %d bytes", secret.MaxValueBytes)
	case len(req.Tags) > contract.MaxTags:
		what = fmt.Sprintf("there are %d tags, the limit is %d", len(req.Tags), contract.MaxTags)
	}
	for key, text := range req.Tags {
		if len(key) > contract.MaxTagBytes || len(text) > contract.MaxTagBytes {
			what = fmt.Sprintf("a tag is longer than %d bytes", contract.MaxTagBytes)
		}
	}
	if what == "" {
		return nil
	}
	return fault.New(fault.TooLarge, fault.SourceConfig, fmt.Sprintf("%s: %s", req.Ref, what))
}
