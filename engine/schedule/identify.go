package schedule

import (
	"context"
	"log/slog"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Provider tells which secret store is in force.
type Provider interface {
	Info(ctx context.Context) (facade.Info, error)
	Check(ctx context.Context) (provider.CheckReport, error)
}

// identifyLimit allows a plugin to start and a cloud to answer.
const identifyLimit = time.Minute

// Identify records which secret store self uses, as soon as its plugin says so,
// and warns loudly when a process of another role uses another one: secrets
// would then be written to one store and read from another.
func Identify(ctx context.Context, db *store.Store, self store.Instance, p Provider, logger *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, identifyLimit)
	defer cancel()
	info, err := p.Info(ctx)
	if err != nil {
		logger.Error("the secret provider is not available; runs that need a secret will fail", telemetry.KeyError, err)
		return
	}
	self.ProviderVersion = info.Version
	if report, err := p.Check(ctx); err == nil {
		self.ProviderTarget = report.Target
	} else {
		logger.Warn("the secret provider could not be checked", telemetry.KeyError, err)
	}
	if err := db.Register(ctx, self); err != nil {
		logger.Warn("the secret store in use could not be recorded", telemetry.KeyError, err)
		return
	}
	all, err := db.ListInstances(ctx)
	if err != nil {
		return
	}
	for _, o := range all {
		if Differs(self, o, time.Now()) {
			logger.Error("this process and another one use different secret stores: secrets set in one are not found by the other",
				"here", self.Provider+" "+self.ProviderTarget, "other", o.Provider+" "+o.ProviderTarget,
				telemetry.KeyInstance, o.Name, "role", string(o.Role))
		}
	}
}

// Differs reports whether two living instances are known to use different secret
// stores.
func Differs(a, b store.Instance, now time.Time) bool {
	if now.Sub(b.LastHeartbeat) >= Offline {
		return false
	}
	return a.Provider != b.Provider || (a.ProviderTarget != "" && b.ProviderTarget != "" && a.ProviderTarget != b.ProviderTarget)
}
