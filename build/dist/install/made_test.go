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

	"github.com/identitymesh/identitymesh/build/dist"
	"github.com/identitymesh/identitymesh/build/release"
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
		for _, target := range []release.Target{{OS: "linux", Arch: "amd64"}, {OS: "windows", Arch: "amd64"}} {
			made.once[version+target.OS] = sync.OnceValues(func() (string, error) { return made.make(version, target) })
		}
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// make makes all packages of a version for a system, as "make dist" does.
func (p packages) make(version string, target release.Target) (string, error) {
	w, err := workspace.Find("")
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	c := dist.Config{
		Workspace: w, Version: version, Targets: []release.Target{target}, Time: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC),
		Out: filepath.Join(p.dir, version+"-"+target.OS),
	}
	if version == newer {
		c.Plugins = map[string]string{"keyvault": ownVersion}
		if _, err := exec.LookPath("osslsigncode"); err == nil {
			if c.Sign, err = certificate(p.dir); err != nil {
				return "", err
			}
		}
	}
	_, err = dist.Make(ctx, c)
	return c.Out, err
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
