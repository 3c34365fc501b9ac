package persona

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

const (
	prefix  = "persona-"
	command = "github.com/identitymesh/identitymesh/sdk/conformance/persona/cmd/persona"
)

// Build builds the personas once and returns how to get the path of each one's
// file, which is gone when the test ends.
func Build(t testing.TB) func(name string) (path string) {
	t.Helper()
	file, err := BuildIn(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return func(name string) string {
		t.Helper()
		path, err := file(name)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
}

// BuildIn is [Build] into a folder that the caller removes, for use by several
// tests. What it returns may be called concurrently.
func BuildIn(folder string) (func(name string) (path string, err error), error) {
	suffix := ""
	if runtime.GOOS == "windows" {
		suffix = ".exe"
	}
	one := filepath.Join(folder, "one"+suffix)
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", one, command).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the personas: %w\n%s", err, out)
	}
	return func(name string) (string, error) {
		path := filepath.Join(folder, prefix+name+suffix)
		if err := os.Link(one, path); err != nil && !os.IsExist(err) {
			return "", fmt.Errorf("make the file of persona %s: %w", name, err)
		}
		return path, nil
	}, nil
}
