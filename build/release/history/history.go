// Package history finds past releases in the repository: their source, and
// whether the tags say the same as the record in package release.
//
// What is done with the source is its callers' concern. Start reading at
// [Source].
package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/identitymesh/identitymesh/build/command"
	"github.com/identitymesh/identitymesh/build/release"
)

// MissingError says that the clone does not have what is asked for: it is
// shallow, or no clone at all.
type MissingError struct{ What string }

func (e *MissingError) Error() string {
	return e.What + " is not in this copy of the source; it takes a clone with the whole history: git fetch --unshallow --tags"
}

// Source writes the folder below, or everything when that is empty, as the
// release had it into dir, which must exist. It fails with a [*MissingError] when
// the clone at root lacks the commit.
func Source(ctx context.Context, root string, r release.Past, below, dir string) error {
	if _, err := git(ctx, root, nil, "cat-file", "-e", r.Commit+"^{commit}"); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return &MissingError{What: fmt.Sprintf("the source of release %s (commit %.12s)", r.Version, r.Commit)}
	}
	scratch, err := os.MkdirTemp("", "identitymesh-index-")
	if err != nil {
		return fmt.Errorf("get the source of release %s: %w", r.Version, err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	// An index of its own, so that the one of the clone stays as it is.
	env := []string{"GIT_INDEX_FILE=" + filepath.Join(scratch, "index")}
	if _, err := git(ctx, root, env, "read-tree", r.Commit+":"+below); err != nil {
		return fmt.Errorf("get the source of release %s: %w", r.Version, err)
	}
	if _, err := git(ctx, root, env, "checkout-index", "--all", "--prefix="+filepath.ToSlash(dir)+"/"); err != nil {
		return fmt.Errorf("get the source of release %s: %w", r.Version, err)
	}
	return nil
}

// CheckTags holds the tags in the clone at root against the releases: a tag of a
// recorded version points to the recorded commit, and no release that the source
// comes from is missing from the record. Tags that are not in the clone are not
// missed; without a clone it fails with a [*MissingError].
func CheckTags(ctx context.Context, root string, releases []release.Past) error {
	head, err := git(ctx, root, nil, "rev-parse", "--verify", "HEAD")
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		return &MissingError{What: "the history"}
	}
	// An annotated tag is an object of its own, before the star what it points to.
	tags, err := git(ctx, root, nil, "for-each-ref", "--format=%(refname:strip=2) %(*objectname) %(objectname)", "refs/tags")
	if err != nil {
		return fmt.Errorf("check the tags: %w", err)
	}
	recorded := make(map[string]string)
	for _, r := range releases {
		recorded["v"+r.Version] = r.Commit
	}
	var problems []error
	for line := range strings.Lines(tags) {
		fields := strings.Fields(line)
		tag, commit := fields[0], fields[1]
		module, version := path.Split(tag)
		if module == "" || !semver.IsValid(version) {
			continue
		}
		want, known := recorded[version]
		switch {
		case known && commit != want:
			problems = append(problems, fmt.Errorf("tag %s points to %s, but %s is recorded as released", tag, commit, want))
		case !known && commit != strings.TrimSpace(head) && ancestor(ctx, root, commit):
			problems = append(problems, fmt.Errorf("tag %s is not recorded: add its version and %s to Releases in build/release", tag, commit))
		}
	}
	return errors.Join(problems...)
}

// ancestor reports whether HEAD comes from the commit.
func ancestor(ctx context.Context, root, commit string) bool {
	_, err := git(ctx, root, nil, "merge-base", "--is-ancestor", commit, "HEAD")
	return err == nil
}

func git(ctx context.Context, root string, env []string, args ...string) (string, error) {
	return command.Run(ctx, command.Spec{Dir: root, Env: env, Args: append([]string{"git"}, args...)})
}
