// Command secretscli lets operators set, describe, list and delete the secrets
// that connectors refer to, and find out why a store does not work.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/identitymesh/identitymesh/sdk/buildinfo"
	"github.com/identitymesh/identitymesh/tools/secretscli/command"
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
