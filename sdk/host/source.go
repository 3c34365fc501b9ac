package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
	"github.com/identitymesh/identitymesh/sdk/pluginmain"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// source starts the plugin of one choice.
type source struct {
	config Config
	folder *launch.Folder
	meter  *telemetry.PluginMeter
	logger *slog.Logger
}

func (p *Provider) source(choice catalog.Choice) *source {
	c := p.config
	c.Choice = choice
	return &source{config: c, folder: p.folder, meter: p.meter, logger: c.Logger.With(telemetry.KeyPlugin, choice.Provider)}
}

func (s *source) Name() string { return s.config.Choice.Provider }

// Start makes one instance: verify, run, ask who it is, configure.
func (s *source) Start(ctx context.Context, verified func()) (supervise.Instance, error) {
	c, plugin := s.config, s.config.Choice.Plugin
	if c.Choice.Problem != nil {
		return nil, &supervise.Permanent{Err: c.Choice.Problem}
	}
	process, err := launch.Start(ctx, launch.Config{
		Name: c.Choice.Provider, Path: plugin.Path, SHA256: plugin.SHA256, Pin: plugin.Pin,
		Environment: slices.Concat(plugin.Environment, []string{pluginmain.EnvLogLevel + "=" + c.LogLevel.String()}),
		Folder:      s.folder, Logger: s.logger, Tracer: c.Tracer, Meter: s.meter, Now: time.Now, Majors: numbers(c.Majors), Verified: verified,
	})
	if err != nil {
		if lasting(err) {
			err = &supervise.Permanent{Err: err}
		}
		return nil, err
	}
	i := &instance{Process: process, configPath: plugin.ConfigPath}
	if err := i.configure(ctx, c.Majors, plugin, s.logger); err != nil {
		if connectionLost(ctx, err) && endsSoon(ctx, process) {
			err = fmt.Errorf("%w; its process died: %s", err, process.ExitText())
		}
		process.Stop()
		return nil, err
	}
	return i, nil
}

// endsSoon waits a moment for the end of a process whose connection broke.
func endsSoon(ctx context.Context, p *launch.Process) bool {
	ctx, cancel := context.WithTimeout(ctx, supervise.NoticeLimit)
	defer cancel()
	select {
	case <-p.Done():
		return true
	case <-ctx.Done():
		return false
	}
}

// lasting reports whether another try would fail in the same way.
func lasting(err error) bool {
	var wrong *launch.HashError
	var failed *launch.StartError
	return errors.As(err, &wrong) || errors.As(err, &failed) && failed.Permanent
}

func numbers(majors []facade.Major) []int {
	var out []int
	for _, m := range majors {
		out = append(out, m.Number)
	}
	return out
}

// instance is a process that was configured.
type instance struct {
	*launch.Process
	facade     facade.Plugin
	warnings   []string
	configPath string // where operators find the plugin's configuration
}

func (i *instance) Facade() facade.Plugin { return i.facade }
func (i *instance) Warnings() []string    { return i.warnings }

func (i *instance) configure(ctx context.Context, majors []facade.Major, plugin catalog.Plugin, logger *slog.Logger) error {
	n := slices.IndexFunc(majors, func(m facade.Major) bool { return m.Number == i.Major() })
	if n < 0 {
		return fmt.Errorf("the plugin at %s chose major %d of the contract, which was not offered", plugin.Path, i.Major())
	}
	if ends := majors[n].Ends; ends != "" {
		logger.Warn("plugin speaks an older major of the contract", "major", i.Major(), "served_until", ends)
	}
	f, err := majors[n].Open(ctx, i.Conn())
	if err != nil {
		return err
	}
	i.facade = f
	info := f.Info()
	if plugin.Name != "" && info.Name != plugin.Name {
		return &supervise.Permanent{Err: fmt.Errorf("the plugin at %s calls itself %q, %s says it is %q", plugin.Path, info.Name, plugin.Pin, plugin.Name)}
	}
	if plugin.Version != "" && info.Version != plugin.Version {
		return &supervise.Permanent{Err: fmt.Errorf("plugin %s at %s reports version %s, but %s asks for %s (contract %d.%d)",
			info.Name, plugin.Path, info.Version, plugin.Pin, plugin.Version, info.Major, info.Minor)}
	}
	problems, err := f.Configure(ctx, plugin.Config.Reveal())
	if err != nil {
		return fmt.Errorf("configure plugin %s: %w", info.Name, err)
	}
	for _, w := range problems.Warnings() {
		w.Path = diag.Join(plugin.ConfigPath, w.Path)
		i.warnings = append(i.warnings, w.String())
		logger.Warn("plugin warned about its configuration", telemetry.KeyPath, w.Path, "summary", w.Summary)
	}
	if problems.HasErrors() {
		located := problems.Errors()
		for n := range located {
			located[n].Path = diag.Join(plugin.ConfigPath, located[n].Path)
		}
		return &supervise.Permanent{Err: fault.Wrap(fault.ConfigInvalid, fault.SourceConfig, "", located.Err())}
	}
	return nil
}
