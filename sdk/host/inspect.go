package host

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/pluginmain"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Inspect starts the plugin of the choice once, asks it who it is, and stops it
// again. It is not configured, so it touches no store.
func Inspect(ctx context.Context, c Config) (facade.Info, error) {
	ctx, cancel := limit(ctx)
	defer cancel()
	folder, err := launch.OpenFolder(runBases(c)...)
	if err != nil {
		return facade.Info{}, err
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
		return facade.Info{}, err
	}
	defer process.Stop()
	n := slices.IndexFunc(c.Majors, func(m facade.Major) bool { return m.Number == process.Major() })
	if n < 0 {
		return facade.Info{}, fmt.Errorf("the plugin at %s chose major %d of the contract, which was not offered", plugin.Path, process.Major())
	}
	f, err := c.Majors[n].Open(ctx, process.Conn())
	if err != nil {
		return facade.Info{}, err
	}
	return f.Info(), nil
}
