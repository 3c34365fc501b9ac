// Package programtest is for tests that run real programs, such as a host with its
// plugins: the programs, built once and pinned as an installation pins them, a folder
// to run them in, and an environment that keeps the machine's own settings away.
//
// How a provider behaves needs no program: see package plugintest. Whether any plugin
// keeps to the contract says package conformance. Start reading at [Build].
package programtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
)

// Program is one to build.
type Program struct {
	// Dir is the folder of its module, seen from that of the test, and Package its
	// package in there, as in ./cmd/acme-plugin. The last part is the program's name.
	Dir, Package string
	// Plugin is the name that the lock file has for it; empty when it is no plugin.
	Plugin string
}

// Folder has the programs that the tests of one package run.
type Folder struct {
	// Path of the folder. The lock file of its plugins is in there too.
	Path string

	problem error
	// found is true where another process built the programs.
	found bool
}

// folderKey tells a test binary that was started by itself where the programs are.
const folderKey = "IDENTITYMESH_TEST_PROGRAMS"

// Build builds programs, without cgo and with version for their variable main.version,
// into a new folder. What goes wrong is told by [Folder.Need], to tests that need it. A
// test binary that was started by itself gets the folder of the one that started it:
//
//	var built *programtest.Folder
//
//	func TestMain(m *testing.M) {
//		built = programtest.Build("1.2.3",
//			programtest.Program{Dir: ".", Package: "./cmd/acme-plugin", Plugin: "acme"})
//		os.Exit(built.Run(m))
//	}
func Build(version string, programs ...Program) *Folder {
	if path := os.Getenv(folderKey); path != "" {
		return &Folder{Path: path, found: true}
	}
	f := &Folder{}
	if f.Path, f.problem = os.MkdirTemp(shortTemp(), "im-"); f.problem == nil {
		f.problem = errors.Join(f.build(version, programs), os.Setenv(folderKey, f.Path))
	}
	return f
}

func (f *Folder) build(version string, programs []Program) error {
	pins := map[string]catalog.Pin{}
	for _, p := range programs {
		name := path.Base(p.Package)
		if _, err := os.Stat(p.Dir); err != nil {
			return fmt.Errorf("the sources of %s are not beside this module: %w", name, err)
		}
		file := File(f.Path, name)
		cmd := exec.Command("go", "build", "-ldflags", "-X main.version="+version, "-o", file, p.Package)
		cmd.Dir, cmd.Env = p.Dir, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
		if p.Plugin != "" {
			hash, err := launch.Hash(file)
			if err != nil {
				return err
			}
			pins[p.Plugin] = catalog.Pin{File: name, Sha256: hash}
		}
	}
	return catalog.UpdateLock(filepath.Join(f.Path, catalog.LockFile), version, runtime.GOOS+"/"+runtime.GOARCH, pins)
}

// Run runs the tests of a package, a [testing.M], removes the folder, and returns the
// exit code.
func (f *Folder) Run(m interface{ Run() int }) int {
	code := m.Run()
	if !f.found {
		_ = os.RemoveAll(f.Path) // what is left is in the system's folder for such things
	}
	return code
}

// Need skips a test when the programs cannot be built here, because their sources or
// the go command are not there. Programs that do not compile fail it, and so does
// whatever is missing where CI=true says that everything has to run.
func (f *Folder) Need(t testing.TB) {
	t.Helper()
	var broken *exec.ExitError
	switch {
	case f.problem == nil:
	case errors.As(f.problem, &broken) || os.Getenv("CI") == "true":
		t.Fatal(f.problem)
	default:
		t.Skip("SKIPPED: ", f.problem)
	}
}

// File returns the path of a built program in folder.
func File(folder, name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(folder, name)
}

// TempDir returns a new folder whose path leaves room for the names of sockets, as that
// of t.TempDir does not. It is gone when the test ends.
func TempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(shortTemp(), "im-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func shortTemp() string {
	if runtime.GOOS == "windows" {
		return ""
	}
	return "/tmp"
}

// Environ is [os.Environ] without what changes how programs of the product behave:
// their settings, and the identities, proxies and authorities of this machine.
func Environ() []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(strings.ToUpper(kv), "=")
		for _, prefix := range []string{"AZURE_", "IDENTITY_", "MSI_", "OTEL_", "SSL_CERT_"} {
			if strings.HasPrefix(name, prefix) {
				return true
			}
		}
		return strings.Contains(name, "__") || strings.HasSuffix(name, "_ENVIRONMENT") || strings.HasSuffix(name, "_PROXY") || name == "RUNTIME_DIRECTORY"
	})
}
