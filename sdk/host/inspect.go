package host

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/pluginmain"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Inspect starts the plugin of the choice once, asks it who it is, and stops it
// again. It is not configured, so it touches no store.
func Inspect(ctx context.Context, c Config) (info facade.Info, err error) {
	err = beside(ctx, c, func(_ context.Context, f facade.Plugin) error {
		info = f.Info()
		return nil
	})
	return info, err
}

// Validate starts the plugin of the choice once, beside the one in force, and
// returns what it says about a configuration, a JSON object, with paths within that
// object. It becomes part of nothing.
func Validate(ctx context.Context, c Config, config secret.Value) (problems diag.List, err error) {
	err = beside(ctx, c, func(ctx context.Context, f facade.Plugin) (err error) {
		problems, err = f.Configure(ctx, config.Reveal())
		return err
	})
	return problems, err
}

// beside runs a process of the plugin for as long as do takes.
func beside(ctx context.Context, c Config, do func(context.Context, facade.Plugin) error) error {
	ctx, cancel := limit(ctx)
	defer cancel()
	if c.Choice.Problem != nil {
		return fault.Wrap(fault.Unavailable, fault.SourceHost, "", c.Choice.Problem)
	}
	folder, err := launch.OpenFolder(runBases(c)...)
	if err != nil {
		return err
	}
	defer folder.Close()
	if c.Majors == nil {
		c.Majors = facade.Served()
	}
	plugin := c.Choice.Plugin
	process, err := launch.Start(ctx, launch.Config{
		Name: c.Choice.Provider, Path: plugin.Path, SHA256: plugin.SHA256, Pin: plugin.Pin,
		Environment: slices.Concat(plugin.Environment, []string{pluginmain.EnvLogLevel + "=" + c.LogLevel.String()}),
		Folder:      folder, Logger: c.Logger.With(telemetry.KeyPlugin, c.Choice.Provider), Tracer: c.Tracer,
		Now: time.Now, Majors: numbers(c.Majors),
	})
	if err != nil {
		return err
	}
	defer process.Stop()
	n := slices.IndexFunc(c.Majors, func(m facade.Major) bool { return m.Number == process.Major() })
	if n < 0 {
		return fmt.Errorf("the plugin at %s chose major %d of the contract, which was not offered", plugin.Path, process.Major())
	}
	f, err := c.Majors[n].Open(ctx, process.Conn())
	if err != nil {
		return err
	}
	return do(ctx, f)
}
