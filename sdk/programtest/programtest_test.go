package programtest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/programtest"
)

// foundKey is how [programtest.Build] tells a test binary where the programs are.
const foundKey = "IDENTITYMESH_TEST_PROGRAMS"

// build builds for what runs as the tests of a package.
func build(t *testing.T, run func(*programtest.Folder), programs ...programtest.Program) {
	t.Helper()
	t.Setenv(foundKey, "")
	f := programtest.Build("1.2.3", programs...)
	if code := f.Run(tests(func() { run(f) })); code != 7 {
		t.Errorf("the exit code of the tests became %d", code)
	}
	if _, err := os.Stat(f.Path); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
}

type tests func()

func (run tests) Run() int { run(); return 7 }

func TestProgramsAreBuiltInTheirVersionAndPinned(t *testing.T) {
	build(t, func(f *programtest.Folder) {
		f.Need(t)
		file := programtest.File(f.Path, "hello")
		if out, err := exec.CommandContext(t.Context(), file).Output(); err != nil || strings.TrimSpace(string(out)) != "1.2.3" {
			t.Errorf("said %q, %v", out, err)
		}
		lock, err := catalog.ReadLock(filepath.Join(f.Path, catalog.LockFile))
		if err != nil {
			t.Fatal(err)
		}
		hash, err := launch.Hash(file)
		entry := lock.Plugins["greeting"]
		if err != nil || len(lock.Plugins) != 1 || entry.File != "hello" || entry.Version != "1.2.3" ||
			entry.Platforms[runtime.GOOS+"/"+runtime.GOARCH].Sha256 != hash {
			t.Errorf("pinned %+v, %v", lock.Plugins, err)
		}
		// As a test binary does that this one started.
		again := programtest.Build("1.2.3")
		if again.Run(tests(func() {})); again.Path != f.Path {
			t.Errorf("another process got %s", again.Path)
		}
		if _, err := os.Stat(file); err != nil {
			t.Errorf("another process removed what it did not build: %v", err)
		}
	}, programtest.Program{Dir: "testdata", Package: "./hello", Plugin: "greeting"}, programtest.Program{Dir: ".", Package: "./testdata/hello"})
}

// judged notes how a test ends, and goes on.
type judged struct {
	testing.TB
	verdict string
}

func (*judged) Helper()        {}
func (j *judged) Fatal(...any) { j.verdict = "failed" }
func (j *judged) Skip(...any)  { j.verdict = "skipped" }

func TestATestIsSkippedOnlyForWhatIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		program programtest.Program
		ci      string
		want    string
	}{
		"programs that are there":         {programtest.Program{Dir: "testdata", Package: "./hello"}, "true", ""},
		"sources that are not there":      {programtest.Program{Dir: "nowhere", Package: "./hello"}, "", "skipped"},
		"sources that have to be there":   {programtest.Program{Dir: "nowhere", Package: "./hello"}, "true", "failed"},
		"a program that does not compile": {programtest.Program{Dir: "testdata", Package: "./nothing"}, "", "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CI", c.ci)
			build(t, func(f *programtest.Folder) {
				j := &judged{TB: t}
				if f.Need(j); j.verdict != c.want {
					t.Errorf("%q, want %q", j.verdict, c.want)
				}
			}, c.program)
		})
	}
}

func TestNothingOfTheMachineReachesAProgram(t *testing.T) {
	kept := []string{"HOME=/home/me", "IDENTITYMESH_TEST_X=1", "AZURE=1"}
	dropped := []string{"Secrets__Provider=DPAPI", "DOTNET_ENVIRONMENT=Test", "RUNTIME_DIRECTORY=/run/x", "OTEL_SDK_DISABLED=true", "AZURE_CLIENT_ID=1",
		"IDENTITY_ENDPOINT=x", "MSI_SECRET=x", "https_proxy=x", "NO_PROXY=x", "SSL_CERT_FILE=x"}
	for _, kv := range slices.Concat(kept, dropped) {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	got := programtest.Environ()
	for _, kv := range kept {
		if !slices.Contains(got, kv) {
			t.Errorf("%s was dropped", kv)
		}
	}
	for _, kv := range dropped {
		if slices.Contains(got, kv) {
			t.Errorf("%s was kept", kv)
		}
	}
}

func TestAFolderOfATestIsShortAndGoesAway(t *testing.T) {
	var dir string
	t.Run("test", func(t *testing.T) {
		dir = programtest.TempDir(t)
		if info, err := os.Stat(dir); err != nil || !info.IsDir() || runtime.GOOS != "windows" && len(dir) > 20 {
			t.Errorf("got %q, %v", dir, err)
		}
	})
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}
