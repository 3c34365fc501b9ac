package suite_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/build/suite"
	"github.com/identitymesh/identitymesh/build/suite/gotest"
	"github.com/identitymesh/identitymesh/build/workspace"
)

const requirement = "\nrequire example.test/lib v0.1.0\n\nreplace example.test/lib => ../lib\n"

func TestVetLetsNoModuleLeanOnTheWorkspace(t *testing.T) {
	for name, tc := range map[string]struct{ requirement, test, want string }{
		"a module that requires what it uses":            {requirement, "package app_test\n", ""},
		"a requirement that only the workspace supplies": {"", "package app_test\n", "example.test/lib"},
		"a test that does not compile":                   {requirement, "package app_test\n\nvar _ = missing\n", "undefined: missing"},
	} {
		t.Run(name, func(t *testing.T) {
			w := twoModules(t, map[string]string{
				"app/go.mod":      "module example.test/app\n\ngo 1.26\n" + tc.requirement,
				"app/app_test.go": tc.test,
			})
			err := suite.Vet(t.Context(), w, nil)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q in it", err, tc.want)
			}
		})
	}
}

func TestGoTestsRunsTheTestsOfEachModule(t *testing.T) {
	w := twoModules(t, map[string]string{
		"app/app_test.go": "package app_test\n\nimport \"testing\"\n\nfunc TestGood(*testing.T) {}\n",
		"lib/lib_test.go": "package lib_test\n\nimport \"testing\"\n\nfunc TestBad(t *testing.T) { t.Fatal(\"bent\") }\nfunc TestLeft(t *testing.T) { t.Skip(\"why\") }\n",
	})
	var out strings.Builder
	report, err := suite.GoTests(w, false, "1m")(t.Context(), &out)
	if err == nil || report.Passed != 1 || report.Failed != 1 || len(report.Skips) != 1 || !strings.Contains(out.String(), "bent") {
		t.Errorf("%+v, %v\n%s", report, err, &out)
	}
}

func TestOneAfterTheOtherCountsTogether(t *testing.T) {
	run := func(r gotest.Report, err error) suite.Tests {
		return func(_ context.Context, out io.Writer) (gotest.Report, error) {
			fmt.Fprint(out, r.Passed, " ")
			return r, err
		}
	}
	broken := errors.New("it broke off")
	var out strings.Builder
	got, err := suite.OneAfterTheOther(
		run(gotest.Report{Passed: 2, Failed: 1, Failures: []gotest.Failure{{Test: "a"}}}, broken),
		run(gotest.Report{Passed: 3, Skips: []gotest.Skip{{Test: "b"}}}, nil),
	)(t.Context(), &out)
	want := gotest.Report{Passed: 5, Failed: 1, Failures: []gotest.Failure{{Test: "a"}}, Skips: []gotest.Skip{{Test: "b"}}}
	if !reflect.DeepEqual(got, want) || !errors.Is(err, broken) || out.String() != "2 3 " {
		t.Errorf("%+v, %v, %q", got, err, &out)
	}
}

// Nobody may believe that the Windows build was tested when it was not.
func TestMissingWineIsToldAndFailsInContinuousIntegration(t *testing.T) {
	w := twoModules(t, nil)
	t.Setenv("PATH", t.TempDir()) // where the compiler is looked for
	t.Setenv("CI", "")
	report, err := suite.WindowsTests(w, "1m")(t.Context(), io.Discard)
	if err != nil || len(report.Skips) != 1 || !strings.Contains(report.Skips[0].Reason, "need Wine") {
		t.Errorf("%+v, %v", report, err)
	}
	t.Setenv("CI", "true")
	if _, err := suite.WindowsTests(w, "1m")(t.Context(), io.Discard); err == nil {
		t.Error("with CI=true it is no failure")
	}
}

// twoModules is a workspace of app, which uses lib, and lib, with the files put
// over it.
func twoModules(t *testing.T, change map[string]string) workspace.Workspace {
	t.Helper()
	root := t.TempDir()
	for _, files := range []map[string]string{{
		"go.work":    "go 1.26\nuse (\n\t./app\n\t./lib\n)\n",
		"lib/go.mod": "module example.test/lib\n\ngo 1.26\n",
		"lib/lib.go": "package lib\n",
		"app/go.mod": "module example.test/app\n\ngo 1.26\n" + requirement,
		"app/app.go": "package app\n\nimport _ \"example.test/lib\"\n",
	}, change} {
		for name, text := range files {
			name = filepath.Join(root, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Setenv("GOPROXY", "off")
	t.Setenv("GOWORK", "")
	w, err := workspace.Find(root)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
