package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/tools/secretscli/escrow"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

func (t *tool) drImport() *cli.Command {
	return &cli.Command{
		Name: "import", Usage: "put the secrets of a bundle into the store", ArgsUsage: "<bundle>",
		Description: "Give the private keys of as many people as the bundle needs, or shares that they took out with dr share.\n" +
			"A secret that the store has already is kept. A second try after an interruption goes on where the first one ended.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: flagIdentity, Usage: "`FILE` with a private key; repeat it for each person"},
			&cli.StringSliceFlag{Name: flagShare, Usage: "`FILE` that dr share wrote for one of the given private keys; repeat it for each"},
			&cli.BoolFlag{Name: flagReplace, Usage: "replace secrets that the store has already"},
			&cli.BoolFlag{Name: flagDryRun, Usage: "open the bundle and say what would happen"},
		},
		Action: t.runDRImport,
	}
}

// imported is the JSON form of an import.
type imported struct {
	origin
	DryRun  bool              `json:"dryRun"`
	Secrets []escrow.Imported `json:"secrets"`
	// Counts by action.
	Counts map[escrow.Action]int `json:"counts"`
}

func (t *tool) runDRImport(c *cli.Context) (err error) {
	if c.NArg() != 1 {
		return outcome.Usagef("name one bundle; see %s --help", c.Command.HelpName)
	}
	path := c.Args().First()
	bundle, closeFile, err := openBundle(c, path)
	if err != nil {
		return err
	}
	defer closeFile()
	program, err := t.start(c)
	if err != nil {
		return err
	}
	defer t.end(c, program)
	ctx, cancel := patience(c)
	defer cancel()
	result := imported{origin: originOf(program), DryRun: c.Bool(flagDryRun), Secrets: []escrow.Imported{}, Counts: map[escrow.Action]int{}}
	progress := t.progress()
	into := escrow.Into{Replace: c.Bool(flagReplace), DryRun: result.DryRun, OnSecret: func(i escrow.Imported) {
		result.Secrets = append(result.Secrets, i)
		result.Counts[i.Action]++
		progress(len(result.Secrets), len(bundle.Manifest.Secrets))
	}}
	finish := func(err error) error { return err }
	if !result.DryRun {
		db, log, err := database(ctx, program)
		if err != nil {
			return err
		}
		defer db.Close()
		if finish, err = t.recordImport(c, log, path, bundle, &into, &result); err != nil {
			return err
		}
	}
	if err := finish(escrow.Import(ctx, program.Host(), bundle, into)); err != nil {
		return err
	}
	if t.json {
		err = t.printJSON(result)
	} else {
		err = t.print(result.text())
	}
	if err == nil && result.Counts[escrow.Failed] > 0 {
		err = &outcome.Reported{Code: outcome.Failed}
	}
	return err
}

// recordImport records the import and each change that it makes. What it returns
// records the end.
func (t *tool) recordImport(c *cli.Context, log *audit.Log, path string, bundle *escrow.Bundle, into *escrow.Into, result *imported) (func(error) error, error) {
	m := bundle.Manifest
	who, err := entryFor(c.Context, "secrets.import", path, map[string]any{
		"host": m.Host, "created": m.Created, "secrets": len(m.Secrets), "replace": into.Replace})
	if err != nil {
		return nil, err
	}
	operation, err := log.Begin(c.Context, who)
	if err != nil {
		return nil, err
	}
	into.Around = func(ctx context.Context, item escrow.Item, do func() error) error {
		who, err := entryFor(ctx, "secret.set", string(item.Ref), map[string]any{"import": path, "version": item.Version})
		if err != nil {
			return err
		}
		one, err := log.Begin(ctx, who)
		if err != nil {
			return err
		}
		err = do()
		return errors.Join(err, one.End(context.WithoutCancel(ctx), err, who.Detail))
	}
	return func(failure error) error {
		done, err := entryFor(c.Context, "", "", map[string]any{"counts": result.Counts})
		return errors.Join(failure, err, operation.End(context.WithoutCancel(c.Context), failure, done.Detail))
	}, nil
}

// openBundle opens a bundle with the keys of the command line.
func openBundle(c *cli.Context, path string) (*escrow.Bundle, func(), error) {
	if !c.IsSet(flagIdentity) {
		return nil, nil, outcome.Usagef("give the private keys that open the bundle with --%s; \"secretscli dr show\" says whose are needed", flagIdentity)
	}
	keys, err := identities(c.StringSlice(flagIdentity))
	if err != nil {
		return nil, nil, err
	}
	var shares [][]byte
	for _, name := range c.StringSlice(flagShare) {
		share, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, outcome.Usagef("--%s: %v", flagShare, err)
		}
		shares = append(shares, share)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, outcome.Usagef("%v", err)
	}
	bundle, err := escrow.Open(f, keys, shares)
	if err != nil {
		_ = f.Close()
		return nil, nil, outcome.Usagef("%s: %v", path, err)
	}
	return bundle, func() { _ = f.Close() }, nil
}

func (r imported) text() string {
	head, verb := "", map[escrow.Action]string{
		escrow.Created: "created", escrow.Replaced: "replaced", escrow.Kept: "kept, because the store has it already", escrow.Failed: "failed"}
	if r.DryRun {
		head = "nothing was changed; this is what would happen:\n"
	}
	text := head
	for _, s := range r.Secrets {
		text += fmt.Sprintf("%s: %s", outcome.Plain(string(s.Ref)), verb[s.Action])
		if len(s.Lost) > 0 {
			text += "; the store cannot keep its " + strings.Join(s.Lost, " and ")
		}
		if s.Problem != "" {
			text += ": " + outcome.Plain(s.Problem)
		}
		text += "\n"
	}
	return text + fmt.Sprintf("secrets in %s: %d created, %d replaced, %d kept, %d failed\n", outcome.Plain(r.named()),
		r.Counts[escrow.Created], r.Counts[escrow.Replaced], r.Counts[escrow.Kept], r.Counts[escrow.Failed])
}
