package commandline

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/identitymesh/identitymesh/sdk/buildinfo"
)

// Process is what a program takes from its process, so that tests can play it.
type Process struct {
	// Build says which build of the program this is.
	Build buildinfo.Info
	// Environ is os.Environ().
	Environ []string
	Stdin   *os.File
	// Stdout receives the result, whole and at the end; Stderr everything else.
	Stdout, Stderr io.Writer
	// Now is the clock.
	Now func() time.Time
}

// Main runs a program on its own process until it is done, or gives it the time to
// end in order when it is interrupted, and returns its exit code. version is what the
// build of a release set, or empty.
func Main(version string, run func(ctx context.Context, args []string, p Process) int) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, os.Args, Process{
		Build: buildinfo.Read(version), Environ: os.Environ(), Now: time.Now,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	})
}
