package keyvault

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"

	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

// isCurrent reports whether exactly w, but for who writes it and when, is what
// the vault serves now. Whoever may write and not read is told no.
func (p *Provider) isCurrent(ctx context.Context, target vault.Target, w vault.Write) (vault.Properties, bool, error) {
	text, current, err := p.vault.Get(ctx, target, "")
	switch {
	case err == nil:
		return current, p.sameVersion(current, w) && sameValue(text, w.Text), nil
	case fault.Is(err, fault.NotFound, fault.Disabled, fault.AccessDenied, fault.Corrupt):
		return vault.Properties{}, false, nil
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		return vault.Properties{}, false, err
	}
	told := *f
	told.Message = cut(fmt.Sprintf("set %s: nothing was written, because what is current could not be read first: %s", p.where(target), f.Message))
	return vault.Properties{}, false, &told
}

// sameVersion leaves out im-instance and im-written, which differ by nature.
func (p *Provider) sameVersion(current vault.Properties, w vault.Write) bool {
	a := current.Attributes
	now := p.now()
	switch {
	case a.Enabled != nil && !*a.Enabled, a.NotBefore != nil && now.Before(*a.NotBefore), a.Expires != nil && !now.Before(*a.Expires):
		return false
	case !at(a.Expires).Equal(w.Expires), current.Tags[tagRef] != w.Tags[tagRef]:
		return false
	}
	return maps.Equal(theirs(current.Tags), theirs(w.Tags))
}

// sameValue compares what two texts stand for, in a time that does not depend on
// where they differ.
func sameValue(a, b string) bool {
	x, okX := decode(a)
	y, okY := decode(b)
	defer clear(x)
	defer clear(y)
	return okX && okY && subtle.ConstantTimeCompare(x, y) == 1
}
