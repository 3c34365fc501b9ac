// Command demo runs the whole product on this host, with demo sources: for people
// to look at (up), or to find out by itself whether it works (smoke).
//
// Both are packages below build/demo. Start reading at the list in main.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/build/demo"
	"github.com/identitymesh/identitymesh/build/demo/cloud"
	"github.com/identitymesh/identitymesh/build/demo/smoke"
	"github.com/identitymesh/identitymesh/build/demo/up"
	"github.com/identitymesh/identitymesh/build/workspace"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// Who asks a second time does not want to wait for an orderly end.
	context.AfterFunc(ctx, stop)
	common := []cli.Flag{
		&cli.StringFlag{Name: "bin", Usage: "`FOLDER` of the programs (default: bin in the repository)"},
		&cli.StringFlag{Name: "provider", Usage: "`PROVIDER` of the secrets: DPAPI or AzureKeyVault", Value: catalog.DPAPI},
		&cli.StringFlag{Name: "cloud-address", Value: "127.75.86.1", Usage: "loopback `ADDRESS` of the fake vault, for AzureKeyVault"},
	}
	app := &cli.App{
		Name:  "demo",
		Usage: "run IdentityMesh with demo sources",
		Commands: []*cli.Command{
			{Name: "up", Usage: "start everything and stay until interrupted", Action: runUp, Flags: append([]cli.Flag{
				&cli.StringFlag{Name: "folder", Usage: "`FOLDER` for all state (default: var in the repository)"},
				&cli.StringFlag{Name: "listen", Value: "127.0.0.1:5100", Usage: "`ADDRESS` of the Admin API"},
				&cli.BoolFlag{Name: "vault", Usage: "start the fake vault also when DPAPI keeps the secrets, to migrate them there"},
				&cli.StringFlag{Name: "directory-listen", Value: "127.0.0.1:5389", Usage: "`ADDRESS` of the LDAP directory"},
			}, common...)},
			{Name: "shell", Usage: "run a command, or a shell, where the demo's vault can be found", ArgsUsage: "[COMMAND ...]", Action: runShell, Flags: []cli.Flag{
				&cli.StringFlag{Name: "bin", Usage: "`FOLDER` of the programs (default: bin in the repository)"},
				&cli.StringFlag{Name: "folder", Usage: "`FOLDER` of the running demo (default: var in the repository)"},
			}},
			{Name: "smoke", Usage: "try everything on a temporary folder, with changes and failures", Action: runSmoke, Flags: common},
		},
		HideHelpCommand: true,
		ExitErrHandler:  func(*cli.Context, error) {}, // what follows decides
	}
	if err := app.RunContext(ctx, os.Args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runUp(c *cli.Context) error {
	bin, err := inRepository(c.String("bin"), "bin")
	if err != nil {
		return err
	}
	folder, err := inRepository(c.String("folder"), "var")
	if err != nil {
		return err
	}
	secrets, stop, err := startCloud(c)
	if err != nil {
		return fmt.Errorf("up: %w", err)
	}
	err = up.Run(c.Context, up.Config{Out: os.Stdout, Demo: demo.Config{
		Bin: bin, Folder: folder, Cloud: secrets, Provider: c.String("provider"), Listen: c.String("listen"), DirectoryListen: c.String("directory-listen"),
		Password: rand.Text(), Interval: time.Minute, Now: time.Now, Logger: logger(),
	}})
	if err := errors.Join(err, stop()); err != nil {
		return fmt.Errorf("up: %w", err)
	}
	return nil
}

// runShell runs what follows, or the user's shell, as the demo's programs run: they
// find the vault, and may sign in to it.
func runShell(c *cli.Context) error {
	bin, err := inRepository(c.String("bin"), "bin")
	if err != nil {
		return err
	}
	folder, err := inRepository(c.String("folder"), "var")
	if err != nil {
		return err
	}
	return cloud.Join(cloud.JoinConfig{Settings: filepath.Join(folder, "appsettings.json"), Bin: bin, Command: c.Args().Slice()})
}

func runSmoke(c *cli.Context) error {
	bin, err := inRepository(c.String("bin"), "bin")
	if err != nil {
		return err
	}
	secrets, stop, err := startCloud(c)
	if err != nil {
		return fmt.Errorf("smoke: FAILED: %w", err)
	}
	err = smoke.Run(c.Context, smoke.Config{Bin: bin, Cloud: secrets, Out: os.Stdout, Now: time.Now, NewPassword: rand.Text})
	return errors.Join(err, stop())
}

// startCloud starts what the chosen provider of secrets needs, which is nothing
// for this host's own store.
func startCloud(c *cli.Context) (_ *cloud.Cloud, stop func() error, err error) {
	switch provider := c.String("provider"); provider {
	case catalog.DPAPI:
		if !c.Bool("vault") {
			return nil, func() error { return nil }, nil
		}
	case catalog.AzureKeyVault:
	default:
		return nil, nil, fmt.Errorf("there is no provider %q: choose %s or %s", provider, catalog.DPAPI, catalog.AzureKeyVault)
	}
	if err := cloud.Enter(c.String("cloud-address")); err != nil {
		return nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	secrets, err := cloud.Start(c.Context, cloud.Config{
		Program: filepath.Join(filepath.Dir(self), "fakevault"), Address: c.String("cloud-address")})
	if err != nil {
		return nil, nil, err
	}
	return secrets, secrets.Stop, nil
}

// inRepository returns the path, or the folder in the repository when it is empty.
func inRepository(path, folder string) (string, error) {
	if path != "" {
		return path, nil
	}
	w, err := workspace.Find("")
	if err != nil {
		return "", err
	}
	return filepath.Join(w.Root, folder), nil
}

// logger is for what the demo's own sources have to say.
func logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
