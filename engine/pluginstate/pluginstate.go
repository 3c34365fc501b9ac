// Package pluginstate keeps in the database how the secret provider's plugin of a
// process is, so that operators see all of them in one place. What happens to the
// plugin is decided elsewhere (sdk/host/supervise). Start reading at [Keep].
package pluginstate

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/launch/logline"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Recorder writes the states.
type Recorder interface {
	RecordPlugin(ctx context.Context, p store.PluginState) error
}

// Provider has the plugin.
type Provider interface{ Status() host.Status }

// Config of [Keep].
type Config struct {
	Store Recorder
	// Self is the registered instance.
	Self     store.Instance
	Provider Provider
	// Changed says that the plugin changed its state; see [Signal].
	Changed <-chan struct{}
	// Heartbeat is how often is looked for what changed beside the state.
	Heartbeat time.Duration
	Logger    *slog.Logger
}

const (
	// settle lets the states of one start go by, of which only the last matters.
	settle = 50 * time.Millisecond
	// writeLimit bounds a write.
	writeLimit = 10 * time.Second
	// mostLines is how many of the last lines are kept.
	mostLines = 50
)

// Signal returns what tells changed of a transition, for [host.Config].
func Signal(changed chan<- struct{}) func(supervise.Status) {
	return func(supervise.Status) {
		select {
		case changed <- struct{}{}:
		default: // it was told already
		}
	}
}

// Keep writes how the plugin is, now and whenever that has changed, until ctx ends
// or another process takes the instance's name.
func Keep(ctx context.Context, c Config) {
	tick := time.NewTicker(c.Heartbeat)
	defer tick.Stop()
	var written store.PluginState
	failing := false
	for {
		now := stateOf(c.Self, c.Provider.Status())
		if !reflect.DeepEqual(now, written) {
			err := write(ctx, c.Store, now)
			switch {
			case errors.Is(err, store.ErrReplaced), ctx.Err() != nil:
				return
			case err == nil:
				written, failing = now, false
			case !failing: // one line when it begins to fail
				c.Logger.Warn("how the secret provider's plugin is could not be recorded", telemetry.KeyError, err)
				failing = true
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			continue
		case <-c.Changed:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(settle):
		}
	}
}

func write(ctx context.Context, to Recorder, p store.PluginState) error {
	ctx, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	return to.RecordPlugin(ctx, p)
}

// stateOf takes of a status what may stand in the database. The plugin's own lines
// only in outline: they may hold anything.
func stateOf(self store.Instance, s host.Status) store.PluginState {
	p := s.Plugin
	d := store.PluginDocument{
		Since: utc(p.Since), Version: p.Info.Version, Commit: p.Info.Commit, Path: s.Path, SHA256: s.SHA256, PID: p.PID, Restarts: p.Restarts,
		Problem: p.Problem, NextTry: utc(p.NextTry), Warnings: p.Warnings,
	}
	for _, t := range p.History {
		d.History = append(d.History, store.PluginTransition{At: utc(t.At), State: string(t.State), Reason: t.Reason, PID: t.PID})
	}
	for _, line := range p.LastLines[max(0, len(p.LastLines)-mostLines):] {
		d.Lines = append(d.Lines, logline.Outline(line))
	}
	return store.PluginState{
		Role: self.Role, Name: self.Name, Incarnation: self.Incarnation, Provider: s.Provider, State: string(p.State), Document: d,
	}
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}
