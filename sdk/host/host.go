// Package host is what the engine, the Admin API and the tools call to use the
// secret provider in force. It joins the catalog (which plugin), launch and
// supervise (its process) and the facade (what it says) behind three
// doors: [OpenResolver] for those who need values, [OpenAdministrator] for those who
// change secrets and must never be able to read one, and [OpenCarrier] for the one
// who takes secrets from store to store.
package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
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
	// Meter measures calls, restarts and states of the plugin; nil for nobody.
	Meter metric.MeterProvider
	// Majors of the contract to speak; nil means [facade.Served].
	Majors []facade.Major
	// OnState, when set, is told of every transition of the plugin's state, in
	// order. It must be quick and must not call the provider.
	OnState func(supervise.Status)
}

// Provider is the provider in force with its plugin's process. Its methods may
// be called concurrently.
type Provider struct {
	config     Config
	folder     *launch.Folder
	meter      *telemetry.PluginMeter
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
	p := &Provider{config: c, folder: folder}
	if c.Meter != nil {
		if p.meter, err = telemetry.NewPluginMeter(c.Meter); err != nil {
			return nil, errors.Join(fmt.Errorf("measure the plugin: %w", err), folder.Close())
		}
	}
	p.supervisor = supervise.New(supervise.Config{Source: p.source(c.Choice), Logger: c.Logger, OnState: p.observe})
	return p, nil
}

func (p *Provider) observe(s supervise.Status) {
	p.meter.State(s.Source.Name(), string(s.State), s.Restarts)
	if p.config.OnState != nil {
		p.config.OnState(s)
	}
}

// runBases are the places for sockets, best first. The path of a socket is short
// by nature, so a data folder that lies deep needs another place: one that only
// this user can enter and nobody tidies, which the system's temporary folder is
// not.
func runBases(c Config) []string {
	service, session := "", ""
	for _, kv := range c.Environ {
		if runtime.GOOS == "windows" {
			break // there these variables mean nothing, and sockets have no paths
		}
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
	plugin := p.supervisor.Status()
	c := plugin.Source.(*source).config.Choice
	return Status{
		Provider: c.Provider, Why: c.Why, Fallback: c.Fallback,
		Path: c.Plugin.Path, SHA256: c.Plugin.SHA256, Pin: c.Plugin.Pin,
		Plugin: plugin,
	}
}

// Reload starts the plugin of choice beside the running one and returns once new
// calls go to it; calls under way finish on the old one. When the new one does
// not become ready, the old one stays in service and the error says why. A plugin
// that is quarantined, or between two tries, is released by it and tried at once.
// See [supervise.Supervisor.Reload].
func (p *Provider) Reload(ctx context.Context, choice catalog.Choice) error {
	return p.supervisor.Reload(ctx, p.source(choice))
}

// Name of the provider in force, as operators call it.
func (p *Provider) Name() string { return p.supervisor.Status().Source.Name() }

// Info returns what the plugin says of itself, waiting for it to be ready.
func (p *Provider) Info(ctx context.Context) (facade.Info, error) {
	lease, err := p.supervisor.Acquire(ctx)
	if err != nil {
		return facade.Info{}, err
	}
	defer lease.Done(ctx, nil)
	return lease.Plugin().Info(), nil
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
