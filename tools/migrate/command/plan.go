package command

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/commandline"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/outcome"
	"github.com/identitymesh/identitymesh/tools/migrate/plan"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
)

const (
	flagFrom       = "from"
	flagTo         = "to"
	flagFromConfig = "from-config"
	flagToConfig   = "to-config"
)

func (t *tool) plan() *cli.Command {
	return &cli.Command{
		Name: "plan", Usage: "find out what a run would do, and whether it can take over everything", ArgsUsage: " ",
		Description: "Looks at both stores and at what connectors need, and changes neither. Plan again at any time: what was copied stays.\n" +
			"Exit code 0 says that a run can take over everything, 6 that it cannot; the refs that are in the way are named.\n\n" +
			"   identitymesh-migrate plan --to AzureKeyVault\n" +
			"   identitymesh-migrate plan --from AzureKeyVault --to DPAPI\n" +
			"   identitymesh-migrate plan --to-config /etc/identitymesh/other-vault.json   from one vault to another",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: flagTo, Usage: "the `PROVIDER` to go to, as Secrets:Provider would call it"},
			&cli.StringFlag{Name: flagFrom, Usage: "the `PROVIDER` to come from (default: the one in force)"},
			&cli.StringFlag{Name: flagToConfig, Usage: "another appsettings.json, `FILE`, that configures the provider to go to"},
			&cli.StringFlag{Name: flagFromConfig, Usage: "another appsettings.json, `FILE`, that configures the provider to come from"},
			concurrency(),
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			n, err := workers(c)
			if err != nil {
				return err
			}
			return t.within(c, needs{create: true, lock: true, database: true}, func(ctx context.Context, s *session) error {
				return s.plan(ctx, c, n)
			})
		},
	}
}

// planned is the JSON form of a plan's result.
type planned struct {
	Migration ledger.Migration `json:"migration"`
	plan.Result
	// Runnable is true when a run can take over everything.
	Runnable bool `json:"runnable"`
	// Plan is the file with every ref.
	Plan string `json:"plan"`
	// Blocked are the first refs that are in the way.
	Blocked []ledger.Entry `json:"blocked"`
	Next    string         `json:"next"`
}

func (s *session) plan(ctx context.Context, c *cli.Context, concurrency int) error {
	if err := s.sides(ctx, c); err != nil {
		return err
	}
	uses, err := s.db.SecretUses(ctx)
	if err != nil {
		return err
	}
	result := planned{Blocked: []ledger.Entry{}}
	progress := s.progress()
	err = s.audited(ctx, map[string]any{"from": s.migration.From, "to": s.migration.To}, func(ctx context.Context) (any, error) {
		err := s.watched(ctx, func() (err error) {
			result.Result, err = plan.Make(ctx, plan.Config{
				Ledger: s.ledger, Pair: s.pair, Uses: uses, Fingerprints: stores.NewFingerprints(), Concurrency: concurrency, OnProgress: progress.Set,
			})
			progress.End()
			return err
		})
		return result.Result, err
	})
	if err != nil {
		return err
	}
	if result.Migration, err = s.ledger.Migration(ctx); err != nil {
		return err
	}
	s.migration = result.Migration
	result.Runnable = result.Result.Runnable()
	files, err := s.settingsFiles(c)
	if err != nil {
		return err
	}
	_, target := s.wanted()
	if err := files.Check(target); err != nil {
		result.Notes = append(result.Notes, "a run can copy, and a switch would be refused: "+err.Error())
	}
	if result.Plan, err = s.writePlan(ctx, result); err != nil {
		return err
	}
	if result.Blocked, err = s.ledger.Page(ctx, []ledger.State{ledger.Blocked}, "", shownBlocked); err != nil {
		return err
	}
	if result.Next, err = s.next(ctx); err != nil {
		return err
	}
	if s.json {
		err = s.printJSON(result)
	} else {
		err = s.print(result.text())
	}
	if err == nil && !result.Runnable {
		err = &commandline.Reported{Code: outcome.WorkLeft}
	}
	return err
}

// sides opens the stores that the options name, or those of the migration that is
// there, and makes the ledger be about them.
func (s *session) sides(ctx context.Context, c *cli.Context) error {
	there := s.migration.ID != ""
	if !there && !c.IsSet(flagTo) && !c.IsSet(flagToConfig) {
		return commandline.Usagef("say with --%s or --%s where the secrets are to go, as in --%s AzureKeyVault", flagTo, flagToConfig, flagTo)
	}
	selection := func(side stores.Selection, provider, config string) (stores.Selection, error) {
		if !c.IsSet(provider) && !c.IsSet(config) && there {
			side.Store = ""
			return side, nil
		}
		chosen := stores.Selection{Provider: c.String(provider)}
		if c.String(config) == "" {
			return chosen, nil
		}
		path, err := filepath.Abs(c.String(config))
		chosen.Config = path
		return chosen, err
	}
	source, err := s.source(ctx)
	if err != nil {
		return err
	}
	from, err := selection(source, flagFrom, flagFromConfig)
	if err != nil {
		return err
	}
	to, err := selection(stores.Of(s.migration.To), flagTo, flagToConfig)
	if err != nil {
		return err
	}
	if err := s.openStores(ctx, from, to); err != nil {
		return err
	}
	m := ledger.Migration{ID: cmp.Or(s.migration.ID, strings.ToLower(rand.Text()[:12])), From: s.pair.From.Side, To: s.pair.To.Side}
	if there && m.From == s.migration.From && m.To == s.migration.To {
		return nil
	}
	if err := s.ledger.Found(ctx, m); err != nil {
		if begun := (*ledger.BegunError)(nil); errors.As(err, &begun) {
			err = fmt.Errorf("%w; finish it or roll it back, then move %s away and keep it, or say with --%s where the ledger of another migration is",
				err, s.ledger.Path(), flagLedger)
		}
		return err
	}
	s.migration, err = s.ledger.Migration(ctx)
	return err
}

// shownBlocked is how many refs that need an operator are shown with a result.
const shownBlocked = 20

func (p planned) text() string {
	text := fmt.Sprintf("from %s\nto   %s\n", named(p.Migration.From), named(p.Migration.To))
	rows := [][]string{{"REFS", "VERDICT", "WHAT A RUN DOES"}}
	for _, v := range ledger.Verdicts() {
		if n := p.Verdicts[v]; n > 0 {
			rows = append(rows, []string{fmt.Sprint(n), string(v), does(v)})
		}
	}
	if p.Underway > 0 {
		rows = append(rows, []string{fmt.Sprint(p.Underway), "copied before", "nothing: verify compares them again"})
	}
	if p.Unnamed > 0 {
		rows = append(rows, []string{fmt.Sprint(p.Unnamed), "unnamed", "nothing: the source knows them by a name that cannot be turned into a ref; set them again under their ref"})
	}
	text += table(rows)
	if p.Unused > 0 {
		text += fmt.Sprintf("%d of them no connector uses; they are copied too, unless run --%s says otherwise\n", p.Unused, flagOnlyUsed)
	}
	if p.PerSecond > 0 {
		text += fmt.Sprintf("the target takes %g sets a second; a run lasts about %s\n", p.PerSecond, p.Lasts())
	} else {
		text += "the target states no limit; how long a run lasts is not known\n"
	}
	for _, n := range p.Notes {
		text += "note: " + commandline.Plain(n) + "\n"
	}
	for _, e := range p.Blocked {
		text += blockedText(e)
	}
	text += "every ref: " + commandline.Plain(p.Plan) + "\n"
	if p.Runnable {
		text += "a run can take over everything\n"
	} else {
		text += "a run cannot take over everything\n"
	}
	return text + "next: " + p.Next + "\n"
}

func does(v ledger.Verdict) string {
	switch v {
	case ledger.Create:
		return "copies it"
	case ledger.Same:
		return "nothing: the target has the value"
	case ledger.SoftDeleted:
		return "recovers its name in the target, and copies it"
	}
	return "nothing: it needs an operator"
}
