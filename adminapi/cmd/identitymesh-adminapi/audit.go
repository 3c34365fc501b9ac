package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/service"
	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/boot"
	"github.com/identitymesh/identitymesh/sdk/wholefile"
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
	heads := &cli.PathFlag{Name: "heads", Usage: "check against the heads in `FILE`, which were written out of the database; needs --key-file"}
	keyFile := &cli.PathFlag{Name: "key-file", Usage: "the `FILE` with the key of the heads, as in Audit:Head:KeyFile"}
	trust := &cli.StringSliceFlag{Name: "trust", Usage: "trust this public `KEY` about what was removed, beside this host's own; see audit key"}
	connector := &cli.StringFlag{Name: "connector", Usage: "the chain of what runs of the connector `ID` did to objects, instead of what people did"}
	before := &cli.StringFlag{Name: "before", Usage: "remove what was recorded before `DATE`, such as 2026-01-31", Required: true}
	objects := &cli.BoolFlag{Name: "objects", Usage: "remove records of what runs did to objects, instead of what people did"}
	return &cli.Command{
		Name:            "audit",
		Usage:           "verify, export and shorten the record of what was changed",
		HideHelpCommand: true,
		OnUsageError:    onUsage,
		Action: checked(func(*cli.Context) error {
			return &boot.UsageError{Err: errors.New("what about the audit log? The commands are: audit verify, audit export, audit key, audit prune")}
		}),
		Subcommands: []*cli.Command{{
			Name:  "verify",
			Usage: "check that nobody changed the audit log, or an export of it",
			Description: "Exit code 0 when it is as it was written. Exit code 1 when it is not, with the first record that does not\n" +
				"fit and why, or when it could not be read. The log in the database is compared with the heads in\n" +
				"Audit:Head:File, unless --heads names others.",
			Flags: []cli.Flag{config, file, heads, keyFile, trust}, OnUsageError: onUsage,
			Action: checked(func(c *cli.Context) error {
				given := audit.Witness{File: c.Path(heads.Name), KeyFile: c.Path(keyFile.Name)}
				if (given.File == "") != (given.KeyFile == "") {
					return &boot.UsageError{Err: errors.New("--heads and --key-file belong together")}
				}
				if c.IsSet(file.Name) {
					return verifyFile(c.App.Writer, c.Path(file.Name), given, c.StringSlice(trust.Name))
				}
				return verifyLog(c.Context, c.App.Writer, service.ConfigFile(c), c.StringSlice(trust.Name), given)
			}),
		}, {
			Name:  "export",
			Usage: "write the audit log as JSON lines, for audit verify --file and for other programs",
			Flags: []cli.Flag{config, out, connector}, OnUsageError: onUsage,
			Action: checked(func(c *cli.Context) error {
				return withLog(c.Context, service.ConfigFile(c), nil, func(log *audit.Log, _ string, _ *boot.Program) error {
					write := func(w io.Writer) error { return log.Export(c.Context, w) }
					if c.IsSet(connector.Name) {
						write = func(w io.Writer) error { return log.ExportObjects(c.Context, c.String(connector.Name), w) }
					}
					if c.IsSet(out.Name) {
						return exportTo(c.Path(out.Name), write)
					}
					return write(c.App.Writer)
				})
			}),
		}, {
			Name:  "key",
			Usage: "print the public key of this host that signs what is removed from the audit log, for audit verify --trust",
			Flags: []cli.Flag{config}, OnUsageError: onUsage,
			Action: checked(func(c *cli.Context) error {
				return withLog(c.Context, service.ConfigFile(c), nil, func(_ *audit.Log, _ string, program *boot.Program) error {
					key, err := audit.OpenKey(program.Settings.Product.DataFolder, true)
					if err != nil {
						return err
					}
					_, err = fmt.Fprintln(c.App.Writer, key.Public())
					return err
				})
			}),
		}, {
			Name:  "prune",
			Usage: "remove old records from the audit log, behind a signed checkpoint",
			Description: "The records are verified before they are removed, also against the heads in Audit:Head:File, and the rest\n" +
				"verifies afterwards. IdentityMesh:Retention lets the Admin API do so every day.",
			Flags: []cli.Flag{config, before, objects, trust}, OnUsageError: onUsage,
			Action: checked(func(c *cli.Context) error {
				at, err := day(c.String(before.Name))
				if err != nil {
					return err
				}
				r := audit.Retention{Admin: at}
				if c.Bool(objects.Name) {
					r = audit.Retention{Objects: at}
				}
				return withLog(c.Context, service.ConfigFile(c), c.StringSlice(trust.Name), func(log *audit.Log, of string, program *boot.Program) error {
					return prune(c.Context, c.App.Writer, log, of, r, program.Settings)
				})
			}),
		}},
	}
}

func day(text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil && !at.After(time.Now()) {
			return at, nil
		}
	}
	return time.Time{}, &boot.UsageError{Err: fmt.Errorf("--before: expected a date that has been, such as 2026-01-31 or 2026-01-31T12:00:00Z, found %q", text)}
}

func prune(ctx context.Context, w io.Writer, log *audit.Log, of string, r audit.Retention, settings *appsettings.Settings) error {
	key, err := audit.OpenKey(settings.Product.DataFolder, true)
	if err != nil {
		return err
	}
	if r.Heads, err = witness(settings).Heads(); err != nil {
		return fmt.Errorf("nothing is removed: %w", err)
	}
	actor, address := audit.Caller()
	removed, err := log.PruneAll(ctx, r, key, audit.Entry{Actor: actor, Address: address, Action: "audit.prune", Target: "audit", Correlation: uuid.NewString()})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%d records were removed from the audit log of %s\n", removed, of)
	return err
}

// readHeads reads heads that were kept elsewhere, if there are any.
func readHeads(w io.Writer, from audit.Witness) (*audit.Heads, error) {
	heads, err := from.Heads()
	if err == nil && heads != nil && heads.Unreadable > 0 {
		_, err = fmt.Fprintf(w, "%d lines of %s are no heads; a crash may have cut them off\n", heads.Unreadable, from.File)
	}
	return heads, err
}

// withLog calls use with the audit log and the name of the database it is in.
func withLog(ctx context.Context, configFile string, trusted []string, use func(log *audit.Log, of string, program *boot.Program) error) error {
	program, db, err := start(ctx, boot.Config{ConfigFile: configFile, Quiet: true})
	if err != nil {
		return err
	}
	defer func() { _ = program.Stop(context.WithoutCancel(ctx)) }()
	defer db.Close()
	log, err := openLog(ctx, db, program.Settings, trusted)
	if err != nil {
		return err
	}
	return use(log, db.Target(), program)
}

func verifyLog(ctx context.Context, w io.Writer, configFile string, trusted []string, given audit.Witness) error {
	return withLog(ctx, configFile, trusted, func(log *audit.Log, of string, program *boot.Program) error {
		if given.File == "" {
			given = witness(program.Settings)
		}
		// Without the heads the rest can be checked; that they are not there is an error.
		heads, unusable := readHeads(w, given)
		report, err := log.VerifyChain(ctx, audit.AdminChain, heads)
		if err == nil {
			err = say(w, "the audit log of "+of, report)
		}
		found, connectors, records := report.Heads, 0, int64(0)
		err = errors.Join(unusable, err, log.VerifyObjects(ctx, heads, func(_ string, r audit.Report) {
			connectors++
			records += r.Records
			found += r.Heads
		}))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "so is what runs did to objects: %d connectors, %d records\n%s\n", connectors, records, compared(heads, found))
		return err
	})
}

// compared says what the log was compared with, and that it was not.
func compared(heads *audit.Heads, found int) string {
	if heads == nil {
		return "it was compared with no heads that were written elsewhere (Audit:Head:File), which alone would show that all of it was written anew or its end removed"
	}
	return fmt.Sprintf("it was compared with %d heads that were written elsewhere: %d are in it, the others are of records that were removed for their age", heads.Count(), found)
}

func verifyFile(w io.Writer, path string, given audit.Witness, trusted []string) error {
	heads, err := readHeads(w, given)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the export: %w", err)
	}
	defer f.Close()
	report, err := audit.Offline{Trusted: trusted, Heads: heads}.Verify(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return say(w, path, report)
}

func say(w io.Writer, what string, report audit.Report) error {
	_, err := fmt.Fprintf(w, "%s is as it was written: %d records, %d actions without an outcome\nthe newest record has the hash %s\n",
		what, report.Records, report.Open, report.Hash)
	if err == nil && report.Removed > 0 {
		_, err = fmt.Fprintf(w, "%d records before them were removed for their age, signed with the key %s\n", report.Removed, report.Signer)
	}
	if err == nil && report.Heads > 0 {
		_, err = fmt.Fprintf(w, "%d heads that were written elsewhere are in it\n", report.Heads)
	}
	return err
}

// exportTo leaves no file that is not whole, and never overwrites one.
func exportTo(path string, write func(io.Writer) error) error {
	err := wholefile.Create(path, 0o600, write)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; choose another name for --out", path)
	}
	if err != nil {
		return fmt.Errorf("export to %s: %w", path, err)
	}
	return nil
}
