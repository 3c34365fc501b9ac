package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/identitymesh/identitymesh/build/suite/gotest"
	"github.com/identitymesh/identitymesh/build/suite/wine"
	"github.com/identitymesh/identitymesh/build/workspace"
)

// UnderWine returns the packages of the sdk whose tests run on Windows too.
func UnderWine() []string { return []string{"./..."} }

// WindowsTests returns a run of the sdk's tests on Windows, as far as Wine is that.
// Without Wine they are skipped, and fail where CI=true.
func WindowsTests(w workspace.Workspace, timeout string) Tests {
	return func(ctx context.Context, out io.Writer) (gotest.Report, error) {
		fmt.Fprintln(out, "== tests of the Windows build, under Wine")
		report, err := counted(out, func(stdout io.Writer) error {
			return wine.Test(ctx, wine.Config{
				Workspace: w, Dir: filepath.Join(w.Root, "sdk"), Stdout: stdout, Stderr: out,
				Args: append([]string{"-json", "-count=1", "-p=2", "-timeout=" + timeout}, UnderWine()...),
			})
		})
		for i := range report.Skips {
			report.Skips[i].Test = "windows: " + report.Skips[i].Test
		}
		for i := range report.Failures {
			report.Failures[i] = "windows: " + report.Failures[i]
		}
		var missing *wine.MissingError
		if errors.As(err, &missing) && os.Getenv("CI") != "true" {
			report.Skips = append(report.Skips, gotest.Skip{Test: "windows: all tests", Reason: missing.Error()})
			err = nil
		}
		return report, err
	}
}
