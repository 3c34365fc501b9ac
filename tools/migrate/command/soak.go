package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/commandline"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/soak"
)

const flagFor = "for"

// soakPoll is how often the run history is read.
const soakPoll = 2 * time.Second

func (t *tool) soak() *cli.Command {
	return &cli.Command{
		Name: "soak", Usage: "watch runs while the target is in force, and count those that read each ref there", ArgsUsage: " ",
		Description: "Ends when the time is over and every ref that connectors use was read by a run that succeeded; a run that fails\n" +
			"because of a secret ends it at once, with its words. It changes nothing and may be stopped: called again, it goes\n" +
			"on. After a failure it begins anew.\n\n" +
			"   identitymesh-migrate soak\n" +
			"   identitymesh-migrate soak --for 2h",
		Flags: []cli.Flag{&cli.DurationFlag{Name: flagFor, Usage: "how long a new soak takes, `DURATION`", Value: 24 * time.Hour}},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if c.Duration(flagFor) <= 0 {
				return commandline.Usagef("--%s must be longer than nothing", flagFor)
			}
			return t.within(c, needs{lock: true, database: true}, func(ctx context.Context, s *session) error {
				return s.soak(ctx, c.Duration(flagFor))
			})
		},
	}
}

// soaked is the JSON form of a soak.
type soaked struct {
	soak.Progress
	Next string `json:"next"`
}

func (s *session) soak(ctx context.Context, period time.Duration) error {
	counts, err := s.ledger.Counts(ctx)
	if err != nil {
		return err
	}
	if counts[ledger.Purged] > 0 && counts[ledger.Switched]+counts[ledger.Soaking] == 0 {
		p, err := soak.See(ctx, s.ledger) // a new one would watch nothing
		if err != nil {
			return err
		}
		return s.printSoak(ctx, p)
	}
	if err := s.openSides(ctx); err != nil {
		return err
	}
	if err := s.inForce(ctx); err != nil {
		return err // its runs would prove nothing of the target
	}
	var p soak.Progress
	err = s.audited(ctx, map[string]any{"for": period.String()}, func(ctx context.Context) (any, error) {
		watch, err := soak.Open(ctx, soak.Config{
			Ledger: s.ledger, Target: s.pair.To, Runs: s.db, Uses: s.db.SecretUses, For: period, Poll: soakPoll, Now: s.Now,
			Say: func(text string) { s.note("%s", text) },
		})
		if err != nil {
			return nil, err
		}
		err = s.watched(ctx, func() (err error) {
			p, err = watch.Watch(ctx)
			return err
		})
		return p, err
	})
	if err != nil && !errors.Is(err, soak.ErrUnproved) {
		return err
	}
	return errors.Join(s.printSoak(ctx, p), err)
}

func (s *session) printSoak(ctx context.Context, p soak.Progress) error {
	next, err := s.next(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(soaked{p, next})
	}
	return s.print(soakText(p) + "next: " + next + "\n")
}

func soakText(p soak.Progress) string {
	text := fmt.Sprintf("soak from %s to %s: %s by runs, %s proved", p.Began.Format(timeForm), p.Until.Format(timeForm),
		some(p.Reads, "read", "reads"), some(p.Proved, "ref", "refs"))
	if p.Waiting > 0 {
		text += fmt.Sprintf(", %d waiting for a run", p.Waiting)
	}
	switch {
	case p.Failed != nil:
		text += "; failed: " + commandline.Plain((&soak.FailedError{Failure: *p.Failed}).Error())
	case !p.Passed.IsZero():
		text += "; passed"
	}
	return text + "\n"
}
