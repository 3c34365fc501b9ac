package dpapi

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/identitymesh/identitymesh/plugins/dpapi/keyfile"
	"github.com/identitymesh/identitymesh/plugins/dpapi/protector"
	"github.com/identitymesh/identitymesh/plugins/dpapi/rows"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

var _ provider.KeyKeeper = (*Provider)(nil)

// KeyStatus counts the rows of this host by the key that sealed them.
func (p *Provider) KeyStatus(ctx context.Context) (provider.KeyStatus, error) {
	table, keys, err := p.keyWork(ctx)
	if err != nil {
		return provider.KeyStatus{}, err
	}
	sealer, err := p.host.Current(ctx)
	if err != nil {
		return provider.KeyStatus{}, protectorFault(err)
	}
	counts, err := table.ByKey(ctx, sealer.Identity())
	if err != nil {
		return provider.KeyStatus{}, databaseFault(ctx, "look at IM_Secrets", err)
	}
	_, foreign, err := table.Count(ctx, sealer.Identity().HostID)
	if err != nil {
		return provider.KeyStatus{}, databaseFault(ctx, "look at IM_Secrets", err)
	}
	status := provider.KeyStatus{
		Newest: keys.Primary(), Unfinished: keys.Rotating, Place: p.keys.Path(), Protection: protection(keys), Foreign: foreign,
	}
	for _, id := range keys.IDs() {
		status.Keys = append(status.Keys, provider.KeyUse{ID: id, Secrets: counts[id]})
		delete(counts, id)
	}
	for _, id := range slices.Sorted(maps.Keys(counts)) {
		status.Keys = append(status.Keys, provider.KeyUse{ID: id, Secrets: counts[id], Missing: true})
	}
	return status, nil
}

func protection(keys *keyfile.Keys) string {
	if keys.WrappedBy == "" {
		return "access rights of the file"
	}
	return "access rights of the file, wrapped by " + keys.WrappedBy
}

// RotateKey makes a new key and seals the rows of this host with it, those of the
// .NET product and of other hosts excepted. The engine may work meanwhile: it reads
// the key file anew before it seals, and when it meets a key that it does not know.
func (p *Provider) RotateKey(ctx context.Context, progress func(provider.KeyProgress)) (provider.KeyRotation, error) {
	table, _, err := p.keyWork(ctx)
	if err != nil {
		return provider.KeyRotation{}, err
	}
	keys, unfinished, err := p.keys.AddPrimary(ctx)
	if err != nil {
		return provider.KeyRotation{}, protectorFault(err)
	}
	out := provider.KeyRotation{Key: keys.Primary(), Resumed: unfinished}
	p.log.InfoContext(ctx, "key rotation begins", "key", out.Key, "resumed", unfinished)
	if err := p.reseal(ctx, table, &out, progress); err != nil {
		return provider.KeyRotation{}, err
	}
	if err := p.keys.FinishRotation(ctx, out.Key); err != nil {
		return provider.KeyRotation{}, protectorFault(err)
	}
	p.log.InfoContext(ctx, "key rotation ended", "key", out.Key, "resealed", out.Resealed, "failed", out.Failed)
	return out, nil
}

// reseal goes over the rows of older keys, page by page. What is on the way when
// the process dies is still sealed as it was, or already anew, and opens either way.
func (p *Provider) reseal(ctx context.Context, table *rows.Table, out *provider.KeyRotation, progress func(provider.KeyProgress)) error {
	sealer, err := p.host.Opener(ctx, out.Key)
	if err != nil {
		return protectorFault(err)
	}
	total, err := table.CountOutdated(ctx, sealer.Identity())
	if err != nil {
		return databaseFault(ctx, "look at IM_Secrets", err)
	}
	done := 0
	for after, more := "", true; more; {
		progress(provider.KeyProgress{Done: done, Total: max(total, done)})
		var last string
		var n int
		if last, n, more, err = p.resealPage(ctx, table, after, out); err != nil {
			return err
		}
		after, done = last, done+n
	}
	progress(provider.KeyProgress{Done: done, Total: done}) // others may have set some of them meanwhile
	return nil
}

// resealPage seals a page again and returns the last name and the number of its
// rows. The keys stay the same meanwhile, as for every other writer.
func (p *Provider) resealPage(ctx context.Context, table *rows.Table, after string, out *provider.KeyRotation) (last string, n int, more bool, err error) {
	sealer, done, err := p.host.Sealer(ctx)
	if err != nil {
		return "", 0, false, protectorFault(err)
	}
	defer done()
	page, more, err := table.Outdated(ctx, sealer.Identity(), after)
	if err != nil {
		return "", 0, false, databaseFault(ctx, "read secrets of older keys", err)
	}
	if len(page) == 0 {
		return after, 0, false, nil
	}
	stored, err := table.Reseal(ctx, resealAll(sealer, page, out))
	if err != nil {
		return "", 0, false, databaseFault(ctx, "store secrets of the new key", err)
	}
	out.Resealed += stored
	return page[len(page)-1].Name, len(page), more, nil
}

// resealAll returns what could be sealed again and notes in out what could not.
func resealAll(sealer *protector.Protector, page []rows.Row, out *provider.KeyRotation) []rows.Resealed {
	var resealed []rows.Resealed
	for _, row := range page {
		blob, err := reseal(sealer, row)
		if err == nil {
			resealed = append(resealed, rows.Resealed{Row: row, Blob: blob, KeyID: sealer.Identity().KeyID})
			continue
		}
		if out.Failed++; len(out.Failures) < provider.MaxKeyFailures {
			out.Failures = append(out.Failures, provider.KeyFailure{Ref: string(row.Ref), Problem: err.Error()})
		}
	}
	return resealed
}

func reseal(sealer *protector.Protector, row rows.Row) ([]byte, error) {
	plain, err := unseal(sealer, row.Ref, row)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return sealer.Seal(plain, []byte(row.Ref))
}

// RetireKeys counts the rows while nobody seals, so that no row of a key that goes
// can come after it.
func (p *Provider) RetireKeys(ctx context.Context) (provider.KeyRetirement, error) {
	table, _, err := p.keyWork(ctx)
	if err != nil {
		return provider.KeyRetirement{}, err
	}
	sealer, err := p.host.Current(ctx)
	if err != nil {
		return provider.KeyRetirement{}, protectorFault(err)
	}
	retired, err := p.keys.Retire(ctx, func() ([]string, error) {
		counts, err := table.ByKey(ctx, sealer.Identity())
		if err != nil {
			return nil, databaseFault(ctx, "look at IM_Secrets", err)
		}
		return slices.Collect(maps.Keys(counts)), nil
	})
	var already *fault.Error
	if errors.As(err, &already) {
		return provider.KeyRetirement{}, already
	}
	if err != nil {
		return provider.KeyRetirement{}, protectorFault(err)
	}
	p.log.InfoContext(ctx, "keys retired", "count", len(retired))
	left, err := p.KeyStatus(ctx)
	return provider.KeyRetirement{Retired: append([]string{}, retired...), Left: left}, err
}

// keyWork returns what every work on the keys needs: the table, and the keys that
// are there now.
func (p *Provider) keyWork(ctx context.Context) (*rows.Table, *keyfile.Keys, error) {
	table, err := p.database.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	keys, err := p.keys.Open(ctx)
	if errors.Is(err, keyfile.ErrNone) {
		return nil, nil, fault.New(fault.Unsupported, fault.SourcePlugin, "Windows keeps and renews the keys of this host itself; there is nothing to rotate")
	}
	if err != nil {
		return nil, nil, protectorFault(err)
	}
	return table, keys, nil
}
