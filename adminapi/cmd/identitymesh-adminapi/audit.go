package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/service"
	"github.com/identitymesh/identitymesh/sdk/boot"
)

// auditCommand is what auditors do without the Admin API: whoever could change
// the log could change that program too.
func auditCommand(config cli.Flag, onUsage cli.OnUsageErrorFunc, noArguments func(*cli.Context) error) *cli.Command {
	checked := func(do func(*cli.Context) error) cli.ActionFunc {
		return func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return do(c)
		}
	}
	file := &cli.PathFlag{Name: "file", Usage: "verify the export `FILE` instead; needs neither database nor configuration"}
	out := &cli.PathFlag{Name: "out", Usage: "write to the new file `FILE` instead of standard output"}
	return &cli.Command{
		Name:            "audit",
		Usage:           "verify and export the record of what was changed",
		HideHelpCommand: true,
		OnUsageError:    onUsage,
		Action: checked(func(*cli.Context) error {
			return &boot.UsageError{Err: errors.New("what about the audit log? The commands are: audit verify, audit export")}
		}),
		Subcommands: []*cli.Command{{
			Name:  "verify",
			Usage: "check that nobody changed the audit log, or an export of it",
			Description: "Exit code 0 when it is as it was written. Exit code 1 when it is not, with the first record that does not\n" +
				"fit and why, or when it could not be read.",
			Flags: []cli.Flag{config, file}, OnUsageError: onUsage,
			Action: checked(func(c *cli.Context) error {
				if c.IsSet(file.Name) {
					return verifyFile(c.App.Writer, c.Path(file.Name))
				}
				return verifyLog(c.Context, c.App.Writer, service.ConfigFile(c))
			}),
		}, {
			Name:  "export",
			Usage: "write the audit log as JSON lines, for audit verify --file and for other programs",
			Flags: []cli.Flag{config, out}, OnUsageError: onUsage,
			Action: checked(func(c *cli.Context) error {
				return withLog(c.Context, service.ConfigFile(c), func(log *audit.Log, _ string) error {
					if c.IsSet(out.Name) {
						return exportTo(c.Context, log, c.Path(out.Name))
					}
					return log.Export(c.Context, c.App.Writer)
				})
			}),
		}},
	}
}

// withLog calls use with the audit log and the name of the database it is in.
func withLog(ctx context.Context, configFile string, use func(log *audit.Log, of string) error) error {
	program, db, err := start(ctx, boot.Config{ConfigFile: configFile, Quiet: true})
	if err != nil {
		return err
	}
	defer func() { _ = program.Stop(context.WithoutCancel(ctx)) }()
	defer db.Close()
	log, err := audit.Open(ctx, db.DB(), nil)
	if err != nil {
		return err
	}
	return use(log, db.Target())
}

func verifyLog(ctx context.Context, w io.Writer, configFile string) error {
	return withLog(ctx, configFile, func(log *audit.Log, of string) error {
		report, err := log.Verify(ctx)
		if err != nil {
			return err
		}
		return say(w, "the audit log of "+of, report)
	})
}

func verifyFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the export: %w", err)
	}
	defer f.Close()
	report, err := audit.VerifyExport(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return say(w, path, report)
}

func say(w io.Writer, what string, report audit.Report) error {
	_, err := fmt.Fprintf(w, "%s is as it was written: %d records, %d actions without an outcome\nthe newest record has the hash %s\n",
		what, report.Records, report.Open, report.Hash)
	return err
}

// exportTo leaves no file that is not whole, and never overwrites one.
func exportTo(ctx context.Context, log *audit.Log, path string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; choose another name for --out", path)
	}
	if err != nil {
		return fmt.Errorf("create the export: %w", err)
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
		if err != nil {
			err = errors.Join(fmt.Errorf("export to %s: %w", path, err), os.Remove(path))
		}
	}()
	if err := log.Export(ctx, f); err != nil {
		return err
	}
	return f.Sync()
}
