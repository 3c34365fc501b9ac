package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/uuid"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/chronicle"
	"github.com/identitymesh/identitymesh/engine/connector/builtin"
	"github.com/identitymesh/identitymesh/engine/pluginstate"
	"github.com/identitymesh/identitymesh/engine/retention"
	"github.com/identitymesh/identitymesh/engine/run"
	"github.com/identitymesh/identitymesh/engine/schedule"
	"github.com/identitymesh/identitymesh/engine/service"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/boot"
	"github.com/identitymesh/identitymesh/sdk/buildinfo"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

const (
	// leaseTTL is how long another instance waits before it takes over from one
	// that went silent in the middle of a run.
	leaseTTL = 60 * time.Second
	// Decoding makes garbage faster than anything else here, and what is alive is
	// a few pages: collecting half as often costs little memory.
	gcPercent = 200
	// leaveLimit bounds the one write at the end.
	leaveLimit = 2 * time.Second
)

// serve wires the engine's parts and runs them until ctx ends.
func serve(ctx context.Context, session service.Session) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	program, err := boot.Start(ctx, boot.Config{
		Service: "identitymesh-engine", Build: buildinfo.Read(version), ConfigFile: session.ConfigFile, Environ: os.Environ(), Logs: os.Stderr,
		Stays: true, Files: session.Files, Events: session.Events,
	})
	if err != nil {
		return err
	}
	defer func() { _ = program.Stop(context.WithoutCancel(ctx)) }()
	settings, logger := program.Settings, program.Logger

	db, err := store.Open(ctx, store.Config{DB: productdb.Config{
		ConnectionString: settings.Product.SqlConnectionString, DataFolder: settings.Product.DataFolder,
	}})
	if err != nil {
		return fmt.Errorf("open the product database: %w", err)
	}
	defer db.Close()

	unlock, err := alone(settings.Product.DataFolder, settings.Product.InstanceName)
	if err != nil {
		return err
	}
	defer unlock()

	machine, _ := os.Hostname()
	self := store.Instance{
		Role: store.RoleEngine, Name: settings.Product.InstanceName, Machine: machine, Version: program.Build.Version,
		Commit: program.Build.Commit, CommitDate: program.Build.Date, Platform: program.Build.Platform,
		Incarnation: uuid.NewString(), Provider: program.Choice.Provider, Started: time.Now(),
	}
	told, err := chronicle.Open(ctx, chronicle.Config{
		Log: audit.On(db.DB(), nil), Self: self, DataFolder: settings.Product.DataFolder, Logger: logger, Now: time.Now,
	})
	if err != nil {
		return err
	}
	defer told.Close()

	plugin, changed := program.Host(), make(chan struct{}, 1)
	signal := pluginstate.Signal(changed)
	plugin.OnState = func(s supervise.Status) { signal(s); told.Plugin(s) }
	provider, err := host.OpenResolver(plugin)
	if err != nil {
		return fmt.Errorf("start the secret provider: %w", err)
	}
	defer provider.Close()

	runner := run.New(run.Config{
		Store: db, Kinds: builtin.Kinds(), Secrets: provider, Logger: logger, Tracer: program.Tracer, Now: time.Now,
		LeaseTTL: leaseTTL, Timeout: settings.Engine.RunTimeout, SecretTimeout: settings.Engine.SecretTimeout,
	})
	loop := schedule.New(schedule.Config{
		Store: db, Self: self, Run: runner.Run, Logger: logger, Now: time.Now,
		Poll: settings.Engine.PollInterval, Heartbeat: settings.Engine.HeartbeatInterval, LeaseTTL: leaseTTL,
		MaxRuns: settings.Engine.MaxConcurrentRuns, Stopping: run.ErrStopping,
	})
	defer leave(context.WithoutCancel(ctx), db, self, logger)
	if err := loop.Join(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // it was stopped before it began
		}
		return err
	}
	reloads := schedule.NewReloads(schedule.ReloadConfig{
		Store: db, Self: self, Reload: told.Reload(program.Reloader(provider).Reload), Logger: logger, Poll: settings.Engine.PollInterval,
	})
	beside, stopBeside := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		schedule.Identify(beside, schedule.IdentifyConfig{Store: db, Self: self, Provider: provider, Logger: logger, Again: reloads.Again()})
	})
	running.Go(func() {
		pluginstate.Keep(beside, pluginstate.Config{
			Store: db, Self: self, Provider: provider, Changed: changed, Heartbeat: settings.Engine.HeartbeatInterval, Logger: logger,
		})
	})
	running.Go(func() { reloads.Obey(beside) })
	running.Go(func() {
		retention.Keep(beside, retention.Config{
			Store: db, RunDays: settings.Product.Retention.RunHistoryDays, LogDays: settings.Product.Retention.ConnectorLogDays,
			Logger: logger, Now: time.Now,
		})
	})
	running.Go(boot.OnHangup(beside, func(ctx context.Context) { _ = reloads.Now(ctx, "SIGHUP") })) // it is logged
	defer func() {
		stopBeside()
		running.Wait() // identifying registers too
	}()

	fmt.Printf("identitymesh-engine is running: instance %s, database %s, secrets in %s\n", self.Name, db.Target(), program.Choice.Provider)
	session.Ready()
	err = loop.Work(ctx)
	logger.Info("stopped")
	return err
}

// leave takes the instance off the list at once, where silence would take
// minutes to be noticed: until then tests of connectors would wait for it, and
// no other host could take its name.
func leave(ctx context.Context, db *store.Store, self store.Instance, logger *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, leaveLimit)
	defer cancel()
	if err := db.Unregister(ctx, self.Role, self.Name, self.Incarnation); err != nil {
		logger.Warn("the instance could not be taken off the list; it counts as alive for some minutes", telemetry.KeyError, err)
	}
}

// alone makes sure that no other engine with this data folder has the instance's
// name, in which case makes no difference. The lock goes away with the process,
// however that ends.
func alone(dataFolder, instance string) (unlock func(), err error) {
	lock := flock.New(filepath.Join(dataFolder, "engine-"+strings.ToLower(instance)+".lock"))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the instance's name: %w", err)
	}
	if !ok {
		return nil, errors.New("an engine with the instance name " + instance + " runs on this host already; " +
			"stop it, or give this one another name in IdentityMesh:InstanceName")
	}
	return func() { _ = lock.Close() }, nil
}
