package pluginmain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/internal/handshake"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// EnvLogLevel is the variable by which a host sets the plugin's log level:
// debug, info, warn or error.
const EnvLogLevel = "IDENTITYMESH_PLUGIN_LOG_LEVEL"

// FinishGrace is how long calls under way may go on once stdin ended; the rest of
// [contract.LeaveGrace] is for the provider to close.
const FinishGrace = contract.LeaveGrace / 2

// Main runs the plugin and exits the process; it never returns. Started by hand
// it says what the binary is; with --version it prints its name and what package
// buildinfo knows of it.
func Main[P provider.Provider](def provider.Definition[P]) {
	os.Exit(run(def, os.Args[1:]))
}

func run[P provider.Provider](def provider.Definition[P], args []string) int {
	service, build := "identitymesh-plugin-"+def.Name, built(def)
	if len(args) > 0 && (args[0] == "--version" || args[0] == "-v") {
		fmt.Printf("%s version %s\n", service, build)
		return 0
	}
	if os.Getenv(contract.CookieKey) != contract.CookieValue {
		fmt.Fprintf(os.Stderr, "%s %s is an IdentityMesh secret provider plugin.\n"+
			"IdentityMesh starts it by itself; to look at it, run: secretscli doctor\n", def.Name, build.Version)
		return 2
	}
	tel, err := telemetry.Start(context.Background(), telemetry.Config{
		Service: service, Version: build.Version,
		Logs: os.Stderr, Level: logLevel(), Environ: os.Environ(),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	tel.Logger.Info("starting", telemetry.KeyVersion, build.Version, "commit", build.Commit, "commit_date", build.Date, "go", build.Go)
	server := newServer(def, tel)
	go watchLifeline(os.Stdin, server)
	if err := serve(server); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	server.close()
	_ = tel.Stop(context.Background())
	return 0
}

// serve listens, tells the host where, and serves until the server is stopped.
func serve(s *server) error {
	listener, config, line, err := handshake.Listen(contract.Major, os.Getenv)
	if err != nil {
		return err
	}
	g := s.newGRPC([]grpc.ServerOption{grpc.Creds(credentials.NewTLS(config))})
	s.register(g)
	if _, err := fmt.Println(line); err != nil {
		return fmt.Errorf("write the handshake line: %w", err)
	}
	// Whatever a provider or its libraries print from now on is log.
	os.Stdout = os.Stderr
	// The host decides when a plugin ends, not the terminal that both share.
	signal.Ignore(os.Interrupt)
	if err := g.Serve(listener); !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil // the lifeline ended before it began
}

// watchLifeline waits for the end of stdin, which the host holds open for as long
// as it lives, then makes the process leave: calls under way and the closing of
// the provider get a moment, no more.
func watchLifeline(stdin io.Reader, s *server) {
	_, _ = io.Copy(io.Discard, stdin)
	time.AfterFunc(contract.LeaveGrace, func() { os.Exit(0) })
	s.stop(FinishGrace)
}

func logLevel() slog.Level {
	var level slog.Level
	if level.UnmarshalText([]byte(os.Getenv(EnvLogLevel))) != nil {
		return slog.LevelInfo
	}
	return level
}
