// Command identitymesh-adminapi is the Admin API: where operators manage
// connectors, secrets, schedules and runs.
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
	config := service.ConfigFlag()
	onUsage := func(_ *cli.Context, err error, _ bool) error { return &boot.UsageError{Err: err} }
	noArguments := func(c *cli.Context) error {
		if c.Args().Present() {
			return &boot.UsageError{Err: fmt.Errorf("unexpected argument %q", c.Args().First())}
		}
		return nil
	}
	return &cli.App{
		Name:    "identitymesh-adminapi",
		Usage:   "manage connectors, secrets, schedules and runs over HTTP",
		Version: buildinfo.Read(version).String(),
		Description: "Serves the Admin API until it is interrupted. The address comes from AdminApi:Listen;\n" +
			"/docs there has every operation.",
		Flags:           []cli.Flag{config},
		HideHelpCommand: true,
		ArgsUsage:       " ",
		OnUsageError:    onUsage,
		ExitErrHandler:  func(*cli.Context, error) {}, // main decides
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return service.Foreground(c.Context, program(), service.ConfigFile(c))
		},
		Commands: []*cli.Command{service.Command(program()), auditCommand(config, onUsage, noArguments), tokenCommand(config, onUsage, noArguments)},
	}
}

// program is what becomes a service.
func program() service.Program {
	return service.Program{
		Name: "IdentityMeshAdmin", DisplayName: "IdentityMesh Admin API", Unit: "identitymesh-adminapi",
		Description: "Serves the Admin API, where operators manage connectors, secrets, schedules and runs.",
		Page:        "https://github.com/identitymesh/identitymesh/blob/main/docs/admin-api.md",
		Serve:       serve,
	}
}
