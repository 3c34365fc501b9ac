// Package chronicle tells the audit log what a program does by itself: that it
// started and stopped, how the plugin of its secret provider is, that the provider
// was reloaded. What people ask for is recorded where they ask. How records get into
// a log that may be away is package audit's concern. Start reading at [Open].
package chronicle

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
)

// Config of a [Chronicle].
type Config struct {
	Log *audit.Log
	// Self is this process. Its incarnation is the correlation of its records.
	Self       store.Instance
	DataFolder string
	Logger     *slog.Logger
	Now        func() time.Time
}

// Chronicle records what the process does. Its methods may be called concurrently and
// do not wait for the database.
type Chronicle struct {
	recorder *audit.Recorder
	self     store.Instance
}

// Open begins with the record that the process started. Call [Chronicle.Close] last.
func Open(ctx context.Context, c Config) (*Chronicle, error) {
	name := "audit-" + strings.ToLower(string(c.Self.Role)+"-"+c.Self.Name) + ".jsonl"
	r, err := audit.OpenRecorder(ctx, audit.RecorderConfig{
		Log: c.Log, File: filepath.Join(c.DataFolder, name), Logger: c.Logger, Now: c.Now, NewID: uuid.NewString,
	})
	if err != nil {
		return nil, err
	}
	chronicle := &Chronicle{recorder: r, self: c.Self}
	chronicle.Happened("instances.start", chronicle.target(), fault.OK, map[string]any{"version": c.Self.Version, "provider": c.Self.Provider})
	return chronicle, nil
}

func (c *Chronicle) target() string { return "instances/" + string(c.self.Role) + "/" + c.self.Name }

// Happened records that something was done. The detail must hold no secret value, and
// no text of another system's error.
func (c *Chronicle) Happened(action, target string, outcome fault.Reason, detail map[string]any) {
	detail["instance"] = string(c.self.Role) + "/" + c.self.Name
	text, err := json.Marshal(detail)
	if err != nil {
		text = nil // it was of no type that JSON has; that it happened is what counts
	}
	c.recorder.Record(audit.Entry{
		Actor: audit.System, Address: c.self.Machine, Action: action, Target: target, Correlation: c.self.Incarnation, Detail: string(text),
	}, outcome.String())
}

// Plugin records a transition; it is for [host.Config].
func (c *Chronicle) Plugin(s supervise.Status) {
	outcome := fault.OK
	switch s.State {
	case supervise.Degraded, supervise.Crashed, supervise.Backoff, supervise.Quarantined:
		outcome = fault.Unavailable
	}
	detail := map[string]any{"state": string(s.State), "restarts": s.Restarts}
	if s.PID != 0 {
		detail["pid"] = s.PID
	}
	if s.Info.Version != "" {
		detail["version"] = s.Info.Version
	}
	c.Happened("plugins.state", "plugins/"+s.Source.Name(), outcome, detail)
}

// Reload returns reload with a record of how it went.
func (c *Chronicle) Reload(reload func(ctx context.Context, trigger string) error) func(ctx context.Context, trigger string) error {
	return func(ctx context.Context, trigger string) error {
		err := reload(ctx, trigger)
		c.Happened("provider.reload", "provider", fault.Of(err), map[string]any{"trigger": trigger})
		return err
	}
}

// Problems says what an operator must look at.
func (c *Chronicle) Problems() []string {
	if p := c.recorder.Problem(); p != "" {
		return []string{p}
	}
	return nil
}

// Close records that the process stops, and brings what is left into the log or, in
// bounded time, into the file that the next start reads.
func (c *Chronicle) Close() error {
	c.Happened("instances.stop", c.target(), fault.OK, map[string]any{})
	return c.recorder.Close()
}
