package service

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/boot"
)

// installation is what "service install" was asked for.
type installation struct {
	name string
	// executable and config are absolute; config is empty for the file beside the
	// program.
	executable, config string
	// settings are those that the service will read.
	settings *appsettings.Settings

	// root is the folder to install below, on Linux only.
	root string
	// account and what follows it are for Windows only.
	account   string
	password  []byte
	dependsOn []string
}

// ConfigFlag is --config, which may stand before the command or behind it.
func ConfigFlag() cli.Flag {
	return &cli.StringFlag{Name: "config", Usage: "appsettings.json to read `FILE` (default: the one beside this program)"}
}

// ConfigFile returns what [ConfigFlag] was set to.
func ConfigFile(c *cli.Context) string {
	for _, context := range c.Lineage() {
		if context.IsSet("config") {
			return context.String("config")
		}
	}
	return ""
}

// Command returns the command "service" of the program.
func Command(p Program) *cli.Command {
	onUsage := func(_ *cli.Context, err error, _ bool) error { return &boot.UsageError{Err: err} }
	name := &cli.StringFlag{Name: "name", Value: p.defaultName(), Usage: "`NAME` of the service, for a second one on this host"}
	sub := func(verb, usage string, do func(*cli.Context) error, flags ...cli.Flag) *cli.Command {
		return &cli.Command{Name: verb, Usage: usage, Flags: append(flags, name), OnUsageError: onUsage, HideHelpCommand: true,
			Action: func(c *cli.Context) error {
				if c.Args().Present() {
					return &boot.UsageError{Err: fmt.Errorf("unexpected argument %q", c.Args().First())}
				}
				return do(c)
			}}
	}
	control := func(verb, usage string) *cli.Command {
		return sub(verb, usage, func(c *cli.Context) error { return p.control(c.Context, verb, c.String("name"), c.App.Writer) })
	}
	return &cli.Command{
		Name: "service", Usage: "install, control and remove the service of this program",
		HideHelpCommand: true, OnUsageError: onUsage,
		Action: func(*cli.Context) error {
			return &boot.UsageError{Err: errors.New("what about the service? It takes install, start, stop, restart, status, remove or run")}
		},
		Subcommands: []*cli.Command{
			sub("install", "install it, to start with the system", func(c *cli.Context) error {
				i, err := p.installation(c)
				if err != nil {
					return err
				}
				return p.install(i, c.App.Writer)
			}, append(installFlags(), ConfigFlag())...),
			control("start", "start it and wait until it runs"),
			control("stop", "stop it and wait until it has ended"),
			control("restart", "stop it and start it again"),
			control("status", "say whether it is installed and runs"),
			control("remove", "stop and remove it; data and configuration stay"),
			sub("run", "be the service; its manager calls this", func(c *cli.Context) error {
				return p.run(c.Context, c.String("name"), ConfigFile(c))
			}, ConfigFlag()),
		},
	}
}

// installation reads the options, and the settings: what is wrong with them is told
// now and not at the first start.
func (p Program) installation(c *cli.Context) (installation, error) {
	executable, err := os.Executable()
	if err != nil {
		return installation{}, fmt.Errorf("find the program's own file: %w", err)
	}
	i := installation{name: c.String("name"), executable: executable, config: ConfigFile(c)}
	if i.config != "" {
		if i.config, err = filepath.Abs(i.config); err != nil {
			return i, fmt.Errorf("find the configuration: %w", err)
		}
	}
	settings, problems := appsettings.Load(appsettings.Options{
		File: i.config, Folder: filepath.Dir(executable), Environ: serviceEnviron(), Platform: servicePlatform(),
	})
	if err := problems.Err(); err != nil {
		return i, err
	}
	i.settings = settings
	return i, installOptions(c, &i)
}

// say writes to the operator; an output that is closed is no reason to fail.
func say(out io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }
