package release

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"

	"github.com/identitymesh/identitymesh/build/workspace"
)

// SetVersion makes version the one of the source: [Version] in the file that
// declares it, and what the modules require of each other. The version is without
// a leading v.
func SetVersion(w workspace.Workspace, version string) error {
	if !semver.IsValid("v"+version) || semver.Canonical("v"+version) != "v"+version {
		return fmt.Errorf("set the version: %q is not a semantic version as in 1.2.3 or 1.2.3-dev", version)
	}
	ours := make(map[string]bool)
	for _, m := range w.Modules {
		ours[m.Path] = true
	}
	for _, m := range w.Modules {
		if err := require(filepath.Join(m.Dir, "go.mod"), ours, "v"+version); err != nil {
			return fmt.Errorf("set the version: %w", err)
		}
	}
	name := filepath.Join(w.Root, "build", "release", "release.go")
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("set the version: %w", err)
	}
	before, rest, found := strings.Cut(string(text), "\nconst Version = \"")
	_, after, ended := strings.Cut(rest, "\"\n")
	if !found || !ended {
		return fmt.Errorf("set the version: %s declares no const Version", name)
	}
	text = []byte(before + "\nconst Version = \"" + version + "\"\n" + after)
	if err := os.WriteFile(name, text, 0o644); err != nil {
		return fmt.Errorf("set the version: %w", err)
	}
	return nil
}

func require(name string, ours map[string]bool, version string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	mod, err := modfile.Parse(name, data, nil)
	if err != nil {
		return err
	}
	for _, r := range mod.Require {
		if ours[r.Mod.Path] {
			if err := mod.AddRequire(r.Mod.Path, version); err != nil {
				return err
			}
		}
	}
	text, err := mod.Format()
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644)
}
