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

// UnderWine returns what runs under Wine, module by module: the packages that meet
// the system, and all that costs nothing. Left out is what takes long and judges
// what no system does differently, answers above all.
func UnderWine(w workspace.Workspace) []wine.Run {
	var out []wine.Run
	for _, m := range []struct {
		module         string
		packages, skip []string
	}{
		{"sdk", []string{
			"./appsettings", "./boot", "./buildinfo", "./configschema", "./contract/...", "./diag", "./fault/...", "./host/...", "./internal/...",
			"./datafolder", "./logfile", "./naming", "./pluginmain", "./productdb", "./provider", "./secret", "./telemetry", "./wholefile", "./template/...", // with its conformance
		}, []string{
			"^TestLieNeverReachesTheCallerAndCountsAgainstThePlugin$/^[^h]", // the huge ones run
			"^TestPluginThatCannotStartIsAStateWithACause$/^(another|boastful|huge|in-the|many|nonsense|other|without|wrong-name)",
			"^TestWhatIsOddAndNoLieDoesNotCount$", "^TestTwoMajorsOfTheContract$",
			"^TestFrozenPluginIsReplacedSoonAfterACallerGaveUp$",         // TestFrozenPluginIsReplaced runs
			"^TestWhoIsTrustedAndWhatARefusalAdvises$/unknown_authority", // of which Wine only says that it cannot read the certificate
		}},
		{"engine", []string{"./..."}, []string{"^TestARunSurvivesADatabaseThatFailsAtAnyStatement$"}}, // services run among the rest
		{"plugins/dpapi", []string{"./..."}, nil},
		// The rest speaks HTTP with a vault, as on every system.
		{"plugins/keyvault", []string{"./credential", "./settings", "./vault"}, nil},
		{"adminapi", []string{"./authn", "./cmd/...", "./front", "./presence", "./web"}, nil},                                // both programs, with the real plugin
		{"tools/migrate", []string{"./command", "./ledger", "./outcome", "./pace", "./plan", "./stores", "./transfer"}, nil}, // the first with the real plugin
		{"tools/secretscli", []string{"./..."}, []string{
			"^TestPluginIsCheckedAgainstTheSpecification$", "^TestListTakesMoreThanOnePage$", "^TestAChangeThatTookTooLongIsCalledUncertain$",
		}},
	} {
		args := m.packages
		if len(m.skip) > 0 {
			args = append([]string{"-skip=" + strings.Join(m.skip, "|")}, args...)
		}
		out = append(out, wine.Run{Dir: filepath.Join(w.Root, filepath.FromSlash(m.module)), Args: args})
	}
	return out
}

// WindowsTests returns a run of the tests on Windows, as far as Wine is that.
// Without Wine they are skipped, and fail where CI=true.
func WindowsTests(w workspace.Workspace, timeout string) Tests {
	return func(ctx context.Context, out io.Writer) (gotest.Report, error) {
		fmt.Fprintln(out, "== tests of the Windows build, under Wine; of DPAPI, this is calling code under Wine and no proof of what Windows does")
		runs := UnderWine(w)
		for i := range runs {
			// Each process of Wine has to wait for its one server.
			runs[i].Args = append([]string{"-json", "-count=1", "-p=2", "-parallel=10", "-timeout=" + timeout}, runs[i].Args...)
		}
		report, err := counted(out, func(stdout io.Writer) error {
			return wine.Test(ctx, wine.Config{Workspace: w, Runs: runs, Stdout: stdout, Stderr: out})
		})
		for i := range report.Skips {
			report.Skips[i].Test = "windows: " + report.Skips[i].Test
		}
		for i := range report.Failures {
			report.Failures[i].Test = "windows: " + report.Failures[i].Test
		}
		var missing *wine.MissingError
		if errors.As(err, &missing) && os.Getenv("CI") != "true" {
			report.Skips = append(report.Skips, gotest.Skip{Test: "windows: all tests", Reason: missing.Error()})
			err = nil
		}
		return report, err
	}
}
