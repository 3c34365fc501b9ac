// Command run is what "go test -exec" calls to run a Windows program under Wine.
//
// Wine's daemons outlive the program and would keep the pipes of go test open, so
// the program writes to a file, which is shown once it has ended. Variables that
// package wine sets say where Wine is. Start reading at run.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/identitymesh/identitymesh/build/suite/wine/bridge"
)

func main() {
	// go test asks with SIGQUIT when a test is too late.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	defer stop()
	code, err := run(ctx, os.Getenv("WINELOADER"), os.Getenv("WINEPREFIX"), os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "run under Wine:", err)
		code = 1
	}
	os.Exit(code)
}

// run runs the program with its arguments, writes to out what it said, and
// returns its exit code.
func run(ctx context.Context, loader, prefix string, args []string, out io.Writer) (int, error) {
	if loader == "" || prefix == "" || len(args) == 0 {
		return 0, errors.New("it takes a program, and the variables WINELOADER and WINEPREFIX")
	}
	value, err := bridge.Serve(ctx, prefix)
	if err != nil {
		return 0, err
	}
	said, err := unnamed()
	if err != nil {
		return 0, err
	}
	defer said.Close()
	cmd := exec.CommandContext(ctx, loader, args...)
	cmd.Env = append(os.Environ(), bridge.Env+"="+value)
	cmd.Stdout, cmd.Stderr = said, said
	cmd.WaitDelay = time.Second
	failed := cmd.Run()
	if _, err := said.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	if _, err := io.Copy(out, said); err != nil {
		return 0, err
	}
	if cmd.ProcessState == nil || !cmd.ProcessState.Exited() {
		return 0, failed // it did not start, or was killed
	}
	return cmd.ProcessState.ExitCode(), nil
}

// unnamed returns a temporary file without a name. All writing appends, because
// programs under Wine that share a file do not share their place in it.
func unnamed() (*os.File, error) {
	made, err := os.CreateTemp("", "identitymesh-wine-")
	if err != nil {
		return nil, err
	}
	defer made.Close()
	f, err := os.OpenFile(made.Name(), os.O_RDWR|os.O_APPEND, 0)
	return f, errors.Join(err, os.Remove(made.Name()))
}
