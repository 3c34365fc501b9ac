package schedule

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// ReloadConfig of [Reloads].
type ReloadConfig struct {
	Store *store.Store
	// Self is this process as it registered itself.
	Self store.Instance
	// Reload does it and logs how it went; trigger says who asked.
	Reload func(ctx context.Context, trigger string) error
	Logger *slog.Logger
	// Poll is how often [Reloads.Obey] asks the database for wishes.
	Poll time.Duration
}

// Reloads replaces the secret provider of a process when an operator asks for
// it, and records how that went. Its methods may be called concurrently.
type Reloads struct {
	config ReloadConfig
	again  chan struct{}
}

// NewReloads returns what reloads.
func NewReloads(c ReloadConfig) *Reloads { return &Reloads{config: c, again: make(chan struct{}, 1)} }

// Again says that the provider may be another one now; it is for [Identify].
func (r *Reloads) Again() <-chan struct{} { return r.again }

// recordLimit bounds each of its statements.
const recordLimit = 10 * time.Second

// Obey does what is asked for through the database, until ctx ends.
func (r *Reloads) Obey(ctx context.Context) {
	poll := time.NewTicker(r.config.Poll)
	defer poll.Stop()
	var answered int64
	var outcome error
	for {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
		// A database that fails is the loop's to report, and so is another process
		// that took the name.
		wish, err := r.wanted(ctx)
		if err != nil || wish.Number == 0 {
			continue
		}
		if wish.Number > answered { // or only the record of it failed
			answered, outcome = wish.Number, r.do(ctx, "asked for by "+wish.By)
		}
		r.record(ctx, answered, outcome)
	}
}

// Now reloads at once, for an operator who asked this process itself.
func (r *Reloads) Now(ctx context.Context, trigger string) error {
	err := r.do(ctx, trigger)
	r.record(ctx, 0, err)
	return err
}

func (r *Reloads) wanted(ctx context.Context) (store.ReloadRequest, error) {
	ctx, cancel := context.WithTimeout(ctx, recordLimit)
	defer cancel()
	return r.config.Store.ReloadWanted(ctx, r.config.Self)
}

func (r *Reloads) do(ctx context.Context, trigger string) error {
	err := r.config.Reload(ctx, trigger)
	if err == nil {
		select {
		case r.again <- struct{}{}:
		default: // it was said already
		}
	}
	return err
}

func (r *Reloads) record(ctx context.Context, number int64, outcome error) {
	problem := ""
	if outcome != nil {
		problem = outcome.Error()
	}
	ctx, cancel := context.WithTimeout(ctx, recordLimit)
	defer cancel()
	err := r.config.Store.ReloadDone(ctx, r.config.Self, number, problem)
	if err != nil && !errors.Is(err, store.ErrReplaced) && ctx.Err() == nil {
		r.config.Logger.WarnContext(ctx, "how the reload of the secret provider went could not be recorded", telemetry.KeyError, err)
	}
}
