// Package stranger uses the modules as somebody does who does not have this
// repository: fetched at their version from a module proxy, with replace lines
// ignored, as Go does for dependencies.
//
// It finds what a checkout hides: a requirement or a checksum that is missing, a
// module that is not there at the version that its siblings require, a file that
// no module zip can hold, a test that only works beside its siblings. Start
// reading at [Check].
package stranger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/identitymesh/identitymesh/build/command"
	"github.com/identitymesh/identitymesh/build/release"
	"github.com/identitymesh/identitymesh/build/workspace"
)

// Config says what to fetch and what to do with it.
type Config struct {
	Workspace workspace.Workspace
	// Version that the modules are served at, as in v0.1.0.
	Version  string
	Binaries []release.Binary
	// Tests are the packages whose tests are run, by the folder of their module, as
	// patterns below it.
	Tests map[string][]string
}

// Check serves the modules from a temporary file proxy. For each it makes a module
// that requires nothing else, and from there builds its binaries, vets all its
// packages with their tests, and runs the tests asked for. Everything is tried;
// the error holds all that went wrong.
func Check(ctx context.Context, c Config) error {
	dir, err := os.MkdirTemp("", "identitymesh-stranger-")
	if err != nil {
		return fmt.Errorf("fetch the modules as a stranger: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	env, err := Serve(ctx, dir, c.Workspace, c.Version)
	if err != nil {
		return fmt.Errorf("fetch the modules as a stranger: %w", err)
	}
	var problems []error
	for _, m := range c.Workspace.Modules {
		home := filepath.Join(dir, "at", filepath.FromSlash(m.Rel))
		if err := settle(home, m, c.Version); err != nil {
			problems = append(problems, fmt.Errorf("use %s as a stranger: %w", m.Rel, err))
			continue
		}
		for _, args := range c.uses(m) {
			if _, err := command.Run(ctx, command.Spec{Dir: home, Env: env, Args: args}); err != nil {
				problems = append(problems, fmt.Errorf("use %s as a stranger: %w", m.Rel, err))
			}
		}
	}
	return errors.Join(problems...)
}

// uses returns the commands that a user of the module runs.
func (c Config) uses(m workspace.Module) [][]string {
	var out [][]string
	for _, b := range c.Binaries {
		if b.Module == m.Rel {
			out = append(out, []string{"go", "build", "-o", b.Name + ".out", m.Path + "/" + b.Package})
		}
	}
	out = append(out, []string{"go", "vet", m.Path + "/..."})
	if patterns := c.Tests[m.Rel]; len(patterns) > 0 {
		test := []string{"go", "test", "-p=2"}
		for _, p := range patterns {
			test = append(test, m.Path+"/"+p)
		}
		out = append(out, test)
	}
	return out
}

// Serve puts a file proxy below dir that has the modules of w at version, as in
// v0.1.0, and returns the variables by which a go command gets its modules there.
func Serve(ctx context.Context, dir string, w workspace.Workspace, version string) ([]string, error) {
	proxy := filepath.Join(dir, "proxy")
	if err := writeProxy(proxy, w.Modules, version); err != nil {
		return nil, err
	}
	return environment(ctx, dir, proxy, w)
}

// environment gives the go command a module cache of its own, because the
// versions that are served here must never reach the real one, and lets it take
// what it needs from the real one before it asks the network.
func environment(ctx context.Context, dir, proxy string, w workspace.Workspace) ([]string, error) {
	out, err := command.Run(ctx, command.Spec{Dir: w.Root, Args: []string{"go", "env", "GOMODCACHE", "GOPROXY"}})
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimRight(out, "\r\n"), "\n")
	if len(lines) != 2 {
		return nil, fmt.Errorf("go env answered %q", out)
	}
	cache := filepath.Join(strings.TrimSpace(lines[0]), "cache", "download")
	proxies := fileURL(proxy) + "," + fileURL(cache) + "," + strings.TrimSpace(lines[1])
	var ours []string
	for _, m := range w.Modules {
		ours = append(ours, m.Path)
	}
	return []string{
		"GOWORK=off",
		"GOMODCACHE=" + filepath.Join(dir, "cache"),
		"GOPROXY=" + proxies,
		// Our own modules are in no checksum database.
		"GONOSUMDB=" + strings.Join(ours, ","),
		"GOFLAGS=-mod=mod -modcacherw -trimpath -buildvcs=false",
		"CGO_ENABLED=0",
	}, nil
}

// settle makes a module in the folder that requires m.
func settle(home string, m workspace.Module, version string) error {
	if err := os.MkdirAll(home, 0o755); err != nil {
		return err
	}
	own, err := os.ReadFile(filepath.Join(m.Dir, "go.mod"))
	if err != nil {
		return err
	}
	text := fmt.Sprintf("module stranger\n\n%srequire %s %s\n", goLine(own), m.Path, version)
	if err := os.WriteFile(filepath.Join(home, "go.mod"), []byte(text), 0o644); err != nil {
		return err
	}
	// The known sums spare asking the checksum database for each module.
	sums, err := os.ReadFile(filepath.Join(m.Dir, "go.sum"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(filepath.Join(home, "go.sum"), sums, 0o644)
}

// goLine returns the go directive of a go.mod, with its line end.
func goLine(mod []byte) string {
	for line := range strings.Lines(string(mod)) {
		if strings.HasPrefix(line, "go ") {
			return line
		}
	}
	return ""
}

func fileURL(dir string) string {
	dir = filepath.ToSlash(dir)
	if !strings.HasPrefix(dir, "/") {
		dir = "/" + dir
	}
	return "file://" + dir
}
