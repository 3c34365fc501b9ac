package boot

import (
	"os"

	"github.com/identitymesh/identitymesh/sdk/host/catalog"
)

// Plugins returns every provider that the configuration could choose; see
// [catalog.All].
func (p *Program) Plugins() []catalog.Choice {
	executable, err := os.Executable()
	if err != nil {
		executable = "" // Start has asked before, so this does not happen
	}
	return catalog.All(p.Settings, catalog.Options{Executable: executable, Environ: p.environ})
}
