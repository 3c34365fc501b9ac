// Package npm runs what the lock file beside a package.json pins, and nothing else
// from outside. Where Node.js is missing it is installed, if this system can.
//
// Start reading at [Prepare].
package npm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/identitymesh/identitymesh/build/command"
	"github.com/identitymesh/identitymesh/build/suite/debian"
)

// MissingError says why npm cannot be run here, and what mends that.
type MissingError struct{ Reason string }

func (e *MissingError) Error() string {
	return "Node.js 20.19 or newer with npm is needed: " + e.Reason + "; on Debian as root: apt-get install nodejs npm"
}

// Run runs npm in a folder and returns what it said.
func Run(ctx context.Context, folder string, args ...string) (string, error) {
	return command.Run(ctx, command.Spec{Dir: folder, Env: []string{"NO_COLOR=1", "npm_config_update_notifier=false"}, Args: append([]string{"npm"}, args...)})
}

// Prepare sees to it that Node.js is there, and in the folder what its lock file
// lists. out hears what takes long. The error is [*MissingError] where Node.js
// cannot be had.
func Prepare(ctx context.Context, folder string, out io.Writer) error {
	if runtime.GOOS == "linux" {
		needs := slices.DeleteFunc(debian.Needs(), func(n debian.Need) bool { return n.Package != "nodejs" && n.Package != "npm" })
		debian.Ensure(ctx, needs, out)
	}
	version, err := command.Run(ctx, command.Spec{Args: []string{"node", "--version"}})
	if err != nil {
		return &MissingError{Reason: "node does not run: " + err.Error()}
	}
	if _, err := command.Run(ctx, command.Spec{Args: []string{"npm", "--version"}}); err != nil {
		return &MissingError{Reason: "npm does not run: " + err.Error()}
	}
	if !enough(version) {
		return &MissingError{Reason: "this is " + strings.TrimSpace(version)}
	}
	lock, err := os.ReadFile(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(lock)
	want := hex.EncodeToString(sum[:])
	done := filepath.Join(folder, "node_modules", ".lock.sha256")
	if had, err := os.ReadFile(done); err == nil && string(had) == want {
		return nil
	}
	fmt.Fprintln(out, "fetching the packages of npm for "+filepath.Base(folder))
	// No package may run a script of its own.
	if _, err := Run(ctx, folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund"); err != nil {
		return fmt.Errorf("fetch what package-lock.json lists: %w", err)
	}
	return os.WriteFile(done, []byte(want), 0o644)
}

// enough reports whether version, as node says it, is 20.19 or newer.
func enough(version string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(version, "v%d.%d.", &major, &minor); err != nil {
		return false
	}
	return major > 20 || major == 20 && minor >= 19
}
