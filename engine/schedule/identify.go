package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Provider tells which secret store is in force.
type Provider interface {
	Info(ctx context.Context) (facade.Info, error)
	Check(ctx context.Context) (provider.CheckReport, error)
}

const (
	// identifyLimit allows a plugin to start and a cloud to answer.
	identifyLimit = time.Minute
	// identifyPause is between tries while the store does not answer.
	identifyPause = time.Minute
)

// Identify records which secret store self, a registered instance, uses, as soon
// as its plugin says so, and warns loudly when another process uses another one:
// secrets would then be written to one store and read from another. It tries until
// that is known, another process takes self's name, or ctx ends.
func Identify(ctx context.Context, db *store.Store, self store.Instance, p Provider, logger *slog.Logger) {
	for said := ""; ; {
		err := identify(ctx, db, self, p, logger)
		if err == nil || errors.Is(err, store.ErrReplaced) || ctx.Err() != nil {
			return
		}
		if err.Error() != said { // one line for each new reason
			logger.Error("it is not known yet which secret store is in use; runs that need a secret may fail", telemetry.KeyError, err)
			said = err.Error()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(identifyPause):
		}
	}
}

func identify(ctx context.Context, db *store.Store, self store.Instance, p Provider, logger *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, identifyLimit)
	defer cancel()
	info, err := p.Info(ctx)
	if err != nil {
		return err
	}
	self.ProviderVersion = info.Version
	report, err := p.Check(ctx)
	if err != nil && !fault.Is(err, fault.Unsupported) {
		return err
	}
	self.ProviderTarget = report.Target
	// The answer may have taken long, and registering would take the name back.
	if err := db.Heartbeat(ctx, self.Role, self.Name, self.Incarnation); err != nil {
		return fmt.Errorf("see who has the instance's name: %w", err)
	}
	if err := db.Register(ctx, self); err != nil {
		return fmt.Errorf("record the secret store in use: %w", err)
	}
	all, err := db.ListInstances(ctx)
	if err != nil {
		return fmt.Errorf("list the instances: %w", err)
	}
	for _, o := range all {
		if Differs(self, o, time.Now()) {
			logger.Error("this process and another one use different secret stores: secrets set in one are not found by the other",
				"here", self.Provider+" "+self.ProviderTarget, "other", o.Provider+" "+o.ProviderTarget,
				telemetry.KeyInstance, o.Name, "role", string(o.Role))
		}
	}
	return nil
}

// Differs reports whether two living instances are known to use different secret
// stores.
func Differs(a, b store.Instance, now time.Time) bool {
	if now.Sub(b.LastHeartbeat) >= Offline {
		return false
	}
	return a.Provider != b.Provider || (a.ProviderTarget != "" && b.ProviderTarget != "" && a.ProviderTarget != b.ProviderTarget)
}
