package suite_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/build/suite"
	"github.com/identitymesh/identitymesh/build/suite/gotest"
	"github.com/identitymesh/identitymesh/build/workspace"
)

func TestRunCountsAndCloses(t *testing.T) {
	good := suite.Check{Name: "good", Run: func(context.Context) error { return nil }}
	bad := suite.Check{Name: "bad", Run: func(context.Context) error { return errors.New("it is bent") }}
	blind := suite.Check{Name: "blind", Run: func(context.Context) error { return &suite.SkipError{Reason: "it is dark"} }}
	tests := map[string]struct {
		checks []suite.Check
		report gotest.Report
		err    error
		last   string
		ok     bool
		said   string
	}{
		"all is well": {
			[]suite.Check{good}, gotest.Report{Passed: 2}, nil, "3 passed, 0 failed, 0 skipped", true, "ok    good",
		},
		"a failing check does not keep the tests from running": {
			[]suite.Check{bad, good}, gotest.Report{Passed: 2}, nil, "3 passed, 1 failed, 0 skipped", false, "it is bent",
		},
		"skips are listed with their reasons": {
			nil, gotest.Report{Passed: 1, Skips: []gotest.Skip{{Test: "p TestX", Reason: "no server"}}}, nil,
			"1 passed, 0 failed, 1 skipped", true, "SKIP  no server\n      p TestX",
		},
		"a check that cannot look is told like a skipped test": {
			[]suite.Check{good, blind}, gotest.Report{Passed: 1}, nil,
			"2 passed, 0 failed, 1 skipped", true, "SKIPPED: 1 tests did not run ====\nSKIP  it is dark\n      blind",
		},
		"failures are told once more at the end": {
			nil, gotest.Report{Failed: 1, Failures: []gotest.Failure{{Test: "p TestY", Output: "y_test.go:1: its words\nand more\n"}}}, errors.New("exit status 1"),
			"0 passed, 1 failed, 0 skipped", false, "==== FAILED ====\nFAIL  p TestY\n      y_test.go:1: its words\n      and more\n\n",
		},
		"a run that breaks off without a failing test is a failure": {
			nil, gotest.Report{Passed: 5}, errors.New("killed"), "5 passed, 1 failed, 0 skipped", false, "killed",
		},
		"no test at all is a failure": {
			[]suite.Check{good}, gotest.Report{}, nil, "1 passed, 1 failed, 0 skipped", false, "no test was run",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			run := func(context.Context, io.Writer) (gotest.Report, error) { return tc.report, tc.err }
			verdict := suite.Run(t.Context(), &out, tc.checks, run)
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if last := lines[len(lines)-1]; last != tc.last || verdict.OK() != tc.ok {
				t.Errorf("last line %q, ok %t", last, verdict.OK())
			}
			if !strings.Contains(out.String(), tc.said) {
				t.Errorf("%q is missing in\n%s", tc.said, out.String())
			}
		})
	}
}

func TestEveryModuleIsTestedAsAWindowsBuild(t *testing.T) {
	w, err := workspace.Find("")
	if err != nil {
		t.Fatal(err)
	}
	tested := map[string]bool{filepath.Join(w.Root, "build"): true} // which nothing of ships
	for _, run := range suite.UnderWine(w) {
		tested[run.Dir] = len(run.Args) > 0
	}
	for _, m := range w.Modules {
		if !tested[m.Dir] {
			t.Errorf("the tests of %s do not run under Wine", m.Rel)
		}
	}
}
