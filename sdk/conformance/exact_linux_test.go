package conformance_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
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
	build, judge := persona.Build(t), conformance.Build(t, "./internal/judge")
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
		// Below a file nothing can be.
		binary, store := build(p.Name), folder(t.TempDir())
		cmd := exec.CommandContext(t.Context(), judge, binary, string(store), string(folder(filepath.Join(binary, "away"))))
		ended[i] = make(chan outcome, 1)
		go func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			var o outcome
			body, err := cmd.Output()
			if err == nil {
				err = json.Unmarshal(body, &o)
			}
			if err != nil {
				o.err = fmt.Errorf("%w: %s", err, body)
			}
			ended[i] <- o
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
			if p.Name == "good" && got.Level != conformance.Versioned.String() {
				t.Errorf("the level is %s", got.Level)
			}
		})
	}
}

// outcome is what the test needs of a report.
type outcome struct {
	Level   string
	Results []struct{ Case, Verdict, Why string }
	err     error
}

// unlike tells the difference between the cases that failed and those that were
// to.
func (o outcome) unlike(expected []string) (wrong []string) {
	passed := slices.Clone(expected)
	for _, r := range o.Results {
		if r.Verdict != string(conformance.Fail) {
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
