// Package wine runs the tests of the Windows build on Linux, under Wine.
//
// It makes a Wine prefix in which programs of today's Go run, runs go test for
// Windows with it, and ends Wine. Two programs help: command run stands between go
// test and Wine, command go lets tests within Wine build programs. What Wine
// cannot show of Windows is listed in docs/contributing.md. [Batch] runs anything
// else in a Wine of its own. Start reading at [Test].
package wine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/build/command"
	"github.com/identitymesh/identitymesh/build/workspace"
)

// Config says which tests to run.
type Config struct {
	Workspace workspace.Workspace
	// Runs are done one after the other, all of them whatever fails.
	Runs []Run
	// Prefix is the folder of a Wine prefix that is made when it is not there and
	// stays. When empty, one is made in a temporary folder, and removed in the end.
	Prefix string
	// Stdout and Stderr receive what go test writes.
	Stdout, Stderr io.Writer
}

// Run is one call of go test.
type Run struct {
	// Dir is the folder of the module that is tested.
	Dir string
	// Args follow "go test": flags and packages.
	Args []string
}

// MissingError is a machine that cannot run Wine, or has none.
type MissingError struct{ What string }

func (e *MissingError) Error() string {
	return "the tests of the Windows build need Wine: " + e.What
}

// endTime bounds the end of Wine.
const endTime = 30 * time.Second

// Test runs go test for windows/amd64. It fails with a [*MissingError] where there
// is no Wine, and with what go test says when a test fails.
func Test(ctx context.Context, c Config) (err error) {
	t, err := find()
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "identitymesh-wine-")
	if err != nil {
		return fmt.Errorf("prepare Wine: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if c.Prefix == "" {
		c.Prefix = filepath.Join(work, "prefix")
	}
	if c.Prefix, err = filepath.Abs(c.Prefix); err != nil {
		return fmt.Errorf("prepare Wine: %w", err)
	}
	env := t.environment(c.Prefix)
	defer t.end(ctx, env)
	if err := t.makePrefix(ctx, c.Prefix, env); err != nil {
		return fmt.Errorf("make a Wine prefix: %w", err)
	}
	overlay, err := writeOverlay(ctx, work)
	if err != nil {
		return err
	}
	if err := buildTools(ctx, c.Workspace, work); err != nil {
		return err
	}
	env = append(env,
		"WINEPATH="+Path(filepath.Join(work, "path")),
		"GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0", "GOWORK=off",
		// Programs that tests build need it too.
		"GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+overlay),
	)
	var problems []error
	for _, r := range c.Runs {
		args := append([]string{"go", "test", "-exec=" + filepath.Join(work, "run")}, r.Args...)
		_, err := command.Run(ctx, command.Spec{Dir: r.Dir, Env: env, Stdout: c.Stdout, Stderr: c.Stderr, Args: args})
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// buildTools builds command run into the folder, and command go into one below it
// that will be in the PATH of Windows.
func buildTools(ctx context.Context, w workspace.Workspace, folder string) error {
	for _, b := range []struct{ pkg, out, system string }{
		{"./suite/wine/cmd/run", "run", "linux"},
		{"./suite/wine/cmd/go", filepath.Join("path", "go.exe"), "windows"},
	} {
		_, err := command.Run(ctx, command.Spec{
			Dir: filepath.Join(w.Root, "build"), Env: []string{"GOOS=" + b.system, "GOARCH=amd64", "CGO_ENABLED=0", "GOWORK=off"},
			Args: []string{"go", "build", "-o", filepath.Join(folder, b.out), b.pkg},
		})
		if err != nil {
			return fmt.Errorf("build what runs tests under Wine: %w", err)
		}
	}
	return nil
}
