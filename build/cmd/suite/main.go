// Command suite is what the Makefile calls: it builds, tests, generates and
// formats. It also sets the version for a release.
//
// Each subcommand is a few lines over a package of this module. Start reading at
// the list in main.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/build/command"
	"github.com/identitymesh/identitymesh/build/release"
	"github.com/identitymesh/identitymesh/build/suite"
	"github.com/identitymesh/identitymesh/build/suite/buf"
	"github.com/identitymesh/identitymesh/build/suite/debian"
	"github.com/identitymesh/identitymesh/build/suite/wine"
	"github.com/identitymesh/identitymesh/build/webui"
	"github.com/identitymesh/identitymesh/build/workspace"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	app := &cli.App{
		Name:  "suite",
		Usage: "build, test, generate and format IdentityMesh",
		Commands: []*cli.Command{
			{Name: "build", Usage: "build every program and the lock file of the plugins", Action: build, Flags: []cli.Flag{
				&cli.StringFlag{Name: "os", Value: runtime.GOOS, Usage: "operating system to build for"},
				&cli.StringFlag{Name: "arch", Value: runtime.GOARCH, Usage: "architecture to build for"},
				&cli.StringFlag{Name: "out", Usage: "folder to write to (default: bin in the repository)"},
			}},
			{Name: "test", Usage: "run every check and every test", Action: test, Flags: []cli.Flag{
				&cli.BoolFlag{Name: "only-tests", Usage: "leave the checks beside the tests out"},
				&cli.DurationFlag{Name: "limit", Value: 75 * time.Minute, Usage: "end the whole run after this time"},
				&cli.DurationFlag{Name: "package-limit", Value: 25 * time.Minute, Usage: "end a package's tests after this time"},
			}},
			{Name: "wine", Usage: "run tests of the Windows build under Wine", ArgsUsage: "-- [flags of go test] [packages of the module]", Action: windows, Flags: []cli.Flag{
				&cli.StringFlag{Name: "module", Value: "sdk", Usage: "folder of the module whose packages are named"},
				&cli.StringFlag{Name: "prefix", Usage: "folder of a Wine prefix to make or use, and keep"},
			}},
			{Name: "generate", Usage: "make the Go code of the proto files and the types of the Admin UI's client", Action: generate},
			{Name: "fmt", Usage: "format all Go files", Action: format},
			{Name: "version", Usage: "set the version of the source", ArgsUsage: "<version>", Action: setVersion},
		},
	}
	if err := app.RunContext(ctx, os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "suite:", err)
		os.Exit(1)
	}
}

func build(c *cli.Context) error {
	w, err := workspace.Find("")
	if err != nil {
		return err
	}
	out := c.String("out")
	if out == "" {
		out = filepath.Join(w.Root, "bin")
	}
	if err := webui.Ensure(c.Context, webui.Config{Root: w.Root, Out: os.Stderr}); err != nil {
		return err
	}
	return release.Build(c.Context, release.Config{Workspace: w, Version: release.Version, Out: out, Binaries: release.Binaries(),
		Target: release.Target{OS: c.String("os"), Arch: c.String("arch")}})
}

func test(c *cli.Context) error {
	w, err := workspace.Find("")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("limit"))
	defer cancel()
	out := os.Stdout
	for _, n := range debian.Ensure(ctx, debian.Needs(), out) {
		fmt.Fprintf(out, "WARNING: Debian package %s is missing; it is for %s\n", n.Package, n.For)
	}
	raceErr := suite.CanRace(ctx)
	if raceErr != nil {
		fmt.Fprintf(out, "WARNING: the race detector is off, it needs a C compiler: %v\n", raceErr)
	}
	checks := suite.Checks(w)
	if c.Bool("only-tests") {
		checks = nil
	}
	limit := c.Duration("package-limit").String()
	verdict := suite.Run(ctx, out, checks, suite.OneAfterTheOther(suite.GoTests(w, raceErr == nil, limit), suite.WindowsTests(w, limit)))
	if !verdict.OK() {
		// The verdict is the last line; an error would print another.
		os.Exit(1)
	}
	return nil
}

func windows(c *cli.Context) error {
	w, err := workspace.Find("")
	if err != nil {
		return err
	}
	runs := suite.UnderWine(w)
	if c.Args().Present() {
		runs = []wine.Run{{Dir: filepath.Join(w.Root, filepath.FromSlash(c.String("module"))), Args: c.Args().Slice()}}
	}
	return wine.Test(c.Context, wine.Config{Workspace: w, Runs: runs, Prefix: c.String("prefix"), Stdout: os.Stdout, Stderr: os.Stderr})
}

func setVersion(c *cli.Context) error {
	w, err := workspace.Find("")
	if err != nil {
		return err
	}
	return release.SetVersion(w, c.Args().First())
}

func generate(c *cli.Context) error {
	w, err := workspace.Find("")
	if err != nil {
		return err
	}
	for _, folder := range buf.Folders(filepath.Join(w.Root, "sdk")) {
		if err := buf.Generate(c.Context, folder, folder); err != nil {
			return err
		}
	}
	return webui.Generate(c.Context, webui.Config{Root: w.Root, Out: os.Stderr})
}

func format(c *cli.Context) error {
	w, err := workspace.Find("")
	if err != nil {
		return err
	}
	gofmt, err := suite.Gofmt(c.Context)
	if err != nil {
		return err
	}
	args := []string{gofmt, "-l", "-w"}
	for _, m := range w.Modules {
		args = append(args, m.Dir)
	}
	out, err := command.Run(c.Context, command.Spec{Args: args})
	fmt.Print(out)
	return err
}
