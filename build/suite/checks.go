package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/identitymesh/identitymesh/build/command"
	"github.com/identitymesh/identitymesh/build/release"
	"github.com/identitymesh/identitymesh/build/suite/codegen"
	"github.com/identitymesh/identitymesh/build/suite/gotest"
	"github.com/identitymesh/identitymesh/build/suite/stranger"
	"github.com/identitymesh/identitymesh/build/workspace"
)

// Checks returns what is looked at beside the tests, the quick ones first. The
// build comes before all, because tests may run its binaries.
func Checks(w workspace.Workspace) []Check {
	return []Check{
		{"build", func(ctx context.Context) error {
			return release.Build(ctx, release.Config{Workspace: w, Out: filepath.Join(w.Root, "bin"),
				Target: release.Host(), Binaries: release.Binaries()})
		}},
		{"gofmt", func(ctx context.Context) error { return formatted(ctx, w) }},
		{"go vet", func(ctx context.Context) error { return vet(ctx, w, nil) }},
		{"generated code is fresh", func(ctx context.Context) error {
			return codegen.CheckFresh(ctx, filepath.Join(w.Root, "sdk"))
		}},
		{"each module builds alone", func(ctx context.Context) error { return stranger.Alone(ctx, w) }},
		{"a stranger can build it", func(ctx context.Context) error {
			return stranger.Build(ctx, stranger.Config{Workspace: w, Version: "v" + release.Version, Binaries: release.Binaries()})
		}},
		{"windows/amd64 builds", func(ctx context.Context) error {
			dir, err := os.MkdirTemp("", "identitymesh-windows-")
			if err != nil {
				return err
			}
			defer func() { _ = os.RemoveAll(dir) }()
			return release.Build(ctx, release.Config{Workspace: w, Out: dir,
				Target: release.Target{OS: "windows", Arch: "amd64"}, Binaries: release.Binaries()})
		}},
		{"windows/amd64 go vet", func(ctx context.Context) error {
			return vet(ctx, w, []string{"GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0"})
		}},
	}
}

func formatted(ctx context.Context, w workspace.Workspace) error {
	gofmt, err := Gofmt(ctx)
	if err != nil {
		return err
	}
	args := []string{gofmt, "-l"}
	for _, m := range w.Modules {
		args = append(args, m.Dir)
	}
	out, err := command.Run(ctx, command.Spec{Dir: w.Root, Args: args})
	if err != nil {
		return err
	}
	if out != "" {
		return fmt.Errorf("not formatted, run \"make fmt\":\n%s", out)
	}
	return nil
}

// Gofmt returns the gofmt that belongs to the go command.
func Gofmt(ctx context.Context) (string, error) {
	out, err := command.Run(ctx, command.Spec{Args: []string{"go", "env", "GOROOT"}})
	if err != nil {
		return "", err
	}
	return filepath.Join(strings.TrimSpace(out), "bin", "gofmt"), nil
}

// vet type-checks everything, tests included, and so also proves that it builds.
func vet(ctx context.Context, w workspace.Workspace, env []string) error {
	_, err := command.Run(ctx, command.Spec{Dir: w.Root, Env: env, Args: append([]string{"go", "vet"}, w.Patterns()...)})
	return err
}

// GoTests returns a run of every test of the workspace.
func GoTests(w workspace.Workspace, race bool, timeout string) Tests {
	return func(ctx context.Context, out io.Writer) (gotest.Report, error) {
		// Packages side by side are few, because many start servers of their own.
		args := []string{"go", "test", "-json", "-count=1", "-p=2", "-timeout=" + timeout}
		var env []string
		if race {
			args, env = append(args, "-race"), []string{"CGO_ENABLED=1"}
		}
		read, write := io.Pipe()
		ended := make(chan error, 1)
		go func() {
			_, err := command.Run(ctx, command.Spec{Dir: w.Root, Env: env, Stdout: write, Stderr: out,
				Args: append(args, w.Patterns()...)})
			_ = write.Close()
			ended <- err
		}()
		report, err := gotest.Read(read, out, "github.com/identitymesh/identitymesh")
		_ = read.Close()
		return report, errors.Join(err, <-ended)
	}
}

// CanRace reports whether the race detector can be built, and if not why: it
// takes a C compiler with the headers of its library.
func CanRace(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "identitymesh-cc-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	source := filepath.Join(dir, "main.c")
	if err := os.WriteFile(source, []byte("#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n"), 0o644); err != nil {
		return err
	}
	out, err := command.Run(ctx, command.Spec{Args: []string{"go", "env", "CC"}})
	if err != nil {
		return err
	}
	compiler := strings.Fields(out)
	if len(compiler) == 0 {
		return errors.New("go env CC names no compiler")
	}
	_, err = command.Run(ctx, command.Spec{Args: append(compiler, "-o", filepath.Join(dir, "main"), source)})
	return err
}
