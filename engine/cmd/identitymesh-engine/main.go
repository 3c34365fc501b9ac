// Command identitymesh-engine is the sync engine: it runs connectors when they
// are due or asked for.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/engine/service"
	"github.com/identitymesh/identitymesh/sdk/boot"
	"github.com/identitymesh/identitymesh/sdk/buildinfo"
)

// version is set by the build of a release.
var version string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := app().RunContext(ctx, os.Args)
	stop()
	os.Exit(boot.Exit(os.Stderr, err))
}

func app() *cli.App {
	return &cli.App{
		Name:    "identitymesh-engine",
		Usage:   "import identities from connected systems, each from its watermark",
		Version: buildinfo.Read(version).String(),
		Description: "Runs until it is interrupted. Connectors, schedules and runs are managed through the Admin API;\n" +
			"both read the same appsettings.json and meet in the product database.",
		Flags:           []cli.Flag{service.ConfigFlag()},
		Commands:        []*cli.Command{service.Command(program())},
		HideHelpCommand: true,
		ArgsUsage:       " ",
		OnUsageError:    func(_ *cli.Context, err error, _ bool) error { return &boot.UsageError{Err: err} },
		ExitErrHandler:  func(*cli.Context, error) {}, // main decides
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return &boot.UsageError{Err: fmt.Errorf("unexpected argument %q", c.Args().First())}
			}
			return service.Foreground(c.Context, program(), service.ConfigFile(c))
		},
	}
}

// program is what becomes a service.
func program() service.Program {
	return service.Program{
		Name: "IdentityMeshEngine", DisplayName: "IdentityMesh Engine", Unit: "identitymesh-engine",
		Description: "Imports identities from connected systems, when they are due or asked for.",
		Page:        "https://github.com/identitymesh/identitymesh/blob/main/docs/engine.md",
		Serve:       serve,
	}
}
