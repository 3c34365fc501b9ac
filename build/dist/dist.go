// Package dist makes what is handed out: archives and packages of the programs
// for each system, lists of what is in them, and the list of their SHA-256.
//
// The same commit gives the same bytes again. Building the programs is
// build/release's; each format has a package below. Why the packages are cut as
// they are is docs/design/0012. Start reading at [Make].
package dist

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/identitymesh/identitymesh/build/dist/signing"
	"github.com/identitymesh/identitymesh/build/dist/sums"
	"github.com/identitymesh/identitymesh/build/release"
	"github.com/identitymesh/identitymesh/build/workspace"
)

// Config says what to make.
type Config struct {
	Workspace workspace.Workspace
	// Version of the product, and those of plugins that are at another, by the
	// names that the lock files have for them.
	Version string
	Plugins map[string]string
	Targets []release.Target
	// Time that all files get: that of the source, see [SourceTime].
	Time time.Time
	// Sign signs each program and each installer for Windows in place. SignSums
	// writes the signature of the list of sums beside it.
	Sign, SignSums signing.Hook
	// Out is the folder for the results. Files of the same names are replaced.
	Out string
}

// SumsSignature is the name of the signature of the list of sums.
const SumsSignature = sums.File + ".sig"

// Make builds and packs everything and returns the names of the files, sorted.
func Make(ctx context.Context, c Config) ([]string, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return nil, fmt.Errorf("make the packages: %w", err)
	}
	var names []string
	for _, target := range c.Targets {
		made, err := one(ctx, c, target)
		if err != nil {
			return nil, fmt.Errorf("make the packages for %s: %w", target, err)
		}
		names = append(names, made...)
	}
	list, err := sums.Write(c.Out, names)
	if err != nil {
		return nil, err
	}
	names = append(names, sums.File)
	if c.SignSums != "" {
		if err := c.SignSums.To(ctx, list, filepath.Join(c.Out, SumsSignature)); err != nil {
			return nil, err
		}
		names = append(names, SumsSignature)
	}
	slices.Sort(names)
	return names, nil
}

func (c Config) check() error {
	problems := []error{c.Sign.Check(), c.SignSums.Check()}
	for name := range c.Plugins {
		if !slices.ContainsFunc(release.Binaries(), func(b release.Binary) bool { return b.Plugin == name }) {
			problems = append(problems, fmt.Errorf("there is no plugin %q", name))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("make the packages: %w", err)
	}
	return nil
}

func one(ctx context.Context, c Config, target release.Target) ([]string, error) {
	dir, err := os.MkdirTemp("", "identitymesh-dist-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	set, err := Build(ctx, c, target, dir)
	if err != nil {
		return nil, err
	}
	return Pack(ctx, c, set)
}
