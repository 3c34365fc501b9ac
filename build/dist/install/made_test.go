package install_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/command"
	"github.com/identitymesh/identitymesh/build/workspace"
)

// The versions that are installed one over the other, and that of the plugin which
// goes its own way.
const (
	older, newer = "0.1.9", "0.2.0-rc.1"
	ownVersion   = "0.3.1"
)

// packages are made once for all tests, each in a folder of its own.
type packages struct {
	dir  string
	once map[string]func() (string, error)
}

var made packages

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "identitymesh-packages-")
	if err != nil {
		panic(err)
	}
	made = packages{dir: dir, once: map[string]func() (string, error){}}
	for _, version := range []string{older, newer} {
		for _, system := range []string{"linux", "windows"} {
			made.once[version+system] = sync.OnceValues(func() (string, error) { return made.make(version, system) })
		}
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// make makes all packages of a version for a system with the program that "make
// dist" runs: it is built without the race detector, under which compressing takes
// many times as long.
func (p packages) make(version, system string) (string, error) {
	w, err := workspace.Find("")
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	out := filepath.Join(p.dir, version+"-"+system)
	args := []string{"go", "run", "./cmd/dist", "--version", version, "--target", system + "/amd64", "--out", out}
	if version == newer {
		args = append(args, "--plugin", "keyvault="+ownVersion)
		if _, err := exec.LookPath("osslsigncode"); err == nil {
			hook, err := certificate(p.dir)
			if err != nil {
				return "", err
			}
			args = append(args, "--sign", hook)
		}
	}
	_, err = command.Run(ctx, command.Spec{
		Dir: filepath.Join(w.Root, "build"), Env: []string{"GOWORK=off", "CGO_ENABLED=0", "SOURCE_DATE_EPOCH=1767323046"}, Args: args,
	})
	return out, err
}

// packagesOf returns the folder of the packages of a version for a system.
func packagesOf(t *testing.T, version, system string) string {
	t.Helper()
	dir, err := made.once[version+system]()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// need skips the test without one of the tools.
func need(t *testing.T, tools ...string) {
	t.Helper()
	var problems []error
	for _, tool := range tools {
		_, err := exec.LookPath(tool)
		problems = append(problems, err)
	}
	if err := errors.Join(problems...); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED: %v", err)
	}
}

// wants fails the test where one of the texts is not there.
func wants(t *testing.T, out string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Errorf("%q is missing in:\n%s", text, out)
		}
	}
}
