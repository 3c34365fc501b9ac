// Package demo is the running demo: the whole product with two sources, and the
// connectors, the password and the schedules that an operator would have set up
// through the Admin API.
//
// Below it are its parts, and the two ways to use it: up for people, smoke for
// tests. Start reading at [Start].
package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/identitymesh/identitymesh/build/demo/client"
	"github.com/identitymesh/identitymesh/build/demo/cloud"
	"github.com/identitymesh/identitymesh/build/demo/stack"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
)

// PasswordRef names the password of the directory's account in the secret store.
const PasswordRef = "secret://demo/directory/password"

const (
	// setupLimit is how long setting up may take, and importLimit all runs that
	// are asked for together.
	setupLimit  = time.Minute
	importLimit = 2 * time.Minute
	// pollInterval keeps people from waiting for an engine with nothing to do.
	pollInterval = 200 * time.Millisecond
)

// Config says where and how to run.
type Config struct {
	// Bin is the folder of the programs, Folder that of everything which is written.
	Bin, Folder string
	// Listen is where the Admin API listens, DirectoryListen the LDAP directory.
	Listen, DirectoryListen string
	// Password is set for the directory's account at both ends.
	Password string
	// Cloud has a vault; nil for none. The secrets are in it if Provider is
	// AzureKeyVault, otherwise in this host's own store.
	Cloud    *cloud.Cloud
	Provider string
	// Interval is the time between two runs of a new schedule.
	Interval time.Duration
	Now      func() time.Time
	Logger   *slog.Logger
	// Progress is told what was done.
	Progress func(format string, args ...any)
}

// Demo is the running demo. Its methods are for one goroutine.
type Demo struct {
	*stack.Stack
	API *client.Client
	// The connectors that read the sources.
	HRConnector, DirectoryConnector client.Connector
}

// Start starts everything, sets it up and returns when the engine works. What an
// earlier start left in the folder is continued.
func Start(ctx context.Context, c Config) (*Demo, error) {
	parts := stack.Config{
		Bin: c.Bin, Folder: c.Folder, Listen: c.Listen, DirectoryListen: c.DirectoryListen, DirectoryPassword: c.Password,
		PollInterval: pollInterval, Now: c.Now, Logger: c.Logger,
	}
	if c.Cloud != nil {
		parts.Secrets, parts.Environment = c.Cloud.Settings(c.Provider), c.Cloud.Environment()
	}
	s, err := stack.Start(ctx, parts)
	if err != nil {
		return nil, err
	}
	d := &Demo{Stack: s}
	if err := d.setUp(ctx, c); err != nil {
		return nil, errors.Join(err, d.Stop())
	}
	return d, nil
}

func (d *Demo) setUp(ctx context.Context, c Config) error {
	c.Progress("sources     HR database with %d people; LDAP directory at %s with %d people", stack.People, d.Directory.Addr(), stack.People)
	if c.Cloud != nil && c.Provider != catalog.AzureKeyVault {
		c.Progress("secrets     in this host's own store (%s); an empty Azure Key Vault at %s, played by a fake, waits for a migration", c.Provider, c.Cloud.URL())
	} else if c.Cloud != nil {
		c.Progress("secrets     Azure Key Vault at %s, played by a fake that only the demo's processes find there", c.Cloud.URL())
	}
	c.Progress("Admin API   %s", d.URL())
	if err := d.configure(ctx, c); err != nil {
		return err
	}
	if err := d.StartEngine(ctx); err != nil {
		return err
	}
	c.Progress("engine      running")
	return nil
}

// configure does what an operator would through the Admin API.
func (d *Demo) configure(ctx context.Context, c Config) (err error) {
	ctx, stop := d.Watched(ctx, setupLimit)
	defer stop()
	defer func() { err = because(ctx, err) }()
	if d.API, err = client.New(client.Config{URL: d.URL(), TokenFile: d.TokenFile()}); err != nil {
		return err
	}
	if err := d.StorePassword(ctx, c.Password); err != nil {
		return err
	}
	c.Progress("password    a new one for the directory's account, stored as %s", PasswordRef)
	for _, w := range []struct {
		wanted
		result *client.Connector
	}{{d.wantedHR(), &d.HRConnector}, {d.wantedDirectory(), &d.DirectoryConnector}} {
		var did string
		if *w.result, did, err = d.ensure(ctx, w.wanted, c.Interval); err != nil {
			return err
		}
		c.Progress("connector   %s: %s", w.Name, did)
	}
	return nil
}

// Stop stops everything.
func (d *Demo) Stop() error {
	if d.API != nil {
		d.API.Close()
	}
	return d.Stack.Stop()
}

// StorePassword stores the password of the directory's account in the product.
func (d *Demo) StorePassword(ctx context.Context, password string) error {
	if err := d.API.SetSecret(ctx, PasswordRef, password); err != nil {
		return fmt.Errorf("store the directory's password: %w", err)
	}
	return nil
}

// Import runs the connectors at the same time and returns how that went, in their
// order and whether they succeeded or not. An empty kind is a full import for a
// connector that has read nothing yet, else a delta.
func (d *Demo) Import(ctx context.Context, kind string, connectors ...client.Connector) (_ []client.Run, err error) {
	ctx, stop := d.Watched(ctx, importLimit)
	defer stop()
	defer func() { err = because(ctx, err) }()
	runs := make([]client.Run, len(connectors))
	for i, c := range connectors {
		chosen := kind
		if chosen == "" {
			if chosen, err = d.next(ctx, c); err != nil {
				return nil, err
			}
		}
		if runs[i], err = d.API.StartRun(ctx, c.ID, chosen); err != nil {
			return nil, fmt.Errorf("run %s: %w", c.Name, err)
		}
	}
	for i := range runs {
		if runs[i], err = d.API.WaitRun(ctx, runs[i].ID); err != nil {
			return nil, err
		}
	}
	return runs, nil
}

func (d *Demo) next(ctx context.Context, c client.Connector) (kind string, err error) {
	c, err = d.API.Connector(ctx, c.ID)
	if c.State.Watermark == "" {
		return client.Full, err
	}
	return client.Delta, err
}

// Rows returns the summary of runs.
func Rows(runs []client.Run) []stack.Row {
	rows := make([]stack.Row, 0, len(runs))
	for _, r := range runs {
		rows = append(rows, stack.Row{
			Connector: r.ConnectorName, Kind: r.Kind, Added: r.Counts.Added, Updated: r.Counts.Updated, Unchanged: r.Counts.Unchanged,
			Failed: r.Counts.Failed, Took: time.Duration(r.DurationSeconds * float64(time.Second)),
		})
	}
	return rows
}

// because returns what ended the context in place of the error that came of it.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}
