// Package host is what the engine, the Admin API and the tools call to use the
// secret provider in force. It joins the catalog (which plugin), launch and
// supervise (its process) and the facade (what it says) behind two doors:
// [OpenResolver] for those who need values, [OpenAdministrator] for those who
// change secrets and must never be able to read one.
package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
	"github.com/identitymesh/identitymesh/sdk/pluginmain"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// CallLimit is the deadline of a call whose context has none.
const CallLimit = 30 * time.Second

// Config of a host.
type Config struct {
	// Choice of the plugin, from [catalog.Choose].
	Choice catalog.Choice
	// DataFolder has the folder of sockets below it, unless the service manager
	// gives one in RUNTIME_DIRECTORY or its path is too long.
	DataFolder string
	// Environ is os.Environ().
	Environ []string
	// LogLevel of the plugin.
	LogLevel slog.Level
	Logger   *slog.Logger
	Tracer   trace.TracerProvider
	// Majors of the contract to speak; nil means [facade.Served].
	Majors []facade.Major
}

// Provider is the provider in force with its plugin's process. Its methods may
// be called concurrently.
type Provider struct {
	choice     catalog.Choice
	folder     *launch.Folder
	supervisor *supervise.Supervisor
}

// Status is what operators see of the provider in force.
type Status struct {
	Provider string
	Why      string
	Fallback bool
	// Path, SHA256 and Pin of the plugin's file.
	Path, SHA256, Pin string
	Plugin            supervise.Status
}

// open starts the plugin and returns at once. It fails only when there is no
// place for sockets; everything else is a state of the plugin.
func open(c Config) (*Provider, error) {
	folder, err := launch.OpenFolder(runBases(c)...)
	if err != nil {
		return nil, err
	}
	if c.Majors == nil {
		c.Majors = facade.Served()
	}
	p := &Provider{choice: c.Choice, folder: folder}
	name := c.Choice.Provider
	logger := c.Logger.With(telemetry.KeyPlugin, name)
	p.supervisor = supervise.New(supervise.Config{
		Name:   name,
		Logger: c.Logger,
		Start: func(ctx context.Context) (supervise.Instance, error) {
			if c.Choice.Problem != nil {
				return nil, &supervise.Permanent{Err: c.Choice.Problem}
			}
			return start(ctx, c, folder, logger)
		},
	})
	return p, nil
}

// runBases are the places for sockets, best first. The path of a socket is short
// by nature, so a data folder that lies deep needs another place: one that only
// this user can enter and nobody tidies, which the system's temporary folder is
// not.
func runBases(c Config) []string {
	service, session := "", ""
	for _, kv := range c.Environ {
		switch key, value, _ := strings.Cut(kv, "="); key {
		case "RUNTIME_DIRECTORY": // several are separated by colons, see systemd.exec(5)
			service, _, _ = strings.Cut(value, ":")
		case "XDG_RUNTIME_DIR":
			session = value
		}
	}
	var bases []string
	if service != "" {
		bases = append(bases, filepath.Join(service, "plugins"))
	}
	bases = append(bases, filepath.Join(c.DataFolder, "run"))
	if session != "" {
		bases = append(bases, filepath.Join(session, "identitymesh"))
	}
	if os.Geteuid() == 0 {
		bases = append(bases, "/run/identitymesh")
	}
	return bases
}

// Status returns what operators see.
func (p *Provider) Status() Status {
	plugin := p.choice.Plugin
	return Status{
		Provider: p.choice.Provider, Why: p.choice.Why, Fallback: p.choice.Fallback,
		Path: plugin.Path, SHA256: plugin.SHA256, Pin: plugin.Pin,
		Plugin: p.supervisor.Status(),
	}
}

// Info returns what the plugin says of itself, waiting for it to be ready.
func (p *Provider) Info(ctx context.Context) (facade.Info, error) {
	client, err := p.supervisor.Client(ctx)
	if err != nil {
		return facade.Info{}, err
	}
	return client.Info(), nil
}

// Check asks the plugin what works right now.
func (p *Provider) Check(ctx context.Context) (provider.CheckReport, error) {
	return read(ctx, p, func(ctx context.Context, f facade.Plugin) (provider.CheckReport, error) { return f.Check(ctx) })
}

// Close drains and stops the plugin, in bounded time.
func (p *Provider) Close() error {
	p.supervisor.Stop()
	return p.folder.Close()
}

// start makes one instance: verify, run, ask who it is, configure.
func start(ctx context.Context, c Config, folder *launch.Folder, logger *slog.Logger) (supervise.Instance, error) {
	plugin := c.Choice.Plugin
	process, err := launch.Start(ctx, launch.Config{
		Name: c.Choice.Provider, Path: plugin.Path, SHA256: plugin.SHA256, Pin: plugin.Pin,
		Environment: slices.Concat(plugin.Environment, []string{pluginmain.EnvLogLevel + "=" + c.LogLevel.String()}),
		Folder:      folder, Logger: logger, Tracer: c.Tracer, Now: time.Now, Majors: numbers(c.Majors),
	})
	if err != nil {
		var wrong *launch.HashError
		if errors.As(err, &wrong) || errors.Is(err, os.ErrPermission) {
			err = &supervise.Permanent{Err: err}
		}
		return nil, err
	}
	i := &instance{Process: process}
	if err := i.configure(ctx, c.Majors, plugin, logger); err != nil {
		process.Stop()
		return nil, err
	}
	return i, nil
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
	facade   facade.Plugin
	warnings []string
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
