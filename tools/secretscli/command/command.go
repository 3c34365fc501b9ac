// Package command is the command line: which commands and options there are, in
// which order they may stand, and what is printed when they went well.
//
// Where values come from is package input's concern, what works package
// doctor's, how failures are told package outcome's. Start reading at [Run].
package command

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/commandline"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

// Config is what the program takes from its process.
type Config = commandline.Process

// The names of the options that several places know.
const (
	flagConfig  = "config"
	flagOutput  = "output"
	flagTimeout = "timeout"
	flagVerbose = "verbose"
	flagAnyRef  = "any-ref"
	flagStdin   = "stdin"

	outputText = "text"
	outputJSON = "json"
)

// tool is the program while it runs one command.
type tool struct {
	Config
	// json is true with --output json.
	json bool
}

// Run does what args, which begin with the program's name, ask for, and returns
// the exit code.
func Run(ctx context.Context, args []string, c Config) int {
	t := &tool{Config: c}
	app := t.app()
	args = arrange(args, app)
	// Known before anything is parsed, so that a mistake in the options is told
	// in the form that was asked for.
	t.json = commandline.Option(args, flagOutput) == outputJSON
	err := app.RunContext(ctx, args)
	outcome.Write(c.Stderr, err, t.json)
	return outcome.Code(err)
}

func (t *tool) app() *cli.App {
	app := &cli.App{
		Name:    "secretscli",
		Usage:   "manage the secrets that connectors refer to",
		Version: t.Build.String(),
		Description: "Works on the store of the provider in force, as appsettings.json says it. No command shows a value.\n" +
			"Options may stand before or after a command and its arguments.\n\n" + outcome.Codes,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: flagConfig, Usage: "appsettings.json to read `FILE` (default: the one beside this program, if there is one)"},
			&cli.StringFlag{Name: flagOutput, Usage: "`FORM` of results and errors: text or json", Value: outputText},
			&cli.DurationFlag{Name: flagTimeout, Usage: "how long the store may take, `DURATION`", Value: time.Minute},
			&cli.BoolFlag{Name: flagVerbose, Usage: "show the log of this program and of the plugin, on standard error"},
		},
		Commands: []*cli.Command{t.set(), t.describe(), t.list(), t.delete(), t.name(), t.doctor(), t.key(), t.plugin(), t.dr()},
		Reader:   t.Stdin, Writer: t.Stdout, ErrWriter: t.Stderr,
		Before: check,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return outcome.Usagef("there is no such command; see secretscli --help")
			}
			return cli.ShowAppHelp(c)
		},
		OnUsageError:              notUnderstood,
		DisableSliceFlagSeparator: true,
		// Errors are told, and the process ended, in one place.
		ExitErrHandler: func(*cli.Context, error) {},
	}
	for _, command := range app.Commands {
		for _, one := range append([]*cli.Command{command}, command.Subcommands...) {
			one.HideHelpCommand, one.OnUsageError = true, notUnderstood
		}
	}
	return app
}

// check looks at the options that all commands share.
func check(c *cli.Context) error {
	if form := c.String(flagOutput); form != outputText && form != outputJSON {
		return outcome.Usagef("--output must be text or json")
	}
	if c.Duration(flagTimeout) <= 0 {
		return outcome.Usagef("--timeout must be longer than nothing")
	}
	return nil
}

// notUnderstood is told in place of the parser's own error, which repeats what was
// typed: that may be a value with a dash at its beginning.
func notUnderstood(c *cli.Context, _ error, _ bool) error {
	return outcome.Usagef("an option is not known, lacks its argument, or has one that does not fit; "+
		"what was typed is not repeated here in case it is a secret: see %s --help", c.Command.HelpName)
}

// noArguments refuses arguments where there are none.
func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		return outcome.Usagef("%s takes no arguments; see %s --help", c.Command.Name, c.Command.HelpName)
	}
	return nil
}

// print writes a result.
func (t *tool) print(text string) error {
	if _, err := io.WriteString(t.Stdout, text); err != nil {
		return fmt.Errorf("the command did its work, but its result could not be written: %w", err)
	}
	return nil
}
