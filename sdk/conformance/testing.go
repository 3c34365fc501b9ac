package conformance

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"testing"
)

// Test runs the suite and makes a subtest of each case. A case that is advice is
// logged when it fails, and a secret that could not be removed fails the test. It
// returns the report for further expectations, as of the level:
//
//	func TestConformance(t *testing.T) {
//		report := conformance.Test(t, conformance.Config{
//			Binary: conformance.Build(t, "./cmd/acme-plugin"),
//			Config: []byte(`{"Folder":"` + t.TempDir() + `"}`),
//		})
//		if report.Level() != conformance.Writer {
//			t.Errorf("the level is %s", report.Level())
//		}
//	}
func Test(t *testing.T, c Config) Report {
	t.Helper()
	report, err := Run(t.Context(), c, nil)
	if err != nil {
		t.Fatalf("the conformance suite could not run: %v", err)
	}
	for _, r := range report.Results {
		t.Run(r.Case, func(t *testing.T) {
			switch {
			case r.Verdict == Skip:
				t.Skip(r.Why)
			case r.Verdict == Fail && r.Level == None:
				t.Logf("ADVICE %s\nsee %s", r.Why, r.Spec)
			case r.Verdict == Fail:
				t.Errorf("%s\nsee %s", r.Why, r.Spec)
			}
		})
	}
	for _, ref := range report.Leftovers {
		t.Errorf("%q could not be removed from the store", ref)
	}
	return report
}

// Build builds the program of the Go package pkg, without cgo, and returns its
// path. It is gone when the test ends.
func Build(t testing.TB, pkg string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), path.Base(filepath.ToSlash(pkg)))
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return binary
}
