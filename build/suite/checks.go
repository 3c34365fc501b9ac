package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/identitymesh/identitymesh/build/command"
	"github.com/identitymesh/identitymesh/build/npm"
	"github.com/identitymesh/identitymesh/build/release"
	"github.com/identitymesh/identitymesh/build/release/history"
	"github.com/identitymesh/identitymesh/build/suite/buf"
	"github.com/identitymesh/identitymesh/build/suite/gotest"
	"github.com/identitymesh/identitymesh/build/suite/rebuild"
	"github.com/identitymesh/identitymesh/build/suite/stranger"
	"github.com/identitymesh/identitymesh/build/suite/tsql"
	"github.com/identitymesh/identitymesh/build/webui"
	"github.com/identitymesh/identitymesh/build/workspace"
)

// Checks returns what is looked at beside the tests, the quick ones first. The
// build comes before all, because tests may run its binaries.
func Checks(w workspace.Workspace) []Check {
	sdk := filepath.Join(w.Root, "sdk")
	ui := webui.Config{Root: w.Root, Out: os.Stderr}
	build := func(ctx context.Context, out string, target release.Target) error {
		return release.Build(ctx, release.Config{
			Workspace: w, Version: release.Version, Out: out, Target: target, Binaries: release.Binaries(),
		})
	}
	return []Check{
		{"the Admin UI builds", func(ctx context.Context) error { return ifNode(webui.Build(ctx, ui)) }},
		{"build", func(ctx context.Context) error { return build(ctx, filepath.Join(w.Root, "bin"), release.Host()) }},
		{"gofmt", func(ctx context.Context) error { return formatted(ctx, w) }},
		{"go vet of each module alone", func(ctx context.Context) error { return Vet(ctx, w, nil) }},
		{"generated code is fresh", func(ctx context.Context) error {
			for _, folder := range buf.Folders(sdk) {
				if err := buf.CheckFresh(ctx, folder); err != nil {
					return err
				}
			}
			return nil
		}},
		{"the Admin UI's types, its client and its components", func(ctx context.Context) error { return ifNode(webui.Check(ctx, ui)) }},
		{"the tags are the recorded releases", func(ctx context.Context) error {
			return ifThere(history.CheckTags(ctx, w.Root, release.Releases()))
		}},
		{"the contract keeps what the last release promised", func(ctx context.Context) error {
			return inTemp(func(dir string) error {
				if err := history.Source(ctx, w.Root, release.Last(), "sdk", dir); err != nil {
					return ifThere(err)
				}
				return buf.CheckBreaking(ctx, sdk, dir)
			})
		}},
		{"SQL Server's statements are T-SQL", func(ctx context.Context) error { return ifParser(tsql.Check(ctx, w.Root)) }},
		{"a build can be repeated", func(ctx context.Context) error {
			return ifThere(rebuild.Check(ctx, w.Root, smallest()))
		}},
		{"a stranger can use each module", func(ctx context.Context) error {
			return stranger.Check(ctx, stranger.Config{Workspace: w, Version: "v" + release.Version, Binaries: release.Binaries(), Tests: fetched()})
		}},
		{"windows/amd64 builds", func(ctx context.Context) error {
			return inTemp(func(dir string) error { return build(ctx, dir, release.Target{OS: "windows", Arch: "amd64"}) })
		}},
		{"windows/amd64 go vet", func(ctx context.Context) error {
			return Vet(ctx, w, []string{"GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0"})
		}},
	}
}

// fetched are the tests that run once more from fetched modules: those of the
// packages that the author of a plugin builds on.
func fetched() map[string][]string {
	return map[string][]string{"sdk": {
		"buildinfo", "contract", "diag", "fault/...", "naming", "pluginmain", "plugintest", "provider", "secret", "telemetry", "template/...",
	}}
}

// smallest is the binary that is built twice.
func smallest() release.Binary {
	all := release.Binaries()
	return all[slices.IndexFunc(all, func(b release.Binary) bool { return b.Plugin == "keyvault" })]
}

// ifThere makes a missing history a reason to skip, and no failure: a shallow
// clone and an unpacked archive pass, and say so.
func ifThere(err error) error {
	var missing *history.MissingError
	if errors.As(err, &missing) {
		return &SkipError{Reason: missing.Error()}
	}
	return err
}

// ifNode makes a Node.js that cannot be installed a reason to skip, but not where
// everything has to run.
func ifNode(err error) error {
	var missing *npm.MissingError
	if errors.As(err, &missing) && os.Getenv("CI") != "true" {
		return &SkipError{Reason: missing.Error()}
	}
	return err
}

// ifParser makes a parser that cannot be installed a reason to skip, but not where
// everything has to run.
func ifParser(err error) error {
	var missing *tsql.MissingError
	if errors.As(err, &missing) && os.Getenv("CI") != "true" {
		return &SkipError{Reason: missing.Error()}
	}
	return err
}

func inTemp(do func(dir string) error) error {
	dir, err := os.MkdirTemp("", "identitymesh-check-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	return do(dir)
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

// Vet type-checks everything, tests included, and so also proves that each module
// compiles with no more than its own go.mod and go.sum, as they stand. env is put
// over the environment. All modules are tried.
func Vet(ctx context.Context, w workspace.Workspace, env []string) error {
	var problems []error
	for _, m := range w.Modules {
		_, err := command.Run(ctx, command.Spec{Dir: m.Dir, Env: append(alone(), env...), Args: []string{"go", "vet", "./..."}})
		if err != nil {
			problems = append(problems, fmt.Errorf("in %s: %w", m.Rel, err))
		}
	}
	return errors.Join(problems...)
}

// alone switches the workspace off.
func alone() []string { return []string{"GOWORK=off"} }

// GoTests returns a run of every test of every module, each module alone.
func GoTests(w workspace.Workspace, race bool, timeout string) Tests {
	return func(ctx context.Context, out io.Writer) (gotest.Report, error) {
		// Packages side by side are few, because many start servers of their own.
		args := []string{"go", "test", "-json", "-count=1", "-p=2", "-timeout=" + timeout}
		env := alone()
		if race {
			args, env = append(args, "-race"), append(env, "CGO_ENABLED=1")
		}
		return counted(out, func(stdout io.Writer) error {
			var problems []error
			for _, m := range w.Modules {
				_, err := command.Run(ctx, command.Spec{Dir: m.Dir, Env: env, Stdout: stdout, Stderr: out, Args: append(args, "./...")})
				if err != nil {
					problems = append(problems, fmt.Errorf("in %s: %w", m.Rel, err))
				}
			}
			return errors.Join(problems...)
		})
	}
}

// counted runs what writes the output of go test -json, and counts the tests.
func counted(out io.Writer, run func(stdout io.Writer) error) (gotest.Report, error) {
	read, write := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(write)
		_ = write.Close()
		ended <- err
	}()
	report, err := gotest.Read(read, out, "github.com/identitymesh/identitymesh")
	_ = read.Close()
	return report, errors.Join(err, <-ended)
}

// OneAfterTheOther returns a run of all of them that counts them together.
func OneAfterTheOther(all ...Tests) Tests {
	return func(ctx context.Context, out io.Writer) (gotest.Report, error) {
		var total gotest.Report
		var problems []error
		for _, tests := range all {
			report, err := tests(ctx, out)
			total.Passed += report.Passed
			total.Failed += report.Failed
			total.Skips = append(total.Skips, report.Skips...)
			total.Failures = append(total.Failures, report.Failures...)
			problems = append(problems, err)
		}
		return total, errors.Join(problems...)
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
