// Package boot is what every program of the product does first: load the
// configuration, set up logs and traces, and find the secret provider in force.
// What the program then does with it is its own. Start reading at [Start].
package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/buildinfo"
	"github.com/identitymesh/identitymesh/sdk/datafolder"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/logfile"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Config says which program starts.
type Config struct {
	// Service names it in logs, traces and the instance list.
	Service string
	// Build says which build of it this is.
	Build buildinfo.Info
	// ConfigFile is the appsettings.json that the operator named; empty means the
	// one in [SettingsFolder], which may be absent.
	ConfigFile string
	// Environ is os.Environ().
	Environ []string
	// Logs receives the log; os.Stderr in a main.
	Logs io.Writer
	// Quiet logs problems only, for tools whose output is their answer.
	Quiet bool
	// Stays is a program that serves until it is stopped. It sees to it that others
	// cannot open the data folder, and logs to files too when Logging:File:Folder is
	// set; with Files, to the folder logs in the data folder when it is not.
	Stays, Files bool
	// Metrics receive every metric of the program beside those who are asked for by
	// the OTEL_ variables.
	Metrics []sdkmetric.Reader
	// Events, when set, receives the log beside Logs.
	Events slog.Handler

	// The program's own file, and the folder of its configuration unless
	// ConfigFile is set.
	executable, folder string
}

// Program is a started program's surroundings.
type Program struct {
	*telemetry.Telemetry
	Build    buildinfo.Info
	Settings *appsettings.Settings
	// Choice is the provider in force.
	Choice catalog.Choice
	// Warnings of the configuration; they are in the log as well.
	Warnings diag.List

	config Config
	level  slog.Level
	files  *logfile.Writer // nil without files
}

// Start loads everything. A configuration that cannot be used gives a
// [*diag.InvalidError] that holds all its problems at once; see [Explain]. Warnings
// are logged.
func Start(ctx context.Context, c Config) (*Program, error) {
	var err error
	if c.executable, err = os.Executable(); err != nil {
		return nil, fmt.Errorf("find the program's own file: %w", err)
	}
	if c.ConfigFile == "" {
		c.folder = SettingsFolder(c.executable, runtime.GOOS, c.Environ)
	}
	settings, choice, problems := load(c, nil)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	p := &Program{Build: c.Build, Settings: settings, Choice: choice, Warnings: problems.Warnings(), config: c, level: settings.Logging.Level}
	if c.Quiet {
		p.level = max(p.level, slog.LevelWarn)
	}
	var closed string
	logs := c.Logs
	if c.Stays {
		if closed, err = datafolder.Prepare(settings.Product.DataFolder); err != nil {
			return nil, err
		}
		if p.files, err = openFiles(c, settings); err != nil {
			return nil, err
		}
		if p.files != nil {
			logs = tee{c.Logs, p.files}
		}
	}
	t := telemetry.Config{
		Service: c.Service, Version: c.Build.Version, Logs: logs,
		Level: p.level, Text: settings.Logging.Format == "text", Environ: c.Environ, Metrics: c.Metrics,
	}
	if c.Events != nil {
		t.Also = []slog.Handler{c.Events}
	}
	if p.Telemetry, err = telemetry.Start(ctx, t); err != nil {
		return nil, errors.Join(err, p.closeFiles())
	}
	for _, w := range p.Warnings {
		p.Logger.Warn("configuration warning", telemetry.KeyPath, w.Path, "summary", w.Summary)
	}
	if closed != "" {
		p.Logger.Warn("the data folder could be opened by others, who may have read secrets and keys; it was closed",
			telemetry.KeyPath, settings.Product.DataFolder, "others", closed)
	}
	p.Logger.Info("starting", "service", c.Service, telemetry.KeyVersion, c.Build.Version, "commit", c.Build.Commit,
		"commit_date", c.Build.Date, "go", c.Build.Go, "settings", settings, "provider", choice.Provider, "why", choice.Why)
	return p, nil
}

// Stop sends what is still held back, for at most 5 s, and closes the log files.
func (p *Program) Stop(ctx context.Context) error {
	return errors.Join(p.Telemetry.Stop(ctx), p.closeFiles())
}

// Host is how to open the provider in force.
func (p *Program) Host() host.Config {
	return host.Config{
		Choice: p.Choice, DataFolder: p.Settings.Product.DataFolder, Environ: p.config.Environ,
		LogLevel: p.level, Logger: p.Logger, Tracer: p.Tracer, Meter: p.Meter,
	}
}

// Explain writes err for people, one problem a line.
func Explain(w io.Writer, err error) {
	var invalid *diag.InvalidError
	if !errors.As(err, &invalid) {
		fmt.Fprintf(w, "error: %v\n", err)
		return
	}
	fmt.Fprintln(w, "The configuration cannot be used:")
	for _, d := range invalid.Diagnostics {
		fmt.Fprintf(w, "  %s\n", d)
	}
}

// UsageError is a command line that cannot be understood.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the error that says what is wrong with it.
func (e *UsageError) Unwrap() error { return e.Err }

// Exit explains how a program ended, on w, and returns its exit code: 0 for nil,
// 2 for a [*UsageError], 1 for anything else.
func Exit(w io.Writer, err error) int {
	var usage *UsageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(w, "error: %v; see --help\n", err)
		return 2
	}
	Explain(w, err)
	return 1
}
