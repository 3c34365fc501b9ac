// Package suite runs the checks and tests of the whole repository and counts
// them.
//
// What each check looks at is in checks.go; reading test output, installing
// servers, building as a stranger and comparing generated code are packages of
// their own below. Start reading at [Run].
package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/build/suite/gotest"
)

// Check is one thing to look at beside the tests; it counts as one test.
type Check struct {
	Name string
	// Run returns nil when all is well, and a [*SkipError] when it could not look.
	Run func(ctx context.Context) error
}

// SkipError says why a check did not look. It is told like a skipped test.
type SkipError struct{ Reason string }

func (e *SkipError) Error() string { return "skipped: " + e.Reason }

// Tests runs the tests, shows their progress on out, and counts them.
type Tests func(ctx context.Context, out io.Writer) (gotest.Report, error)

// Verdict is the outcome of a run.
type Verdict struct{ Passed, Failed, Skipped int }

// String returns the closing line.
func (v Verdict) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", v.Passed, v.Failed, v.Skipped)
}

// OK reports whether something ran and nothing failed.
func (v Verdict) OK() bool { return v.Failed == 0 && v.Passed > 0 }

// Run does all checks, then the tests, whatever failed before, and ends its
// output with what was skipped, what failed, and the verdict as the last line.
func Run(ctx context.Context, out io.Writer, checks []Check, tests Tests) Verdict {
	var v Verdict
	var failures []gotest.Failure
	var skips []gotest.Skip
	began := time.Now()
	for _, c := range checks {
		start := time.Now()
		fmt.Fprintf(out, "== %s\n", c.Name)
		err := c.Run(ctx)
		var skip *SkipError
		switch {
		case errors.As(err, &skip):
			skips = append(skips, gotest.Skip{Test: c.Name, Reason: skip.Reason})
			fmt.Fprintf(out, "SKIP  %s: %s\n", c.Name, skip.Reason)
		case err != nil:
			v.Failed++
			failures = append(failures, gotest.Failure{Test: c.Name, Output: err.Error()})
			fmt.Fprintf(out, "FAIL  %s (%s)\n%v\n", c.Name, since(start), err)
		default:
			v.Passed++
			fmt.Fprintf(out, "ok    %s (%s)\n", c.Name, since(start))
		}
	}

	start := time.Now()
	fmt.Fprintln(out, "== tests")
	report, err := tests(ctx, out)
	v.Passed += report.Passed
	v.Failed += report.Failed
	skips = append(skips, report.Skips...)
	v.Skipped = len(skips)
	failures = append(failures, report.Failures...)
	switch {
	case err != nil:
		fmt.Fprintf(out, "FAIL  tests: %v\n", err)
		// A run that broke off without a failing test is a failure all the same.
		if report.Failed == 0 {
			v.Failed++
			failures = append(failures, gotest.Failure{Test: "the run of the tests", Output: err.Error()})
		}
	case report.Passed == 0 && report.Failed == 0:
		v.Failed++
		failures = append(failures, gotest.Failure{Test: "no test was run"})
	}
	fmt.Fprintf(out, "tests took %s, everything %s\n", since(start), since(began))

	if len(skips) > 0 {
		fmt.Fprintf(out, "\n==== SKIPPED: %d tests did not run ====\n", len(skips))
		listSkips(out, skips)
	}
	if len(failures) > 0 {
		fmt.Fprintf(out, "\n==== FAILED ====\n")
		for _, f := range failures { // once more, where whoever reads only the end sees it
			fmt.Fprintf(out, "FAIL  %s\n", f.Test)
			for line := range strings.Lines(f.Output) {
				fmt.Fprintf(out, "      %s\n", strings.TrimSuffix(line, "\n"))
			}
		}
	}
	fmt.Fprintf(out, "\n%s\n", v)
	return v
}

// listSkips lists the tests below the reason that they share.
func listSkips(out io.Writer, skips []gotest.Skip) {
	byReason := make(map[string][]string)
	for _, s := range skips {
		byReason[s.Reason] = append(byReason[s.Reason], s.Test)
	}
	for _, reason := range slices.Sorted(maps.Keys(byReason)) {
		fmt.Fprintf(out, "SKIP  %s\n", reason)
		for _, test := range byReason[reason] {
			fmt.Fprintf(out, "      %s\n", test)
		}
	}
}

func since(start time.Time) time.Duration { return time.Since(start).Round(100 * time.Millisecond) }
