// Command dist is what "make dist" calls: it makes the archives and packages of a
// release.
//
// It is a few lines over package dist. Start reading at main.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/build/dist"
	"github.com/identitymesh/identitymesh/build/dist/signing"
	"github.com/identitymesh/identitymesh/build/release"
	"github.com/identitymesh/identitymesh/build/webui"
	"github.com/identitymesh/identitymesh/build/workspace"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	app := &cli.App{
		Name:  "dist",
		Usage: "make the archives and packages of a release",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "version", Value: release.Version, Usage: "version of the product"},
			&cli.StringSliceFlag{Name: "plugin", Usage: "a plugin that has a version of its own, as in `keyvault=1.2.3`"},
			&cli.StringSliceFlag{Name: "target", Value: cli.NewStringSlice("linux/amd64", "linux/arm64", "windows/amd64"), Usage: "`OS/ARCH` to make them for"},
			&cli.StringFlag{Name: "out", Usage: "folder to write to (default: dist in the repository)"},
			&cli.StringFlag{Name: "sign", Usage: "`COMMAND` that signs a program or installer for Windows, with {in} and {out} in it", EnvVars: []string{"IDENTITYMESH_SIGN"}},
			&cli.StringFlag{Name: "sign-sums", Usage: "`COMMAND` that signs the list of sums, with {in} and {out} in it", EnvVars: []string{"IDENTITYMESH_SIGN_SUMS"}},
		},
		HideVersion: true,
		Action:      pack,
	}
	if err := app.RunContext(ctx, os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

func pack(c *cli.Context) error {
	w, err := workspace.Find("")
	if err != nil {
		return err
	}
	config := dist.Config{
		Workspace: w, Version: c.String("version"), Plugins: map[string]string{}, Out: c.String("out"),
		Sign: signing.Hook(c.String("sign")), SignSums: signing.Hook(c.String("sign-sums")),
	}
	if config.Out == "" {
		config.Out = filepath.Join(w.Root, "dist")
	}
	if config.Time, err = dist.SourceTime(c.Context, w.Root); err != nil {
		return err
	}
	for _, text := range c.StringSlice("plugin") {
		name, version, found := strings.Cut(text, "=")
		if !found {
			return fmt.Errorf("--plugin takes a name and a version, as in keyvault=1.2.3, not %q", text)
		}
		config.Plugins[name] = version
	}
	for _, text := range c.StringSlice("target") {
		system, arch, found := strings.Cut(text, "/")
		if !found {
			return fmt.Errorf("--target takes a system and an architecture, as in linux/amd64, not %q", text)
		}
		config.Targets = append(config.Targets, release.Target{OS: system, Arch: arch})
	}
	// What is handed out has its UI.
	if err := webui.Build(c.Context, webui.Config{Root: w.Root, Out: os.Stderr}); err != nil {
		return err
	}
	made, err := dist.Make(c.Context, config)
	if err != nil {
		return err
	}
	for _, name := range made {
		fmt.Println(filepath.Join(config.Out, name))
	}
	return nil
}
