// Package stranger builds the modules as somebody would who does not have this
// workspace: first each one alone where it stands, then each program from modules
// fetched at their version from a module proxy, with replace lines ignored, as Go
// does for dependencies.
//
// It finds what a workspace hides: a requirement or a checksum that is missing,
// a module that is not there at the version that its siblings require, a file
// that no module zip can hold. Start reading at [Alone] and [Build].
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

// Alone builds every module with the workspace switched off and its go.mod and
// go.sum taken as they are. All modules are tried.
func Alone(ctx context.Context, w workspace.Workspace) error {
	var problems []error
	for _, m := range w.Modules {
		spec := command.Spec{Dir: m.Dir, Env: []string{"GOWORK=off", "CGO_ENABLED=0"},
			Args: []string{"go", "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "./..."}}
		if _, err := command.Run(ctx, spec); err != nil {
			problems = append(problems, fmt.Errorf("build %s alone: %w", m.Rel, err))
		}
	}
	return errors.Join(problems...)
}

// Config says what to build from where.
type Config struct {
	Workspace workspace.Workspace
	// Version that the modules are served at, as in v0.1.0.
	Version  string
	Binaries []release.Binary
}

// Build serves the modules from a temporary file proxy and builds every binary
// from a module that requires it. All binaries are tried; the error holds what
// went wrong with each.
func Build(ctx context.Context, c Config) error {
	dir, err := os.MkdirTemp("", "identitymesh-stranger-")
	if err != nil {
		return fmt.Errorf("build as a stranger: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	proxy := filepath.Join(dir, "proxy")
	if err := writeProxy(proxy, c.Workspace.Modules, c.Version); err != nil {
		return fmt.Errorf("build as a stranger: %w", err)
	}
	env, err := environment(ctx, dir, proxy, c.Workspace)
	if err != nil {
		return fmt.Errorf("build as a stranger: %w", err)
	}
	var problems []error
	for _, b := range c.Binaries {
		if err := buildOne(ctx, filepath.Join(dir, b.Name), env, c, b); err != nil {
			problems = append(problems, fmt.Errorf("build %s as a stranger: %w", b.Name, err))
		}
	}
	return errors.Join(problems...)
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

func buildOne(ctx context.Context, dir string, env []string, c Config, b release.Binary) error {
	var m workspace.Module
	for _, candidate := range c.Workspace.Modules {
		if candidate.Rel == b.Module {
			m = candidate
		}
	}
	if m.Path == "" {
		return fmt.Errorf("there is no module %s", b.Module)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	own, err := os.ReadFile(filepath.Join(m.Dir, "go.mod"))
	if err != nil {
		return err
	}
	text := fmt.Sprintf("module stranger\n\n%srequire %s %s\n", goLine(own), m.Path, c.Version)
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o644); err != nil {
		return err
	}
	// The known sums spare asking the checksum database for each module.
	sums, err := os.ReadFile(filepath.Join(m.Dir, "go.sum"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o644); err != nil {
		return err
	}
	spec := command.Spec{Dir: dir, Env: env, Args: []string{"go", "build", "-o", b.Name + ".out", m.Path + "/" + b.Package}}
	_, err = command.Run(ctx, spec)
	return err
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
