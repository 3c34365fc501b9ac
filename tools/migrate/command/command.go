// Package command is the command line: which commands and options there are, in
// which order they may stand, and what is printed when they went well.
//
// What is done to refs is for the packages plan and transfer and those beside them;
// how failures are told is package outcome's concern. Start reading at [Run], then at
// session, which every command works in.
package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/commandline"
	"github.com/identitymesh/identitymesh/tools/migrate/outcome"
)

// Config is what the program takes from its process.
type Config = commandline.Process

// The names of the options that several places know.
const (
	flagConfig  = "config"
	flagLedger  = "ledger"
	flagOutput  = "output"
	flagVerbose = "verbose"

	outputText = "text"
	outputJSON = "json"
)

// tool is the program while it runs one command.
type tool struct {
	Config
	// json is true with --output json.
	json bool
	// typed are the options of all commands that decide what a command is about, as
	// they were given, with a space before each: whoever types the next command needs
	// them again.
	typed string
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
	for _, name := range []string{flagConfig, flagLedger} {
		if value := commandline.Option(args, name); value != "" {
			t.typed += " --" + name + " " + commandline.Quote(value)
		}
	}
	err := app.RunContext(ctx, args)
	outcome.Write(c.Stderr, err, t.json)
	return outcome.Code(err)
}

func (t *tool) app() *cli.App {
	app := &cli.App{
		Name:    "identitymesh-migrate",
		Usage:   "move secrets from one store to another while the engine keeps running",
		Version: t.Build.String(),
		Description: "No command shows a value. A ledger beside the configuration knows how far each secret is; whatever stops a\n" +
			"command, run it again and it goes on where it was.\n\n" +
			"   identitymesh-migrate plan --to AzureKeyVault   what would be done, and whether it can be\n" +
			"   identitymesh-migrate run                       copy, and verify each copy by reading it back\n" +
			"   identitymesh-migrate verify                    compare both stores again\n" +
			"   identitymesh-migrate switch                    put the target into force\n" +
			"   identitymesh-migrate soak                      watch runs that read from the target\n" +
			"   identitymesh-migrate rollback                  back to the source, until purge\n" +
			"   identitymesh-migrate purge                     delete from the source\n" +
			"   identitymesh-migrate report                    what was moved, when and by whom, signed\n" +
			"   identitymesh-migrate status                    how far it is, and what to type next\n\n" + outcome.Codes,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: flagConfig, Usage: "appsettings.json to read `FILE` (default: the one beside this program, if there is one)"},
			&cli.StringFlag{Name: flagLedger, Usage: "`FOLDER` of the migration's ledger and plan (default: that of appsettings.json)"},
			&cli.StringFlag{Name: flagOutput, Usage: "`FORM` of results and errors: text or json", Value: outputText},
			&cli.BoolFlag{Name: flagVerbose, Usage: "show the log of this program and of the plugins, on standard error"},
		},
		Commands: t.commands(),
		Reader:   t.Stdin, Writer: t.Stdout, ErrWriter: t.Stderr,
		Before: check,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return commandline.Usagef("there is no such command; see identitymesh-migrate --help")
			}
			return cli.ShowAppHelp(c)
		},
		OnUsageError:              notUnderstood,
		DisableSliceFlagSeparator: true,
		// Errors are told, and the process ended, in one place.
		ExitErrHandler: func(*cli.Context, error) {},
	}
	for _, command := range app.Commands {
		command.HideHelpCommand, command.OnUsageError = true, notUnderstood
	}
	return app
}

// commands in the order in which they are used.
func (t *tool) commands() []*cli.Command {
	return []*cli.Command{t.plan(), t.run(), t.verify(), t.switchOver(), t.soak(), t.rollback(), t.purge(), t.report(), t.status()}
}

// check looks at the options that all commands share.
func check(c *cli.Context) error {
	if form := c.String(flagOutput); form != outputText && form != outputJSON {
		return commandline.Usagef("--output must be text or json")
	}
	return nil
}

func notUnderstood(c *cli.Context, err error, _ bool) error {
	return commandline.Usagef("%v; see %s --help", err, c.Command.HelpName)
}

// noArguments refuses arguments where there are none.
func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		return commandline.Usagef("%s takes no arguments; see %s --help", c.Command.Name, c.Command.HelpName)
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

// printJSON writes a result as one JSON document.
func (t *tool) printJSON(result any) error {
	text, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return fmt.Errorf("write the result as JSON: %w", err)
	}
	return t.print(string(text) + "\n")
}

// note tells people something beside the result, and programs nothing: those find on
// standard error an error and nothing else.
func (t *tool) note(format string, args ...any) {
	if t.json {
		return
	}
	fmt.Fprintln(t.Stderr, commandline.Plain(fmt.Sprintf(format, args...)))
}

// some is a number of things.
func some[N int | int64](n N, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", more)
}

// table aligns cells, which come out without control characters.
func table(rows [][]string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, commandline.Plain(cell))
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush() // into a builder, which takes everything
	return b.String()
}
