package pluginmain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/internal/keycommand"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// EnvLogLevel is the variable by which a host sets the plugin's log level:
// debug, info, warn or error.
const EnvLogLevel = "IDENTITYMESH_PLUGIN_LOG_LEVEL"

// FinishGrace is how long calls under way may go on once stdin ended; the rest of
// [contract.LeaveGrace] is for the provider to close.
const FinishGrace = contract.LeaveGrace / 2

// gcPercent lets the heap grow to about 16 MiB before it is collected. What is
// alive is a few MiB, so collecting at 4 MiB, as Go would, is a tenth of the cost
// of every call and saves next to nothing.
const gcPercent = 400

// commandGCPercent: a command goes over many secrets beside the processes that
// serve, and memory is worth more than its time.
const commandGCPercent = 25

// processors that run Go code at once. A call hops between four goroutines, each
// of which would be woken on another processor: with one it is answered in three
// quarters of the time, at the same rate with many callers. What waits for the
// network, a file or the system holds none.
const processors = 1

// Main runs the plugin and exits the process; it never returns. Started by hand
// it says what the binary is; with --version it prints its name and what package
// buildinfo knows of it. With the command key it works on the keys of a
// [provider.KeyKeeper] and ends; secretscli runs it so.
//
// The process runs Go code on one processor at a time unless the variable
// GOMAXPROCS is set. A provider that computes for long can ask for more with
// [runtime.GOMAXPROCS] when it is opened.
func Main[P provider.Provider](def provider.Definition[P]) {
	os.Exit(run(def, os.Args[1:]))
}

func run[P provider.Provider](def provider.Definition[P], args []string) int {
	service, build := "identitymesh-plugin-"+def.Name, built(def)
	if len(args) > 0 && (args[0] == "--version" || args[0] == "-v") {
		fmt.Printf("%s version %s\n", service, build)
		return 0
	}
	asCommand := len(args) > 0 && args[0] == keycommand.Name
	if !asCommand && os.Getenv(contract.CookieKey) != contract.CookieValue {
		fmt.Fprintf(os.Stderr, "%s %s is an IdentityMesh secret provider plugin.\n"+
			"IdentityMesh starts it by itself; to look at it, run: secretscli doctor\n", def.Name, build.Version)
		return 2
	}
	// go-plugin puts pipes of its own in the place of os.Stderr; the log goes to
	// the real one.
	stderr := os.Stderr
	if os.Getenv("GOGC") == "" {
		percent := gcPercent
		if asCommand {
			percent = commandGCPercent
		}
		debug.SetGCPercent(percent)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(processors)
	}
	tel, err := telemetry.Start(context.Background(), telemetry.Config{
		Service: service, Version: build.Version,
		Logs: stderr, Level: logLevel(), Environ: os.Environ(),
	})
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	tel.Logger.Info("starting", telemetry.KeyVersion, build.Version, "commit", build.Commit, "commit_date", build.Date, "go", build.Go)
	server := newServer(def, tel)
	if asCommand {
		defer func() { _ = tel.Stop(context.Background()) }()
		return server.runKey(context.Background(), args[1:], os.Stdin, os.Stdout)
	}
	secure, err := provideTLS()
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	go watchLifeline(os.Stdin, server)
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  plugin.HandshakeConfig{MagicCookieKey: contract.CookieKey, MagicCookieValue: contract.CookieValue},
		VersionedPlugins: map[int]plugin.PluginSet{contract.Major: {contract.ServiceSet: &services{register: server.register}}},
		GRPCServer:       server.newGRPC,
		TLSProvider:      secure,
		Logger:           hclog.NewNullLogger(),
	})
	server.close()
	_ = tel.Stop(context.Background())
	return 0
}

// watchLifeline waits for the end of stdin, which the host holds open for as long
// as it lives, then makes the process leave: calls under way and the closing of
// the provider get a moment, no more.
func watchLifeline(stdin io.Reader, s *server) {
	_, _ = io.Copy(io.Discard, stdin)
	time.AfterFunc(contract.LeaveGrace, func() { os.Exit(0) })
	s.stop(FinishGrace)
}

// services lets go-plugin register our services on its server.
type services struct {
	plugin.NetRPCUnsupportedPlugin
	register func(grpc.ServiceRegistrar)
}

func (p *services) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	p.register(s)
	return nil
}

func (p *services) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("a plugin is not its own client")
}

func logLevel() slog.Level {
	var level slog.Level
	if level.UnmarshalText([]byte(os.Getenv(EnvLogLevel))) != nil {
		return slog.LevelInfo
	}
	return level
}
