package host

import (
	"context"

	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Carrier reads values and changes secrets, in one process of the plugin, so that
// one store's calls are paced together. Only the migration, which takes values from
// one store to another, holds one.
type Carrier struct{ *Administrator }

// OpenCarrier starts the plugin of the choice for reading and writing and returns at
// once.
func OpenCarrier(c Config) (*Carrier, error) {
	a, err := OpenAdministrator(c)
	if err != nil {
		return nil, err
	}
	return &Carrier{a}, nil
}

// Get returns a value, as [Resolver.Get] does.
func (c *Carrier) Get(ctx context.Context, ref secret.Ref, version secret.Version) (secret.Secret, error) {
	return read(ctx, c.Provider, func(ctx context.Context, f facade.Plugin) (secret.Secret, error) { return f.Get(ctx, ref, version) })
}
