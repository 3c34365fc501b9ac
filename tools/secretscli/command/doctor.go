package command

import (
	"context"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/tools/secretscli/doctor"
	"github.com/identitymesh/identitymesh/tools/secretscli/input"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

func (t *tool) doctor() *cli.Command {
	return &cli.Command{
		Name: "doctor", Usage: "find out what works: configuration, plugin, store and rights", ArgsUsage: " ",
		Description: "Changes no secret; what is needed on first use, such as the database and its key, is made. Exit code 1 when a check fails; warnings do not count.",
		Action:      t.runDoctor,
	}
}

func (t *tool) runDoctor(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	report, err := t.examine(c)
	if err != nil {
		return err
	}
	if t.json {
		err = t.printJSON(report)
	} else {
		err = report.Print(t.Stdout, t.showsSymbols())
	}
	if err == nil && !report.OK {
		err = &outcome.Reported{Code: outcome.Failed}
	}
	return err
}

func (t *tool) examine(c *cli.Context) (doctor.Report, error) {
	program, err := t.boot(c)
	if err != nil {
		return doctor.Refused(err), nil
	}
	defer t.end(c, program)
	ctx, cancel := context.WithTimeout(c.Context, c.Duration(flagTimeout))
	defer cancel()
	var opened *host.Administrator
	defer func() {
		if opened != nil {
			t.stop(program, opened)
		}
	}()
	report := doctor.Examine(ctx, doctor.Config{
		Settings: program.Settings, Warnings: program.Warnings, Choice: program.Choice, Now: t.Now,
		Open: func() (doctor.Store, error) {
			store, err := host.OpenAdministrator(program.Host())
			if err != nil {
				return nil, err
			}
			opened = store
			return store, nil
		},
	})
	// After Ctrl-C the report says nothing about the store.
	return report, c.Context.Err()
}

// showsSymbols reports whether the output is a terminal that shows more than
// ASCII.
func (t *tool) showsSymbols() bool {
	f, ok := t.Stdout.(*os.File)
	return ok && input.IsTerminal(f) && unicodeTerminal(t.Environ)
}
