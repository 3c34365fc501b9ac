package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/identitymesh/identitymesh/sdk/commandline"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/outcome"
	"github.com/identitymesh/identitymesh/tools/migrate/purge"
	"github.com/identitymesh/identitymesh/tools/migrate/soak"
)

const flagYes = "yes"

func (t *tool) purge() *cli.Command {
	return &cli.Command{
		Name: "purge", Usage: "delete from the source what was verified and soaked; there is no way back", ArgsUsage: " ",
		Description: "Compares both values of each ref once more right before it is deleted, and keeps what does not agree. Asks for the\n" +
			"number of refs, unless --yes is said.\n\n" +
			"   identitymesh-migrate purge\n" +
			"   identitymesh-migrate purge --yes --output json",
		Flags: []cli.Flag{&cli.BoolFlag{Name: flagYes, Usage: "do not ask"}},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return t.within(c, needs{lock: true, database: true}, func(ctx context.Context, s *session) error {
				return s.purge(ctx, c.Bool(flagYes))
			})
		},
	}
}

func (s *session) purge(ctx context.Context, yes bool) error {
	ready, unproved, err := purge.Candidates(ctx, s.ledger)
	if err != nil {
		return err
	}
	if ready == 0 {
		return s.nothingToPurge(ctx, unproved)
	}
	if err := soak.Ended(ctx, s.ledger); err != nil {
		return err
	}
	if err := s.openSides(ctx); err != nil {
		return err
	}
	if err := s.inForce(ctx); err != nil {
		return err
	}
	if unproved > 0 {
		s.note("no run has read %s yet: kept", some(unproved, "ref", "refs"))
	}
	if !yes {
		if err := s.confirm(ready); err != nil {
			return err
		}
	}
	var o purge.Outcome
	err = s.audited(ctx, map[string]any{"refs": ready, "source": s.migration.From}, func(ctx context.Context) (any, error) {
		progress := s.progress()
		defer progress.End()
		err := s.watched(ctx, func() (err error) {
			o, err = purge.Purge(ctx, purge.Config{Ledger: s.ledger, Source: s.pair.From, Target: s.pair.To, Progress: progress.Set})
			return err
		})
		// The ledger has which were kept; a record has room for their number.
		return map[string]int{"purged": o.Purged, "kept": len(o.Kept)}, err
	})
	if err != nil {
		return err
	}
	if err := s.printPurge(ctx, o, unproved); err != nil {
		return err
	}
	if len(o.Kept)+unproved > 0 {
		return &commandline.Reported{Code: outcome.WorkLeft}
	}
	return nil
}

// nothingToPurge succeeds where an earlier purge deleted everything: one that was killed
// at its very end ends here when it is repeated.
func (s *session) nothingToPurge(ctx context.Context, unproved int) error {
	counts, err := s.ledger.Counts(ctx)
	if err != nil {
		return err
	}
	before := counts[ledger.Purged]
	if before == 0 || unproved > 0 {
		return purge.ErrNothing
	}
	s.tell(ctx, nil) // which that one did not get to
	return s.printPurged(ctx, purge.Outcome{}, 0,
		fmt.Sprintf("nothing is left to purge: %s gone from %s already\n", some(before, "secret is", "secrets are"), named(s.migration.From)))
}

// purged is the JSON form of a purge.
type purged struct {
	purge.Outcome
	// Waiting refs were kept, because no run has read them from the target yet.
	Waiting int    `json:"waiting"`
	Next    string `json:"next"`
}

func (s *session) printPurge(ctx context.Context, o purge.Outcome, waiting int) error {
	text := fmt.Sprintf("purged %s from %s\n", some(o.Purged, "secret", "secrets"), named(s.migration.From))
	for _, k := range o.Kept {
		text += table([][]string{{"kept: " + string(k.Ref)}, {"  " + k.Reason}})
	}
	switch s.migration.From.Provider {
	case catalog.DPAPI:
		text += "their rows in IM_Secrets are gone; the database uses the space again for other rows. To give it back to the disk, see docs/migrate.md\n"
	case catalog.AzureKeyVault:
		text += "the vault keeps deleted secrets until its retention is over, and can recover them until then\n"
	}
	return s.printPurged(ctx, o, waiting, text)
}

// printPurged prints text, or all the rest as JSON.
func (s *session) printPurged(ctx context.Context, o purge.Outcome, waiting int, text string) error {
	next, err := s.next(ctx)
	if err != nil {
		return err
	}
	if s.json {
		if o.Kept == nil {
			o.Kept = []purge.Kept{}
		}
		return s.printJSON(purged{o, waiting, next})
	}
	return s.print(text + "next: " + next + "\n")
}

// confirm asks for the number of refs.
func (s *session) confirm(refs int) error {
	if !term.IsTerminal(int(s.Stdin.Fd())) {
		return commandline.Usagef("purge deletes %s for ever and nobody can be asked: say --%s", some(refs, "secret", "secrets"), flagYes)
	}
	fmt.Fprintf(s.Stderr, "%s\nType %d to go on: ", commandline.Plain(fmt.Sprintf("This deletes %s from %s. There is no way back after it.",
		some(refs, "secret", "secrets"), named(s.migration.From))), refs)
	line, err := bufio.NewReader(io.LimitReader(s.Stdin, 100)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(line) != strconv.Itoa(refs) {
		return errors.New("nothing was deleted: that was not the number")
	}
	return nil
}
