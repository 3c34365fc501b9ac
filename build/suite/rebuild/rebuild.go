// Package rebuild shows that a build can be repeated: the same commit gives the
// same binary, whatever folder it is built in.
//
// It builds commits, not what lies uncommitted in the folder. Start reading at
// [Check].
package rebuild

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/identitymesh/identitymesh/build/command"
	"github.com/identitymesh/identitymesh/build/release"
	"github.com/identitymesh/identitymesh/build/release/history"
	"github.com/identitymesh/identitymesh/build/workspace"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
)

// Check builds the binary in two clones of the repository at root and compares.
// It fails with a [*history.MissingError] where there is no repository.
func Check(ctx context.Context, root string, b release.Binary) error {
	if _, err := git(ctx, root, "rev-parse", "--verify", "HEAD"); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return &history.MissingError{What: "the history"}
	}
	dir, err := os.MkdirTemp("", "identitymesh-rebuild-")
	if err != nil {
		return fmt.Errorf("build twice: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// Of different lengths, because a path that is padded away is a path too.
	first, err := sum(ctx, root, filepath.Join(dir, "a"), b)
	if err != nil {
		return fmt.Errorf("build twice: %w", err)
	}
	second, err := sum(ctx, root, filepath.Join(dir, "another", "place"), b)
	if err != nil {
		return fmt.Errorf("build twice: %w", err)
	}
	if first != second {
		return fmt.Errorf("the same commit built %s twice with different results, SHA-256 %s and %s: something of the folder is in it",
			b.Name, first, second)
	}
	return nil
}

// sum returns the hash of the binary that a clone in the folder builds.
func sum(ctx context.Context, root, folder string, b release.Binary) (string, error) {
	if _, err := git(ctx, root, "clone", "--quiet", root, folder); err != nil {
		return "", err
	}
	w, err := workspace.Find(folder)
	if err != nil {
		return "", err
	}
	out := filepath.Join(folder, "bin")
	err = release.Build(ctx, release.Config{
		Workspace: w, Version: release.Version, Out: out, Target: release.Host(), Binaries: []release.Binary{b},
	})
	if err != nil {
		return "", err
	}
	return launch.Hash(filepath.Join(out, b.File(release.Host())))
}

func git(ctx context.Context, root string, args ...string) (string, error) {
	return command.Run(ctx, command.Spec{Dir: root, Args: append([]string{"git"}, args...)})
}
