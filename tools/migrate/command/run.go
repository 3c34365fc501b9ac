package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/commandline"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/outcome"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
	"github.com/identitymesh/identitymesh/tools/migrate/transfer"
)

const (
	flagReplace = "replace"
	flagDryRun  = "dry-run"
)

func (t *tool) run() *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "copy what is planned, and verify each copy by reading it back", ArgsUsage: " ",
		Description: "Goes as fast as the target takes it. Interrupted or killed, run it again: it goes on where it was. A value at the target\n" +
			"is never replaced unless this migration wrote it, or --replace names its ref and it is not the newer one.\n\n" +
			"   identitymesh-migrate run\n" +
			"   identitymesh-migrate run --only 'secret://ad/*' --exclude '*/test' --dry-run\n" +
			"   identitymesh-migrate run --replace secret://hr/db   the source's value is the right one",
		Flags: append(choiceFlags(),
			&cli.StringSliceFlag{Name: flagReplace, Usage: "for refs like `GLOB`, take the source's value although the target has another one"},
			&cli.BoolFlag{Name: flagDryRun, Usage: "say what would be done, and do nothing"}),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			n, err := workers(c)
			if err != nil {
				return err
			}
			if c.Bool(flagDryRun) {
				return t.within(c, needs{}, func(ctx context.Context, s *session) error { return s.dryRun(ctx, c) })
			}
			return t.within(c, needs{lock: true, database: true, stores: true}, func(ctx context.Context, s *session) error {
				if s.migration.Planned.IsZero() {
					return fmt.Errorf("%w: its plan was not completed", ledger.ErrNone)
				}
				return s.transfer(ctx, c, n, transfer.Run)
			})
		},
	}
}

func (t *tool) verify() *cli.Command {
	return &cli.Command{
		Name: "verify", Usage: "compare both stores again, and copy again what changed in the source", ArgsUsage: " ",
		Description: "What was set in the source after it was copied is copied again. What was set in the target is left as it is, and named\n" +
			"with what to do. After the switch nothing is copied; differences are told.\n\n" +
			"   identitymesh-migrate verify\n" +
			"   identitymesh-migrate verify --only 'secret://ad/*' --output json",
		Flags: choiceFlags(),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			n, err := workers(c)
			if err != nil {
				return err
			}
			return t.within(c, needs{lock: true, database: true, stores: true}, func(ctx context.Context, s *session) error {
				return s.transfer(ctx, c, n, transfer.Verify)
			})
		},
	}
}

// transferred is the JSON form of what a run or a verify did.
type transferred struct {
	transfer.Result
	// Interrupted is true when it was stopped before all was done.
	Interrupted bool                 `json:"interrupted"`
	Counts      map[ledger.State]int `json:"counts"`
	// InTheWay are the first refs that are blocked. NeedOperator are all of those that
	// were wanted, and what is amiss after the switch.
	InTheWay     []ledger.Entry `json:"inTheWay"`
	NeedOperator int            `json:"needOperator"`
	// Told are the first differences that were found after the switch.
	Told []ledger.Entry `json:"told,omitempty"`
	Next string         `json:"next"`

	blocked int
}

func (s *session) transfer(ctx context.Context, c *cli.Context, concurrency int, do func(context.Context, transfer.Config) (transfer.Result, error)) error {
	want := wanted(c)
	progress := s.progress()
	result := transferred{InTheWay: []ledger.Entry{}}
	err := s.audited(ctx, chosen(c), func(ctx context.Context) (any, error) {
		err := s.watched(ctx, func() (err error) {
			result.Result, err = do(ctx, transfer.Config{
				Ledger: s.ledger, Pair: s.pair, Fingerprints: stores.NewFingerprints(), Concurrency: concurrency,
				Wanted: want, Replace: globs(c.StringSlice(flagReplace)), OnProgress: progress.Set,
			})
			progress.End()
			return err
		})
		return result.Result, err
	})
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			if result.Copied+result.Adopted+result.Verified == 0 {
				return err
			}
			s.note("copied %d and verified %d until then; the same command goes on from there", result.Copied+result.Adopted, result.Verified)
			return err
		}
		result.Interrupted = true
	}
	if err := s.conclude(context.WithoutCancel(ctx), want, &result); err != nil {
		return err
	}
	if s.json {
		err = s.printJSON(result)
	} else {
		err = s.print(result.text())
	}
	if err == nil && (result.Interrupted || result.NeedOperator > 0) {
		err = &commandline.Reported{Code: outcome.WorkLeft}
	}
	return err
}

// conclude finds out what is left.
func (s *session) conclude(ctx context.Context, want func(ledger.Entry) bool, result *transferred) error {
	err := s.ledger.Entries(ctx, []ledger.State{ledger.Blocked}, func(e ledger.Entry) error {
		if want(e) {
			result.NeedOperator++
			if result.blocked++; len(result.InTheWay) < shownBlocked {
				result.InTheWay = append(result.InTheWay, e)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if result.Drifted > 0 {
		err = s.ledger.Entries(ctx, []ledger.State{ledger.Switched, ledger.Soaking}, func(e ledger.Entry) error {
			if !want(e) || e.Reason == "" {
				return nil
			}
			if e.Next != "" { // not only a secret that was set where it is read now
				result.NeedOperator++
			}
			if len(result.Told) < shownBlocked {
				result.Told = append(result.Told, e)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if result.Counts, err = s.ledger.Counts(ctx); err != nil {
		return err
	}
	result.Next, err = s.next(ctx)
	return err
}

func (r transferred) text() string {
	text := ""
	for _, line := range []struct {
		n    int64
		what string
	}{
		{r.Resumed, "interrupted before, and finished now"}, {r.Copied, "copied"}, {r.Adopted, "in the target already, with the same value"},
		{r.Verified, "verified: both stores have the same value"}, {r.Drifted, "changed since they were copied"},
		{r.Blocked, "blocked now"}, {r.Skipped, "not asked for"},
	} {
		if line.n > 0 {
			text += fmt.Sprintf("%6d  %s\n", line.n, line.what)
		}
	}
	if text == "" {
		text = "nothing was to be done\n"
	}
	for _, e := range append(r.InTheWay, r.Told...) {
		text += blockedText(e)
	}
	if more := r.blocked - len(r.InTheWay); more > 0 {
		text += fmt.Sprintf("and %d more that are blocked; identitymesh-migrate status --%s %d shows them\n", more, flagBlocked, r.blocked)
	}
	if r.Interrupted {
		left := r.Counts[ledger.Planned] + r.Counts[ledger.Copied] + r.Counts[ledger.Drifted]
		text += fmt.Sprintf("interrupted; left: %d\n", left)
	}
	return text + "next: " + r.Next + "\n"
}

// would is the JSON form of a dry run.
type would struct {
	Copy   int `json:"copy"`
	Adopt  int `json:"adopt"`
	Verify int `json:"verify"`
	// Blocked stay as they are, Skipped are not asked for.
	Blocked int `json:"blocked"`
	Skipped int `json:"skipped"`
}

func (s *session) dryRun(ctx context.Context, c *cli.Context) error {
	want, replace := wanted(c), globs(c.StringSlice(flagReplace))
	var w would
	states := []ledger.State{ledger.Planned, ledger.Drifted, ledger.Copied, ledger.Blocked}
	err := s.ledger.Entries(ctx, states, func(e ledger.Entry) error {
		switch {
		case !want(e):
			w.Skipped++
		case e.State == ledger.Blocked && !(e.Verdict == ledger.Differs && replace(e.Ref)):
			w.Blocked++
		case e.State == ledger.Copied:
			w.Verify++
		case e.State == ledger.Planned && e.Verdict == ledger.Same:
			w.Adopt++
		default:
			w.Copy++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(w)
	}
	return s.print(fmt.Sprintf("a run would copy %d, find %d in the target already, verify %d copies, leave %d that need an operator, and skip %d\n",
		w.Copy, w.Adopt, w.Verify, w.Blocked, w.Skipped))
}
