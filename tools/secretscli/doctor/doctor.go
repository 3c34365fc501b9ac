// Package doctor finds out what of the secret provider in force works and what
// does not, from the configuration to the rights in the store, and says for each
// trouble what to do next. It changes no secret.
//
// Start reading at [Examine].
package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

// Status of a check. The texts are part of the JSON output.
type Status string

// The statuses. Only Fail makes a report a failed one.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
	Skip Status = "skip"
)

// Check is one thing that was looked at.
type Check struct {
	Name    string `json:"name"`
	Status  Status `json:"status"`
	Message string `json:"message"`
	// Next is the next step, for what does not work.
	Next string `json:"next,omitempty"`
	// Latency of what took time; zero when nothing was measured.
	Latency time.Duration `json:"-"`
}

// MarshalJSON writes the latency in milliseconds.
func (c Check) MarshalJSON() ([]byte, error) {
	type plain Check
	return json.Marshal(struct {
		plain
		LatencyMS float64 `json:"latencyMs,omitempty"`
	}{plain(c), float64(c.Latency) / float64(time.Millisecond)})
}

// Report is what was found, in the order it was looked at.
type Report struct {
	// OK is false when a check failed.
	OK bool `json:"ok"`
	// Provider in force; empty when the configuration leaves that open.
	Provider string  `json:"provider,omitempty"`
	Checks   []Check `json:"checks"`
}

func (r *Report) add(c Check) { r.Checks = append(r.Checks, c) }

func (r Report) finished() Report {
	r.OK = !slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Status == Fail })
	return r
}

// Store is what the doctor asks; a [*host.Administrator] is one.
type Store interface {
	Info(context.Context) (facade.Info, error)
	Check(context.Context) (provider.CheckReport, error)
	Status() host.Status
}

// Config is what [Examine] looks at.
type Config struct {
	Settings *appsettings.Settings
	// Warnings of the configuration.
	Warnings diag.List
	Choice   catalog.Choice
	// Open starts the plugin, once what can be seen without it was looked at.
	Open func() (Store, error)
	// Now is the clock.
	Now func() time.Time
}

// Examine looks at everything, within ctx. What is wrong is in the report.
func Examine(ctx context.Context, c Config) Report {
	r := Report{Provider: c.Choice.Provider}
	r.add(files(c.Settings))
	for _, w := range c.Warnings {
		// The fallback is a failed check of its own.
		if !c.Choice.Fallback || w.Path != keyProvider {
			w.Severity = diag.Error // its text need not begin with "warning"
			r.add(Check{Name: "configuration", Status: Warn, Message: w.String(), Next: "correct the key, or remove it"})
		}
	}
	r.add(choice(c.Settings, c.Choice))
	r.add(folder(c.Settings.Product.DataFolder))
	r.add(file(c.Choice))
	if store := start(ctx, c, &r); store != nil {
		ask(ctx, store, c.Choice, &r)
		state(store.Status().Plugin, &r)
	} else {
		r.add(Check{Name: "store", Status: Skip, Message: "not tried, because the plugin does not run"})
	}
	return r.finished()
}

// Refused is the report when the configuration cannot be used: every problem of
// it is a failed check.
func Refused(err error) Report {
	var r Report
	for _, d := range problems(err) {
		check := Check{Name: "configuration", Status: Fail, Message: d.String(), Next: "correct it where the message says"}
		if d.Severity == diag.Warning {
			check.Status = Warn
		}
		r.add(check)
	}
	r.add(Check{Name: "provider", Status: Skip, Message: "not tried, because the configuration cannot be used"})
	return r.finished()
}

// start reports how the plugin starts, and returns its store when it does.
func start(ctx context.Context, c Config, r *Report) Store {
	begin := c.Now()
	store, err := c.Open()
	if err != nil {
		r.add(Check{Name: "plugin", Status: Fail, Message: err.Error(),
			Next: "correct the data folder's rights or place (IdentityMesh:DataFolder), for the account that runs this"})
		return nil
	}
	info, err := store.Info(ctx)
	status := store.Status().Plugin
	if err != nil {
		r.add(Check{Name: "plugin", Status: Fail, Message: err.Error(), Latency: c.Now().Sub(begin),
			Next: "mend what the message says; with --verbose the plugin's own log lines are shown. Then " + reload})
		return nil
	}
	check := Check{Name: "plugin", Status: OK, Latency: c.Now().Sub(begin),
		Message: fmt.Sprintf("%s: %s %s%s, contract %d.%d, %v", status.State, info.Name, info.Version, commit(info), info.Major, info.Minor, info.Capabilities)}
	if status.Restarts > 0 {
		check.Status = Warn
		check.Message += fmt.Sprintf("; it had to be started again %d times", status.Restarts)
		check.Next = "run with --verbose to see why"
	}
	r.add(check)
	for _, w := range status.Warnings {
		r.add(Check{Name: "plugin configuration", Status: Warn, Message: w, Next: "correct the key, or remove it"})
	}
	return store
}

// reload is how programs that run get what was mended.
const reload = "reload the programs that run (SIGHUP, or POST /api/provider/reload of the Admin API)"

// state reports what the questions have made of the plugin.
func state(status supervise.Status, r *Report) {
	check := Check{Name: "plugin state", Status: Warn, Message: fmt.Sprintf("%s: %s", status.State, status.Problem)}
	switch status.State {
	case supervise.Ready:
		return
	case supervise.Degraded:
		check.Next = "it still serves; tell its author, or replace it by another version and " + reload
	default:
		check.Status, check.Next = Fail, "mend what the message says, then "+reload
	}
	r.add(check)
}

func commit(info facade.Info) string {
	if info.Commit == "" {
		return ""
	}
	return " (commit " + info.Commit + ")"
}
