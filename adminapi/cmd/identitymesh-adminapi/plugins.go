package main

import (
	"context"

	"github.com/identitymesh/identitymesh/sdk/boot"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// shelf has the plugins that the configuration could choose, which it runs beside
// the one in force.
type shelf struct {
	*boot.Reloader
	host host.Config
}

func (s shelf) config(c catalog.Choice) host.Config {
	config := s.host
	config.Choice, config.OnState, config.Meter = c, nil, nil
	return config
}

// Inspect implements [api.Plugins].
func (s shelf) Inspect(ctx context.Context, c catalog.Choice) (facade.Info, error) {
	return host.Inspect(ctx, s.config(c))
}

// Validate implements [api.Plugins].
func (s shelf) Validate(ctx context.Context, c catalog.Choice, config secret.Value) (diag.List, error) {
	return host.Validate(ctx, s.config(c), config)
}
