package boot

import "github.com/identitymesh/identitymesh/sdk/host/catalog"

// Plugins returns every provider that the configuration could choose; see
// [catalog.All].
func (p *Program) Plugins() []catalog.Choice {
	return catalog.All(p.Settings, catalog.Options{Executable: p.config.executable, Environ: p.config.Environ})
}
