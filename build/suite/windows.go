package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/identitymesh/identitymesh/build/suite/gotest"
	"github.com/identitymesh/identitymesh/build/suite/wine"
	"github.com/identitymesh/identitymesh/build/workspace"
)

// UnderWine returns the arguments of go test that choose what runs under Wine: the
// packages of the sdk that meet the system, and all that costs nothing. Left out is
// what takes long and judges what no system does differently, answers above all.
func UnderWine() []string {
	skip := "-skip=" + strings.Join([]string{
		"^TestLieNeverReachesTheCallerAndCountsAgainstThePlugin$/^[^h]", // the huge ones run
		"^TestPluginThatCannotStartIsAStateWithACause$/^(another|boastful|huge|in-the|many|nonsense|other|without|wrong-name)",
		"^TestWhatIsOddAndNoLieDoesNotCount$", "^TestTwoMajorsOfTheContract$",
		"^TestFrozenPluginIsReplacedSoonAfterACallerGaveUp$", // TestFrozenPluginIsReplaced runs
	}, "|")
	return []string{skip,
		"./appsettings", "./boot", "./buildinfo", "./configschema", "./contract/...", "./diag", "./fault/...", "./host/...", "./internal/...",
		"./naming", "./pluginmain", "./productdb", "./provider", "./secret", "./telemetry", "./template/...", // with its conformance
	}
}

// WindowsTests returns a run of the sdk's tests on Windows, as far as Wine is that.
// Without Wine they are skipped, and fail where CI=true.
func WindowsTests(w workspace.Workspace, timeout string) Tests {
	return func(ctx context.Context, out io.Writer) (gotest.Report, error) {
		fmt.Fprintln(out, "== tests of the Windows build, under Wine")
		report, err := counted(out, func(stdout io.Writer) error {
			return wine.Test(ctx, wine.Config{
				Workspace: w, Dir: filepath.Join(w.Root, "sdk"), Stdout: stdout, Stderr: out,
				// Each process of Wine has to wait for its one server.
				Args: append([]string{"-json", "-count=1", "-p=2", "-parallel=10", "-timeout=" + timeout}, UnderWine()...),
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
