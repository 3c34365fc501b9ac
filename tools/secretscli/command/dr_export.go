package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/tools/secretscli/escrow"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

func (t *tool) drExport() *cli.Command {
	return &cli.Command{
		Name: "export", Usage: "pack all secrets into an encrypted bundle", ArgsUsage: " ",
		Description: "Every secret of the store and every one that a connector needs is read, and the bundle is written only when all could be.\n" +
			"It is encrypted to the given people, of whom as many as --need says must come together to open it.\n" +
			"Keep it outside of this host, and export again after secrets were changed: dr check --bundle says when.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: flagTo, Usage: "public `KEY` of a person, as dr keygen or age-keygen prints it, or a file with such keys; repeat it for each"},
			&cli.IntFlag{Name: flagNeed, Usage: "`HOW MANY` of them must come together (default: the only one)"},
			&cli.StringFlag{Name: flagOut, Usage: "write the bundle to `FILE`, which only this user may read"},
			&cli.BoolFlag{Name: flagForce, Usage: "replace the file if it exists"},
		},
		Action: t.runDRExport,
	}
}

// exported is the JSON form of an export.
type exported struct {
	origin
	File       string   `json:"file"`
	Secrets    int      `json:"secrets"`
	Need       int      `json:"need"`
	Recipients []string `json:"recipients"`
	// Unnamed are entries that are not in the bundle, because their ref is not known.
	Unnamed []string `json:"unnamed,omitempty"`
	// Complete is true when the store has no other secrets.
	Complete bool `json:"complete"`
}

func (t *tool) runDRExport(c *cli.Context) (err error) {
	if err := noArguments(c); err != nil {
		return err
	}
	people, err := holders(c.StringSlice(flagTo))
	if err != nil {
		return err
	}
	need := c.Int(flagNeed)
	switch {
	case len(people) == 0:
		return outcome.Usagef("say with --%s to whom the bundle is encrypted; \"secretscli dr keygen\" makes a key", flagTo)
	case len(people) > escrow.MaxHolders:
		return outcome.Usagef("a bundle has at most %d recipients", escrow.MaxHolders)
	case !c.IsSet(flagNeed) && len(people) == 1:
		need = 1
	case !c.IsSet(flagNeed):
		return outcome.Usagef("say with --%s how many of the %d people must come together", flagNeed, len(people))
	case need < 1 || need > len(people):
		return outcome.Usagef("--%s must be from 1 to %d, the number of recipients", flagNeed, len(people))
	}
	if c.String(flagOut) == "" {
		return outcome.Usagef("say with --%s where to write the bundle", flagOut)
	}
	path, err := filepath.Abs(c.String(flagOut))
	if err != nil {
		return err
	}
	program, err := t.start(c)
	if err != nil {
		return err
	}
	defer t.end(c, program)
	ctx, cancel := patience(c)
	defer cancel()
	db, log, err := database(ctx, program)
	if err != nil {
		return err
	}
	defer db.Close()
	needed, err := db.SecretUses(ctx)
	if err != nil {
		return err
	}
	result := exported{origin: originOf(program), File: path, Need: need}
	for _, p := range people {
		result.Recipients = append(result.Recipients, p.Key)
	}
	who, err := entryFor(ctx, "secrets.export", path, map[string]any{"need": need, "recipients": result.Recipients})
	if err != nil {
		return err
	}
	operation, err := log.Begin(ctx, who)
	if err != nil {
		return err
	}
	progress := t.progress()
	_, host := audit.Caller()
	var got escrow.Result
	err = escrow.Create(path, c.Bool(flagForce), func(w io.Writer) (err error) {
		got, err = escrow.Export(ctx, program.Host(), escrow.Plan{
			Need: need, Holders: people, Refs: slices.Sorted(maps.Keys(needed)), Host: host, Now: t.Now(), OnSecret: progress,
		}, w)
		return err
	})
	result.Secrets, result.Unnamed, result.Complete = len(got.Manifest.Secrets), got.Unnamed, !got.Incomplete
	done, e := entryFor(ctx, "", "", map[string]any{"need": need, "recipients": result.Recipients, "count": result.Secrets, "secrets": got.Manifest.Secrets})
	if len(done.Detail) > audit.MaxText { // it would be cut; the bundle's manifest has them all
		done, e = entryFor(ctx, "", "", map[string]any{"need": need, "recipients": result.Recipients, "count": result.Secrets})
	}
	if err = errors.Join(err, e, operation.End(context.WithoutCancel(c.Context), err, done.Detail)); err != nil {
		return err
	}
	if t.json {
		return t.printJSON(result)
	}
	return t.print(result.text())
}

func (r exported) text() string {
	text := fmt.Sprintf("exported %d secrets of %s to %s\n", r.Secrets, outcome.Plain(r.named()), outcome.Plain(r.File))
	text += fmt.Sprintf("it is opened by %d of %d people together\n", r.Need, len(r.Recipients))
	for _, name := range r.Unnamed {
		text += fmt.Sprintf("not in it: the entry %s, whose ref is not known; set it again under its ref\n", outcome.Plain(name))
	}
	if !r.Complete {
		text += "the store does not promise that it listed all its secrets; those that connectors need are in the bundle\n"
	}
	return text
}
