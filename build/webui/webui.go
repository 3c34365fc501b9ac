// Package webui builds the Admin UI from adminapi/ui into the folder that the
// Admin API embeds, and checks its source.
//
// What npm fetches is pinned by the lock file beside the source, and nothing else
// is fetched. A source that did not change costs no build. Start reading at
// [Build].
package webui

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/identitymesh/identitymesh/build/npm"
)

// limit bounds all that npm and the tools of the UI do in one call.
const limit = 15 * time.Minute

const (
	// stamp is the file in the folder of the result that has the hash of its source.
	stamp = "source.sha256"
	// note is what the repository keeps in that folder.
	note = "README.md"
)

// Config says where the UI is.
type Config struct {
	// Root is the folder of the repository.
	Root string
	// Out hears what takes long.
	Out io.Writer
}

func (c Config) source() string { return filepath.Join(c.Root, "adminapi", "ui") }
func (c Config) built() string  { return filepath.Join(c.Root, "adminapi", "web", "built") }

// Ensure is [Build] for those who can do without the UI: where Node.js is missing
// it says so, and the program will have a page that says the same. With CI=true
// that is an error.
func Ensure(ctx context.Context, c Config) error {
	err := Build(ctx, c)
	var missing *npm.MissingError
	if errors.As(err, &missing) && os.Getenv("CI") != "true" {
		fmt.Fprintln(c.Out, "WARNING: built without the Admin UI:", missing)
		return nil
	}
	return err
}

// Build makes the UI, unless what is there was made from the same source. Without
// Node.js it installs that where it can; the error is [*npm.MissingError] where it
// cannot.
func Build(ctx context.Context, c Config) error {
	sum, err := hash(c.source())
	if err != nil {
		return fmt.Errorf("build the Admin UI: %w", err)
	}
	if made, err := os.ReadFile(filepath.Join(c.built(), stamp)); err == nil && string(made) == sum {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := c.prepare(ctx); err != nil {
		return err
	}
	fmt.Fprintln(c.Out, "building the Admin UI")
	fresh, err := os.MkdirTemp(filepath.Dir(c.built()), ".built-")
	if err != nil {
		return fmt.Errorf("build the Admin UI: %w", err)
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	if _, err := c.npm(ctx, "run", "build", "--", "--outDir", fresh); err != nil {
		return fmt.Errorf("build the Admin UI: %w", err)
	}
	if err := os.WriteFile(filepath.Join(fresh, stamp), []byte(sum), 0o644); err != nil {
		return fmt.Errorf("build the Admin UI: %w", err)
	}
	if err := swap(fresh, c.built()); err != nil {
		return fmt.Errorf("build the Admin UI: %w", err)
	}
	return nil
}

// Check fails when the client's types are not those of the API's document, when
// the source does not type-check, or when a test of a component fails. It says
// all of it. Like [Build] it may install Node.js.
func Check(ctx context.Context, c Config) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := c.prepare(ctx); err != nil {
		return err
	}
	var problems []error
	for script, advice := range map[string]string{
		"fresh": "adminapi/ui/src/api/schema.d.ts does not fit the API's document, run \"make generate\"",
		"check": "the types of the Admin UI", "test": "the tests of the Admin UI",
	} {
		if _, err := c.npm(ctx, "run", script); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", advice, err))
		}
	}
	return errors.Join(problems...)
}

// Generate makes the types of the client from the API's document.
func Generate(ctx context.Context, c Config) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := c.prepare(ctx); err != nil {
		return err
	}
	_, err := c.npm(ctx, "run", "generate")
	return err
}

func (c Config) npm(ctx context.Context, args ...string) (string, error) {
	return npm.Run(ctx, c.source(), args...)
}

// prepare sees to it that Node.js is there, and what the lock file lists.
func (c Config) prepare(ctx context.Context) error { return npm.Prepare(ctx, c.source(), c.Out) }

// hash returns the hash of all files of the source that the result is made of.
func hash(folder string) (string, error) {
	all := sha256.New()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); name == "node_modules" || name == "test" {
				return fs.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(all, "%q %d\n", filepath.ToSlash(rel), len(content))
		all.Write(content)
		return nil
	})
	return hex.EncodeToString(all.Sum(nil)), err
}

// swap puts what is in fresh in the place of what is in folder; the note stays.
// The stamp leaves first and comes last, so that half a result is never taken for
// a whole one.
func swap(fresh, folder string) error {
	if err := os.RemoveAll(filepath.Join(folder, stamp)); err != nil {
		return err
	}
	old, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range old {
		if e.Name() == note {
			continue
		}
		if err := os.RemoveAll(filepath.Join(folder, e.Name())); err != nil {
			return err
		}
	}
	made, err := os.ReadDir(fresh)
	if err != nil {
		return err
	}
	slices.SortFunc(made, func(a, b fs.DirEntry) int { return rank(a) - rank(b) })
	for _, e := range made {
		if err := os.Rename(filepath.Join(fresh, e.Name()), filepath.Join(folder, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func rank(e fs.DirEntry) int {
	if e.Name() == stamp {
		return 1
	}
	return 0
}
