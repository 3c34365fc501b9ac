// Command identitymesh-migrate moves secrets from one secret store to another while
// the engine keeps running, with proof at every step.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/identitymesh/identitymesh/sdk/buildinfo"
	"github.com/identitymesh/identitymesh/tools/migrate/command"
)

// version is set by the build of a release.
var version string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command.Run(ctx, os.Args, command.Config{
		Build: buildinfo.Read(version), Environ: os.Environ(), Now: time.Now,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	})
	stop()
	os.Exit(code)
}
