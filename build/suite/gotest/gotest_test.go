package gotest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/build/suite/gotest"
)

func read(t *testing.T, stream string) (gotest.Report, string) {
	t.Helper()
	var out strings.Builder
	report, err := gotest.Read(strings.NewReader(stream), &out, "example.test")
	if err != nil {
		t.Fatal(err)
	}
	return report, out.String()
}

func TestReadOfMadeUpStreams(t *testing.T) {
	tests := map[string]struct {
		stream string
		want   gotest.Report
		said   string
	}{
		"a package that never ends counts as failed": {
			stream: `{"Action":"start","Package":"example.test/p"}` + "\n" + `{"Action":"output","Package":"example.test/p","Output":"killed\n"}`,
			want:   gotest.Report{Failed: 1, Failures: []gotest.Failure{{Test: "p (never ended)", Output: "killed\n"}}},
			said:   "killed",
		},
		"a test that runs when its package fails counts as failed": {
			stream: `{"Action":"run","Package":"example.test/p","Test":"TestSlow"}
{"Action":"output","Package":"example.test/p","Test":"TestSlow","Output":"panic: test timed out\n"}
{"Action":"fail","Package":"example.test/p","Elapsed":600}`,
			want: gotest.Report{Failed: 1, Failures: []gotest.Failure{{Test: "p TestSlow (did not finish)", Output: "panic: test timed out\n"}}},
			said: "panic: test timed out",
		},
		"a package that cannot be set up counts as failed": {
			stream: `{"Action":"output","Package":"example.test/p","Output":"FAIL example.test/p [setup failed]\n"}
{"Action":"fail","Package":"example.test/p"}`,
			want: gotest.Report{Failed: 1, Failures: []gotest.Failure{{Test: "p (the package itself)", Output: "FAIL example.test/p [setup failed]\n"}}},
			said: "[setup failed]",
		},
		"of a long output its end is kept, in whole lines": {
			stream: `{"Action":"output","Package":"example.test/p","Test":"TestLong","Output":"` + strings.Repeat("x", 9000) + `\n"}
{"Action":"output","Package":"example.test/p","Test":"TestLong","Output":"the reason\n"}
{"Action":"fail","Package":"example.test/p","Test":"TestLong"}
{"Action":"fail","Package":"example.test/p"}`,
			want: gotest.Report{Failed: 1, Failures: []gotest.Failure{{Test: "p TestLong", Output: "the reason\n"}}},
			said: "xx\nthe reason\n",
		},
		"lines that are no events are shown": {
			stream: "go: something is wrong\n",
			said:   "go: something is wrong\n",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			report, said := read(t, tc.stream)
			if !reflect.DeepEqual(report, tc.want) {
				t.Errorf("got %+v, want %+v", report, tc.want)
			}
			if !strings.Contains(said, tc.said) {
				t.Errorf("%q is missing in\n%s", tc.said, said)
			}
		})
	}
}

func TestReadOfTheRealThing(t *testing.T) {
	root := t.TempDir()
	files := map[string]string{
		"go.mod": "module example.test\n\ngo 1.26\n",
		"mixed/mixed_test.go": `package mixed

import "testing"

func TestGood(t *testing.T) { t.Run("part", func(t *testing.T) {}) }
func TestBad(t *testing.T)  { t.Log("in its own words"); t.Fail() }
func TestLeftOut(t *testing.T) { t.Skip("no server here") }
`,
		"broken/broken_test.go": "package broken\n\nvar _ = missing\n",
		"panics/panics_test.go": "package panics\n\nimport \"testing\"\n\nfunc TestPanic(t *testing.T) { panic(\"out of order\") }\n",
		"plain/plain.go":        "package plain\n",
	}
	for name, text := range files {
		name = filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-json", "./...")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	stream, err := cmd.Output()
	if err == nil {
		t.Fatal("go test passed, it should not")
	}
	report, said := read(t, string(stream))
	if report.Passed != 2 || report.Failed != 3 || len(report.Skips) != 1 {
		t.Errorf("got %+v", report)
	}
	if s := report.Skips; len(s) == 1 && (s[0].Test != "mixed TestLeftOut" || s[0].Reason != "no server here") {
		t.Errorf("skip %+v", s[0])
	}
	for _, want := range []string{"in its own words", "undefined: missing", "out of order", "fail  mixed"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is missing in\n%s", want, said)
		}
	}
	if strings.Contains(said, "no server here") || strings.Contains(said, "plain") {
		t.Errorf("too much is shown:\n%s", said)
	}
}
