// Package report tells auditors what a migration did: which refs were moved, when, by
// whom, from where to where, as the ledger's chain of events has it. It holds no value
// and nothing that was computed from one.
//
// [Make] reads the ledger, [HTML] writes it for people, [Sign] and [Open] protect it.
// Start reading at [Report].
package report

import (
	"context"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
)

// Format names the JSON form, which changes with its number.
const Format = "identitymesh-migration-report/1"

// Report is what there is to tell.
type Report struct {
	Format string    `json:"format"`
	Made   time.Time `json:"made"`
	// By and Host are who made the report and where.
	By   string `json:"by"`
	Host string `json:"host"`
	// Program that made it.
	Program   string           `json:"program"`
	Migration ledger.Migration `json:"migration"`
	// Ledger identifies the events that the report was made from.
	Ledger ledger.Fingerprint   `json:"ledger"`
	Counts map[ledger.State]int `json:"counts"`
	// Steps of the migration as a whole, in order.
	Steps []Step `json:"steps"`
	// Refs in their order.
	Refs []*Ref `json:"refs"`
}

// Step is one step of the migration as a whole.
type Step struct {
	Step    ledger.Step `json:"step"`
	Began   time.Time   `json:"began"`
	Ended   time.Time   `json:"ended,omitzero"`
	Who     string      `json:"who"`
	Host    string      `json:"host"`
	Outcome string      `json:"outcome,omitempty"`
	What    string      `json:"what,omitempty"`
	// Event is its number in the ledger.
	Event int64 `json:"event"`
}

// Ref is what happened to one ref.
type Ref struct {
	Ref           secret.Ref     `json:"ref"`
	Name          string         `json:"name"`
	State         ledger.State   `json:"state"`
	Verdict       ledger.Verdict `json:"verdict,omitempty"`
	Reason        string         `json:"reason,omitempty"`
	SourceVersion secret.Version `json:"sourceVersion,omitempty"`
	TargetVersion secret.Version `json:"targetVersion,omitempty"`
	// When each step last succeeded, and who took it.
	Done map[ledger.Step]Done `json:"done"`
	// Failures of steps.
	Failures int `json:"failures,omitempty"`
	// Reads by runs from the target, the last at LastRead.
	Reads    int64     `json:"reads,omitempty"`
	LastRead time.Time `json:"lastRead,omitzero"`
}

// Done is a step that succeeded.
type Done struct {
	At  time.Time `json:"at"`
	Who string    `json:"who"`
}

// Config of [Make].
type Config struct {
	Ledger *ledger.Ledger
	Now    time.Time
	// By, Host and Program go into the report.
	By, Host, Program string
}

// Make reads the ledger, which it checks first: one that was changed gives a
// [*ledger.BrokenError].
func Make(ctx context.Context, c Config) (Report, error) {
	r := Report{Format: Format, Made: c.Now.UTC(), By: c.By, Host: c.Host, Program: c.Program, Steps: []Step{}, Refs: []*Ref{}}
	var err error
	if r.Ledger, err = c.Ledger.Fingerprint(ctx); err != nil {
		return r, err
	}
	if r.Migration, err = c.Ledger.Migration(ctx); err != nil {
		return r, err
	}
	if r.Counts, err = c.Ledger.Counts(ctx); err != nil {
		return r, err
	}
	refs := map[secret.Ref]*Ref{}
	err = c.Ledger.Entries(ctx, nil, func(e ledger.Entry) error {
		ref := &Ref{Ref: e.Ref, Name: e.Name, State: e.State, Verdict: e.Verdict, Reason: e.Reason,
			SourceVersion: e.SourceVersion, TargetVersion: e.TargetVersion, Done: map[ledger.Step]Done{}, Reads: e.Reads, LastRead: e.LastRead}
		refs[e.Ref] = ref
		r.Refs = append(r.Refs, ref)
		return nil
	})
	if err != nil {
		return r, err
	}
	steps := map[int64]int{} // by event
	return r, c.Ledger.Events(ctx, 0, func(e ledger.Event) error {
		switch {
		case e.Seq > r.Ledger.Events || e.Step == ledger.Note:
		case e.Ref != "":
			if ref := refs[e.Ref]; ref != nil && e.Phase == ledger.PhaseOutcome {
				if e.Outcome == fault.OK.String() {
					ref.Done[e.Step] = Done{e.At, e.Who}
				} else {
					ref.Failures++
				}
			}
		case e.Phase == ledger.PhaseIntent:
			steps[e.Seq] = len(r.Steps)
			r.Steps = append(r.Steps, Step{Step: e.Step, Began: e.At, Who: e.Who, Host: e.Host, What: e.Reason, Event: e.Seq})
		default:
			if i, known := steps[e.Intent]; known {
				r.Steps[i].Ended, r.Steps[i].Outcome = e.At, e.Outcome
			}
		}
		return nil
	})
}
