package command

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/commandline"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/soak"
)

func (t *tool) status() *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "show how far the migration is, what is in the way, and what to type next", ArgsUsage: " ",
		Description: "Reads the ledger only, so that it can be asked while another command works.\n\n" +
			"   identitymesh-migrate status\n" +
			"   identitymesh-migrate status --output json --blocked 10000",
		Flags: []cli.Flag{&cli.IntFlag{Name: flagBlocked, Usage: "show at most `N` refs that need an operator", Value: 20}},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if c.Int(flagBlocked) < 0 {
				return commandline.Usagef("--%s must not be negative", flagBlocked)
			}
			return t.within(c, needs{}, func(ctx context.Context, s *session) error {
				report, err := s.report(ctx, c.Int(flagBlocked))
				if err != nil {
					return err
				}
				if t.json {
					return t.printJSON(report)
				}
				return t.print(report.text())
			})
		},
	}
}

const flagBlocked = "blocked"

// report is the JSON form of a status.
type report struct {
	ledger.Migration
	Ledger string `json:"ledger"`
	// Counts of refs by state; states without any are absent.
	Counts map[ledger.State]int `json:"counts"`
	// Blocked are the first refs that need an operator, of NeedOperator.
	Blocked      []ledger.Entry `json:"blocked"`
	NeedOperator int            `json:"needOperator"`
	// Interrupted refs have a step of which nobody knows how it ended; a run finds out.
	Interrupted int `json:"interrupted"`
	// Unnamed is how many entries of the source have no known ref.
	Unnamed int `json:"unnamed"`
	// Soak is how far it is; absent before there was one.
	Soak *soak.Progress `json:"soak,omitempty"`
	// Next is what to type.
	Next string `json:"next"`
}

func (s *session) report(ctx context.Context, limit int) (report, error) {
	r := report{Migration: s.migration, Ledger: s.ledger.Path(), Blocked: []ledger.Entry{}}
	var err error
	if r.Counts, err = s.ledger.Counts(ctx); err != nil {
		return r, err
	}
	r.NeedOperator = r.Counts[ledger.Blocked]
	if limit > 0 && r.NeedOperator > 0 {
		if r.Blocked, err = s.ledger.Page(ctx, []ledger.State{ledger.Blocked}, "", limit); err != nil {
			return r, err
		}
	}
	open, err := s.ledger.Interrupted(ctx)
	if err != nil {
		return r, err
	}
	r.Interrupted = len(open)
	if _, r.Unnamed, err = s.ledger.Unnamed(ctx, 0); err != nil {
		return r, err
	}
	watch, err := soak.See(ctx, s.ledger)
	if err != nil {
		return r, err
	}
	if !watch.Began.IsZero() {
		r.Soak = &watch
	}
	begun, err := s.begun(ctx, open)
	if err != nil {
		return r, err
	}
	r.Next = s.after(r.Counts, !r.Migration.Planned.IsZero(), begun, !watch.Passed.IsZero())
	return r, nil
}

// begun is the command that did not come to its end and has to be repeated; empty for
// none.
func (s *session) begun(ctx context.Context, open []ledger.Entry) (string, error) {
	if back, err := s.ledger.Note(ctx, ledger.NoteBackBegan); err != nil || back != "" {
		return "rollback", err
	}
	if len(open) > 0 {
		step, err := s.ledger.Event(ctx, open[0].Open)
		if err == nil && (step.Step == ledger.Switch || step.Step == ledger.Purge) {
			return string(step.Step), nil
		}
		return "run", err
	}
	began, err := s.ledger.Note(ctx, ledger.NoteSwitchBegan)
	if err != nil || began == "" {
		return "", err
	}
	inForce, err := s.ledger.Note(ctx, ledger.NoteInForce)
	if err == nil && inForce == "" {
		return "switch", nil
	}
	return "", err
}

// next is what to type now.
func (s *session) next(ctx context.Context) (string, error) {
	r, err := s.report(ctx, 0)
	return r.Next, err
}

// after is what to type when refs are in those states.
func (t *tool) after(counts map[ledger.State]int, planned bool, begun string, soaked bool) string {
	command := func(name string) string { return "identitymesh-migrate " + name + t.typed }
	switch {
	case begun != "":
		return command(begun)
	case !planned:
		return command("plan")
	case len(counts) == 0:
		return "nothing is to be moved: change Secrets:Provider in the settings yourself, or set secrets in the source, then: " + command("plan")
	case counts[ledger.Planned]+counts[ledger.Copied]+counts[ledger.Drifted] > 0:
		return command("run")
	case counts[ledger.Verified] > 0 && counts[ledger.Blocked] > 0:
		return "see to the blocked refs, then plan and run again; or leave them behind with --" + flagAllowBlocked + ": " + command("switch")
	case counts[ledger.Verified] > 0:
		return command("switch")
	case counts[ledger.Switched] > 0:
		return command("soak")
	case counts[ledger.Soaking] > 0 && soaked:
		return command("purge")
	case counts[ledger.Soaking] > 0:
		return command("soak")
	case counts[ledger.Blocked] > 0:
		return "see to the blocked refs, then: " + command("plan")
	case counts[ledger.RolledBack] > 0:
		return command("plan") + " begins anew; " + command("report") + " says what was done"
	}
	return command("report")
}

func (r report) text() string {
	text := fmt.Sprintf("migration %s, begun %s by %s\nfrom %s\nto   %s\n", r.ID, r.Created.Format(timeForm), r.Who, named(r.From), named(r.To))
	rows := [][]string{{"STATE", "REFS"}}
	for _, state := range ledger.States() {
		if n := r.Counts[state]; n > 0 {
			rows = append(rows, []string{string(state), fmt.Sprint(n)})
		}
	}
	if n := r.Counts[""]; n > 0 {
		rows = append(rows, []string{"not judged yet", fmt.Sprint(n)})
	}
	text += table(rows)
	for _, e := range r.Blocked {
		text += blockedText(e)
	}
	if more := r.NeedOperator - len(r.Blocked); more > 0 {
		text += fmt.Sprintf("and %d more that are blocked; --%s shows them\n", more, flagBlocked)
	}
	if r.Interrupted > 0 {
		text += fmt.Sprintf("in the middle of a step: %d; if no command works, the next one finds out how it ended\n", r.Interrupted)
	}
	if r.Unnamed > 0 {
		text += fmt.Sprintf("entries of the source whose ref is not known: %d; plan names them\n", r.Unnamed)
	}
	if r.Soak != nil {
		text += soakText(*r.Soak)
	}
	return text + "next: " + r.Next + "\n"
}

const timeForm = "2006-01-02 15:04:05Z"

func named(s ledger.Side) string {
	text := s.Provider + " (" + s.Store + ")"
	if s.Config != "" {
		text += " of " + s.Config
	}
	return text
}

// blockedText is a ref that needs an operator, with why and what to do.
func blockedText(e ledger.Entry) string {
	text := table([][]string{{string(e.State) + ": " + string(e.Ref)}, {"  " + e.Reason}})
	if e.Next != "" {
		text += table([][]string{{"  next: " + e.Next}})
	}
	return text
}
