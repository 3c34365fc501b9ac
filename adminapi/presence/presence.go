// Package presence keeps the Admin API's place among the instances of the
// product: that it lives, and which secret store it uses. Start reading at
// [Keep].
package presence

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/engine/schedule"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Config of [Keep].
type Config struct {
	Store *store.Store
	// Self is this process as it registers itself.
	Self     store.Instance
	Provider schedule.Provider
	Logger   *slog.Logger
	// Reloaded says that the provider may be another one now.
	Reloaded <-chan struct{}
	// Heartbeat is how often it shows that it lives.
	Heartbeat time.Duration
}

// leaveLimit bounds the one write at the end.
const leaveLimit = 2 * time.Second

// Keep registers the instance, finds out in the background which secret store
// its plugin uses, and shows until ctx ends that it lives. It returns once the
// instance is registered; wait returns when everything it started has ended and
// the instance is listed no longer.
func Keep(ctx context.Context, c Config) (wait func(), err error) {
	if err := c.Store.Register(ctx, c.Self); err != nil {
		return nil, err
	}
	var running sync.WaitGroup
	running.Go(func() {
		schedule.Identify(ctx, schedule.IdentifyConfig{Store: c.Store, Self: c.Self, Provider: c.Provider, Logger: c.Logger, Again: c.Reloaded})
	})
	running.Go(func() { beat(ctx, c) })
	return func() {
		running.Wait()
		leave(context.WithoutCancel(ctx), c)
	}, nil
}

// leave takes the instance off the list at once, where silence would take
// minutes to be noticed.
func leave(ctx context.Context, c Config) {
	ctx, cancel := context.WithTimeout(ctx, leaveLimit)
	defer cancel()
	if err := c.Store.Unregister(ctx, c.Self.Role, c.Self.Name, c.Self.Incarnation); err != nil {
		c.Logger.Warn("the instance could not be taken off the list; it counts as alive for some minutes", telemetry.KeyError, err)
	}
}

// beat goes on when another process has taken the name: two Admin APIs do no
// harm, only one of them is not listed.
func beat(ctx context.Context, c Config) {
	tick := time.NewTicker(c.Heartbeat)
	defer tick.Stop()
	replaced := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		beating, beaten := context.WithTimeout(ctx, c.Heartbeat)
		err := c.Store.Heartbeat(beating, c.Self.Role, c.Self.Name, c.Self.Incarnation)
		beaten()
		switch {
		case err == nil, ctx.Err() != nil:
		case errors.Is(err, store.ErrReplaced):
			if !replaced {
				c.Logger.Error("another Admin API registered under this name and is listed instead; give one of them another IdentityMesh:InstanceName",
					telemetry.KeyInstance, c.Self.Name)
			}
			replaced = true
		default:
			c.Logger.Warn("the heartbeat failed", telemetry.KeyError, err)
		}
	}
}
