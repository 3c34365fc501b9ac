// Package compat_test runs the plugins of the last release under today's host,
// and today's plugins under the host of the last release: whoever updates one of
// them first must notice nothing.
//
// The last release is built from its own source, taken from the history of this
// clone; where that is missing, the tests are skipped.
package compat_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/release"
	"github.com/identitymesh/identitymesh/build/release/history"
	"github.com/identitymesh/identitymesh/build/workspace"
)

// installation is a folder of programs of one version, with the lock file that
// pins the plugins among them.
type installation struct{ folder, version string }

// The two installations, and why there are none.
var (
	last, today installation
	missing     *history.MissingError
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "im-compat-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		if err := install(context.Background(), dir); err != nil && !errors.As(err, &missing) {
			panic(err)
		}
		return m.Run()
	}())
}

// install builds both installations below dir.
func install(ctx context.Context, dir string) error {
	w, err := workspace.Find("")
	if err != nil {
		return err
	}
	source := filepath.Join(dir, "source")
	if err := os.Mkdir(source, 0o755); err != nil {
		return err
	}
	if err := history.Source(ctx, w.Root, release.Last(), "", source); err != nil {
		return err
	}
	old, err := workspace.Find(source)
	if err != nil {
		return err
	}
	last = installation{filepath.Join(dir, "last"), release.Last().Version}
	today = installation{filepath.Join(dir, "today"), release.Version}
	var needed []release.Binary
	for _, b := range release.Binaries() {
		if b.Plugin != "" || b.Name == "secretscli" {
			needed = append(needed, b)
		}
	}
	for i, w := range map[installation]workspace.Workspace{last: old, today: w} {
		err := release.Build(ctx, release.Config{
			Workspace: w, Version: i.version, Out: i.folder, Target: release.Host(), Binaries: needed,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// site is a machine with a tool and plugins, which may be of different versions.
type site struct {
	*testing.T
	// tool is secretscli; config the appsettings.json.
	tool, config string
	env          []string
}

// newSite configures the tool of one installation for the plugins of another.
func newSite(t *testing.T, dir string, tool, plugins installation, settings map[string]any, env []string) *site {
	t.Helper()
	settings["IdentityMesh"] = map[string]any{"DataFolder": "data", "PluginFolder": plugins.folder}
	text, err := json.Marshal(settings)
	config := filepath.Join(dir, "appsettings.json")
	if err == nil {
		err = os.WriteFile(config, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	program := release.Binary{Name: "secretscli"}.File(release.Host())
	return &site{t, filepath.Join(tool.folder, program), config, env}
}

// folder makes one whose path leaves room for the name of a socket behind it.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "im-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// plainEnvironment is that of the test without anything that configures a
// program of the product.
func plainEnvironment() []string {
	var out []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if !strings.Contains(name, "__") && !strings.HasPrefix(name, "OTEL_") && !strings.HasPrefix(name, "AZURE_") &&
			!strings.HasSuffix(name, "_ENVIRONMENT") && !strings.HasSuffix(strings.ToUpper(name), "_PROXY") && name != "RUNTIME_DIRECTORY" {
			out = append(out, kv)
		}
	}
	return out
}

// run runs the tool and returns what it says; the exit code is as expected.
func (s *site) run(stdin string, code int, args ...string) string {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.tool, append([]string{"--config", s.config}, args...)...)
	var out, errs bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = s.env, strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
		s.Fatalf("secretscli %v: %v, want exit code %d\nstdout: %s\nstderr: %s", args, err, code, &out, &errs)
	}
	return out.String() + errs.String()
}

// expect is run, and looks for words.
func (s *site) expect(words []string, stdin string, code int, args ...string) {
	s.Helper()
	said := s.run(stdin, code, args...)
	for _, w := range words {
		if !strings.Contains(said, w) {
			s.Errorf("secretscli %v does not say %q:\n%s", args, w, said)
		}
	}
}

// life leads a secret through all commands, to where describing it fails with
// gone, and leaves another one behind.
func (s *site) life(plugin, version, gone string) {
	s.Helper()
	s.expect([]string{plugin + " " + version}, "", 0, "doctor")
	s.run(value, 0, "set", ref, "--stdin")
	s.expect([]string{ref}, "", 0, "describe", ref)
	s.expect([]string{ref}, "", 0, "list")
	s.run("other-"+value, 0, "set", ref, "--stdin")
	s.run("", 0, "delete", ref, "--yes")
	s.expect([]string{gone}, "", 3, "describe", ref, "--output", "json")
	s.run(value, 0, "set", left, "--stdin")
	s.expect([]string{left}, "", 0, "list")
}
