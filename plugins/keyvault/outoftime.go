package keyvault

import (
	"context"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// outOfTime warns of a value that is served outside of its time: the service does
// so, it takes the times for information. Once for a version is enough, connectors
// read at every run.
func (p *Provider) outOfTime(ctx context.Context, m secret.Metadata) {
	now := p.now()
	message, key, at := "", "", time.Time{}
	switch {
	case !m.Expires.IsZero() && !now.Before(m.Expires):
		message, key, at = "secret of key vault has expired and was served", "expires", m.Expires
	case now.Before(m.NotBefore):
		message, key, at = "secret of key vault is not valid yet and was served", "not_before", m.NotBefore
	default:
		return
	}
	if p.warned.first(m.Name, key+string(m.Version)) {
		p.logger.WarnContext(ctx, message, telemetry.KeyRef, string(m.Ref), telemetry.KeyName, m.Name,
			telemetry.KeyVersion, string(m.Version), key, at)
	}
}

// maxWarnings bounds what is remembered; beyond it, a warning may come again.
const maxWarnings = 10_000

// warnings remembers the last warning of each name. The zero warnings has none.
type warnings struct {
	mu   sync.Mutex
	last map[string]string
}

// first reports whether this is not the warning that name had last.
func (w *warnings) first(name, warning string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last[name] == warning {
		return false
	}
	if w.last == nil || len(w.last) >= maxWarnings {
		w.last = map[string]string{}
	}
	w.last[name] = warning
	return true
}
