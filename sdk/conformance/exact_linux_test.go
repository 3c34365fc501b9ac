package conformance_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/conformance"
	"github.com/identitymesh/identitymesh/sdk/conformance/persona"
)

// A suite that finds nothing is worth nothing: each persona breaks rules on
// purpose, and has to fail the cases of these rules and no others. Only Linux
// shows a plugin's sockets and processes, which some of the rules are about.
func TestEachPersonaFailsExactlyItsCases(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: about a hundred runs of the whole suite are nothing for a short test")
	}
	build := persona.Build(t)
	var judged []persona.Persona
	for _, p := range persona.All() {
		if len(p.Breaks) > 0 || p.Name == "good" { // the others only a host can judge
			judged = append(judged, p)
		}
	}
	// A run waits more than it works, so that there may be more of them than
	// processors.
	const atOnce = 4
	turns := make(chan struct{}, atOnce)
	ended := make([]chan outcome, len(judged))
	for i, p := range judged {
		binary, store := build(p.Name), t.TempDir()
		ended[i] = make(chan outcome, 1)
		go func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			report, err := conformance.Run(t.Context(), conformance.Config{
				Binary: binary, Config: folder(store),
				// Below a file nothing can be.
				Unreachable: folder(filepath.Join(binary, "away")),
			}, nil)
			ended[i] <- outcome{report, err}
		}()
	}
	for i, p := range judged {
		t.Run(p.Name, func(t *testing.T) {
			got := <-ended[i]
			if got.err != nil {
				t.Fatal(got.err)
			}
			for _, wrong := range got.unlike(p.Breaks) {
				t.Errorf("%s: %s", p.About, wrong)
			}
			if p.Name == "good" && got.report.Level() != conformance.Versioned {
				t.Errorf("the level is %s", got.report.Level())
			}
		})
	}
}

// outcome of one run.
type outcome struct {
	report conformance.Report
	err    error
}

// unlike tells the difference between the cases that failed and those that were
// to.
func (o outcome) unlike(expected []string) (wrong []string) {
	passed := slices.Clone(expected)
	for _, r := range o.report.Results {
		if r.Verdict != conformance.Fail {
			continue
		}
		if i := slices.Index(passed, r.Case); i >= 0 {
			passed = slices.Delete(passed, i, i+1)
		} else {
			wrong = append(wrong, fmt.Sprintf("it fails %s: %s", r.Case, strings.ReplaceAll(r.Why, "\n", "\n\t")))
		}
	}
	for _, name := range passed {
		wrong = append(wrong, "it passes "+name)
	}
	return wrong
}

// Every case has to be able to fail.
func TestEachCaseIsFailedByAPersona(t *testing.T) {
	broken := map[string]bool{}
	for _, p := range persona.All() {
		for _, name := range p.Breaks {
			broken[name] = true
		}
	}
	for _, c := range conformance.Cases() {
		if !broken[c.Name] {
			t.Errorf("no persona breaks %s", c.Name)
		}
	}
}
