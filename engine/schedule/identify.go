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
	// Name of the provider as operators call it.
	Name() string
	Info(ctx context.Context) (facade.Info, error)
	Check(ctx context.Context) (provider.CheckReport, error)
}

const (
	// identifyLimit allows a plugin to start and a cloud to answer.
	identifyLimit = time.Minute
	// identifyPause is between tries while the store does not answer.
	identifyPause = time.Minute
)

// IdentifyConfig of [Identify].
type IdentifyConfig struct {
	Store *store.Store
	// Self is the registered instance.
	Self     store.Instance
	Provider Provider
	Logger   *slog.Logger
	// Again says that the provider may be another one now, as after a reload.
	Again <-chan struct{}
}

// Identify records which secret store an instance uses, as soon as its plugin
// says so and again whenever it is told to, and warns loudly when another process
// uses another one: secrets would then be written to one store and read from
// another. It ends when another process takes the instance's name, or ctx ends.
func Identify(ctx context.Context, c IdentifyConfig) {
	for said := ""; ; {
		err := identify(ctx, c)
		if errors.Is(err, store.ErrReplaced) || ctx.Err() != nil {
			return
		}
		var retry <-chan time.Time
		if err == nil {
			said = ""
		} else {
			retry = time.After(identifyPause)
		}
		if err != nil && err.Error() != said { // one line for each new reason
			c.Logger.Error("it is not known yet which secret store is in use; runs that need a secret may fail", telemetry.KeyError, err)
			said = err.Error()
		}
		select {
		case <-ctx.Done():
			return
		case <-c.Again:
		case <-retry:
		}
	}
}

func identify(ctx context.Context, c IdentifyConfig) error {
	ctx, cancel := context.WithTimeout(ctx, identifyLimit)
	defer cancel()
	db, self, p, logger := c.Store, c.Self, c.Provider, c.Logger
	info, err := p.Info(ctx)
	if err != nil {
		return err
	}
	self.Provider, self.ProviderVersion = p.Name(), info.Version
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
