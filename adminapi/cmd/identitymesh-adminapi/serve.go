package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/identitymesh/identitymesh/adminapi/api"
	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authn/browser"
	"github.com/identitymesh/identitymesh/adminapi/front"
	"github.com/identitymesh/identitymesh/adminapi/metrics"
	"github.com/identitymesh/identitymesh/adminapi/presence"
	"github.com/identitymesh/identitymesh/adminapi/system"
	"github.com/identitymesh/identitymesh/adminapi/web"
	"github.com/identitymesh/identitymesh/engine/chronicle"
	"github.com/identitymesh/identitymesh/engine/connector/builtin"
	"github.com/identitymesh/identitymesh/engine/pluginstate"
	"github.com/identitymesh/identitymesh/engine/schedule"
	"github.com/identitymesh/identitymesh/engine/service"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/boot"
	"github.com/identitymesh/identitymesh/sdk/buildinfo"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

const (
	// stopLimit is how long requests under way may take when the program stops, and
	// leaves time for the rest of the end; see service.StopLimit.
	stopLimit = 6 * time.Second
	// testWait is how long a test of a connector waits for the engine; answers
	// must be allowed to take longer.
	testWait = 30 * time.Second
	testPoll = 200 * time.Millisecond

	// One look a second is what an operator sees as at once.
	streamPoll = time.Second
	// Who comes back within this time after all others left missed nothing.
	streamLinger = 15 * time.Second
	// Proxies give up connections that are silent for a minute or less.
	streamHeartbeat = 15 * time.Second
	// So long may a stream outlive the sign-in that it began with.
	streamRecheck = 30 * time.Second

	readHeaderLimit = 5 * time.Second
	readLimit       = 30 * time.Second
	writeLimit      = 90 * time.Second
	idleLimit       = 2 * time.Minute
	// maxHeaderBytes leaves room for a ref of 4 KiB in percent encoding.
	maxHeaderBytes = 32 << 10
)

func start(ctx context.Context, c boot.Config) (*boot.Program, *store.Store, error) {
	c.Service, c.Build, c.Environ, c.Logs = "identitymesh-adminapi", buildinfo.Read(version), os.Environ(), os.Stderr
	program, err := boot.Start(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	product := program.Settings.Product
	db, err := store.Open(ctx, store.Config{DB: productdb.Config{
		ConnectionString: product.SqlConnectionString, DataFolder: product.DataFolder,
	}})
	if err != nil {
		_ = program.Stop(context.WithoutCancel(ctx))
		return nil, nil, fmt.Errorf("open the product database: %w", err)
	}
	return program, db, nil
}

// serve wires the Admin API's parts and serves until ctx ends.
func serve(ctx context.Context, session service.Session) error {
	exposition, err := metrics.NewExposition()
	if err != nil {
		return fmt.Errorf("show metrics: %w", err)
	}
	program, db, err := start(ctx, boot.Config{Metrics: []sdkmetric.Reader{exposition.Reader}, ConfigFile: session.ConfigFile, Stays: true, Files: session.Files, Events: session.Events})
	if err != nil {
		return err
	}
	defer func() { _ = program.Stop(context.WithoutCancel(ctx)) }()
	defer db.Close()
	settings, logger := program.Settings, program.Logger

	log, err := openLog(ctx, db, settings, nil)
	if err != nil {
		return err
	}
	certificate, noCertificate := openCertificate(settings.AdminAPI.TLS, logger)
	vouchers, noVouchers := openVouchers(settings.Authentication, logger)
	if err := errors.Join(noCertificate, noVouchers); err != nil {
		return fmt.Errorf("files that the configuration names cannot be used:\n%w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", settings.AdminAPI.Listen)
	if err != nil {
		return fmt.Errorf("listen on AdminApi:Listen: %w", err)
	}
	defer listener.Close()

	machine, _ := os.Hostname()
	self := store.Instance{
		Role: store.RoleAdminAPI, Name: settings.Product.InstanceName, Machine: machine, Version: program.Build.Version,
		Commit: program.Build.Commit, CommitDate: program.Build.Date, Platform: program.Build.Platform,
		Incarnation: uuid.NewString(), Provider: program.Choice.Provider, Started: time.Now(),
	}
	told, err := chronicle.Open(ctx, chronicle.Config{Log: log, Self: self, DataFolder: settings.Product.DataFolder, Logger: logger, Now: time.Now})
	if err != nil {
		return err
	}
	defer told.Close()
	keeper, err := keepAudit(program, log, self)
	if err != nil {
		return err
	}
	// Only now, because each token that is made is told of.
	tokens := authn.NewTokens(authn.TokensConfig{Store: db, Folder: settings.Product.DataFolder, Logger: logger, Now: time.Now})
	defer tokens.Close()
	signIn, created, err := prepare(ctx, tokens, logger)
	if err != nil {
		return err
	}
	if created {
		told.Happened("tokens.create", "tokens/"+authn.Name, fault.OK, map[string]any{"file": tokens.File()})
	}

	plugin, changed := program.Host(), make(chan struct{}, 1)
	signal := pluginstate.Signal(changed)
	plugin.OnState = func(s supervise.Status) { signal(s); told.Plugin(s) }
	secrets, err := host.OpenAdministrator(plugin)
	if err != nil {
		return fmt.Errorf("start the secret provider: %w", err)
	}
	defer secrets.Close()

	reloader := program.Reloader(secrets)
	reloads := schedule.NewReloads(schedule.ReloadConfig{
		Store: db, Self: self, Reload: told.Reload(reloader.Reload), Logger: logger,
		Poll: settings.Engine.PollInterval,
	})

	mux := http.NewServeMux()
	if err := web.Register(mux, web.Built()); err != nil {
		return err
	}
	secure := certificate != nil || strings.HasPrefix(settings.AdminAPI.URL, "https:")
	sessions := authn.NewSessions(authn.SessionsConfig{
		Store: db, Secure: secure, Rules: vouchers.rules(), Idle: settings.Authentication.Sessions.IdleTimeout, Absolute: settings.Authentication.Sessions.AbsoluteTimeout,
		Logger: logger, Now: time.Now,
	})
	defer sessions.Close()
	guard := authn.NewGuard(authn.GuardConfig{Ways: append([]authn.Way{tokens}, vouchers.ways(sessions)...), Logger: logger, Now: time.Now})
	signIns := authn.NewLockout(time.Now)
	door := browser.Door{Sessions: browser.Recorded{Sessions: sessions, Log: log, Logger: logger}, Failures: signIns, Logger: logger}
	if err := vouchers.register(mux, door, settings.AdminAPI.URL, secure); err != nil {
		return err
	}
	operations, err := api.New(mux, api.Config{
		Tokens: tokens, Sessions: sessions, SignIns: signIns, SignInWays: vouchers.offers(), Problems: all(certificate.problems, vouchers.problems, told.Problems, keeper.Problems),
		Store: db, Audit: log, Heads: witness(settings).Heads, Kinds: builtin.Kinds(), Secrets: secrets, Provider: secrets, Reload: reloads.Now,
		Metrics: exposition,
		Streams: api.Streams{Poll: streamPoll, Linger: streamLinger, Heartbeat: streamHeartbeat, Recheck: streamRecheck, Still: guard.Still}, NewID: uuid.NewString,
		Plugins: shelf{reloader, plugin}, Settings: reloader.Settings, Self: self, Build: program.Build, System: system.Name(), UI: web.Built() != nil,
		Logger: logger, Now: time.Now, Version: program.Build.Version, TestWait: testWait, TestPoll: testPoll,
	})
	if err != nil {
		return err
	}
	defer operations.Close()
	requests, err := metrics.Measure(metrics.Config{Meter: program.Meter, Work: db, Streams: operations.Streaming, Now: time.Now,
		SignInFailures: func() int64 { return guard.Failures() + signIns.Total() }})
	if err != nil {
		return fmt.Errorf("measure requests: %w", err)
	}
	server := &http.Server{
		Handler: front.New(front.Config{
			Mux: mux, SignIn: guard.Require, Done: requests.Done, Public: operations.Public(),
			Listen: settings.AdminAPI.Listen, Hosts: hosts(settings.AdminAPI), Vouches: certificate.vouches,
			TrustedProxies: settings.AdminAPI.TrustedProxies,
			Logger:         logger, Tracer: program.Tracer, Now: time.Now, NewID: uuid.NewString,
		}),
		ReadHeaderTimeout: readHeaderLimit, ReadTimeout: readLimit, WriteTimeout: writeLimit, IdleTimeout: idleLimit,
		MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		TLSConfig: certificate.tls(),
	}
	server.RegisterOnShutdown(operations.Close)

	living, leave := context.WithCancel(ctx)
	defer leave()
	left, err := presence.Keep(living, presence.Config{
		Store: db, Self: self, Provider: secrets, Reloaded: reloads.Again(), Logger: logger, Heartbeat: settings.Engine.HeartbeatInterval,
	})
	if err != nil {
		return fmt.Errorf("register the instance: %w", err)
	}
	hungUp := boot.OnHangup(living, func(ctx context.Context) {
		certificate.reload()
		_ = reloads.Now(ctx, "SIGHUP") // it is logged
	})
	var obeying sync.WaitGroup
	obeying.Go(func() { reloads.Obey(living) })
	vouchers.run(living, &obeying)
	obeying.Go(func() { keeper.Run(living) })
	obeying.Go(func() { operations.CatchUp(living) })
	obeying.Go(func() {
		pluginstate.Keep(living, pluginstate.Config{
			Store: db, Self: self, Provider: secrets, Changed: changed, Heartbeat: settings.Engine.HeartbeatInterval, Logger: logger,
		})
	})
	defer left()
	defer obeying.Wait()
	defer hungUp()
	defer leave()

	fmt.Printf("identitymesh-adminapi listening on %s://%s\n%s\n", certificate.scheme(), listener.Addr(), signIn)
	session.Ready()
	return until(ctx, server, listener, logger)
}

// until serves until ctx ends, then lets requests under way finish.
func until(ctx context.Context, server *http.Server, listener net.Listener, logger *slog.Logger) error {
	failed := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			failed <- server.ServeTLS(listener, "", "") // the configuration has the certificate
			return
		}
		failed <- server.Serve(listener)
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	if err := server.Shutdown(stopping); err != nil {
		logger.Warn("requests did not end in time and were cut off", "limit", stopLimit)
		_ = server.Close() // nothing is left to do about its error
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	logger.Info("stopped")
	return nil
}

// prepare makes the first token, if there is none, and returns what to tell the
// operator about it.
func prepare(ctx context.Context, tokens *authn.Tokens, logger *slog.Logger) (said string, created bool, err error) {
	state, err := tokens.Prepare(ctx)
	if err != nil {
		return "", false, fmt.Errorf("prepare the administrator's token: %w", err)
	}
	if state == authn.Lost {
		logger.Warn("the file does not hold the administrator's token; whoever kept the token signs in with it, and identitymesh-adminapi token reset makes a new one",
			"path", tokens.File())
		return "the administrator's token is not in " + tokens.File() + "; identitymesh-adminapi token reset makes a new one", false, nil
	}
	return "sign in with the token in " + tokens.File(), state == authn.Created, nil
}
