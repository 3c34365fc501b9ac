// Package buf runs buf over the proto files of the wire contract: it makes their
// Go code, tells whether the checked-in code is still what they say, and whether
// they still keep what the last release promised.
//
// What is generated stands in the buf.gen.yaml of each of the [Folders], what
// counts as a broken promise in sdk/buf.yaml. Start reading at [Generate] and
// [CheckBreaking].
package buf

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/identitymesh/identitymesh/build/command"
)

// tool is pinned; its plugins are pinned in the files buf.gen.yaml.
const tool = "github.com/bufbuild/buf/cmd/buf@v1.75.0"

// Folders returns the folders with a buf.gen.yaml: that of the contract, and that
// of a major which only the tests of the host speak. sdk is the module's folder.
func Folders(sdk string) []string {
	return []string{sdk, filepath.Join(sdk, "host", "internal", "contractv0")}
}

// Generate writes the code below out; folder is one of the [Folders].
func Generate(ctx context.Context, folder, out string) error {
	spec := command.Spec{Dir: folder, Args: []string{"go", "run", tool, "generate", "--output", out}}
	if _, err := command.Run(ctx, spec); err != nil {
		return fmt.Errorf("generate code: %w", err)
	}
	return nil
}

// CheckFresh generates into a temporary folder and fails with the names of the
// files that differ from the checked-in ones.
func CheckFresh(ctx context.Context, folder string) error {
	dir, err := os.MkdirTemp("", "identitymesh-gen-")
	if err != nil {
		return fmt.Errorf("check generated code: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := Generate(ctx, folder, dir); err != nil {
		return err
	}
	differing, err := Differences(filepath.Join(folder, "gen"), filepath.Join(dir, "gen"))
	if err != nil {
		return fmt.Errorf("check generated code: %w", err)
	}
	if len(differing) > 0 {
		return fmt.Errorf("%s is not what the proto files say, run \"make generate\": %s", filepath.Join(folder, "gen"), strings.Join(differing, ", "))
	}
	return nil
}

// Differences returns the names, below the folders, of files that only one of
// the folders has or that differ between them. A folder that does not exist is
// empty.
func Differences(a, b string) ([]string, error) {
	left, err := files(a)
	if err != nil {
		return nil, err
	}
	right, err := files(b)
	if err != nil {
		return nil, err
	}
	var out []string
	for name, text := range left {
		if other, ok := right[name]; !ok || other != text {
			out = append(out, name)
		}
	}
	for name := range right {
		if _, ok := left[name]; !ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}

func files(dir string) (map[string]string, error) {
	out := make(map[string]string)
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) && name == dir {
				return fs.SkipAll
			}
			return err
		}
		if entry.IsDir() {
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		out[filepath.ToSlash(rel)] = string(data)
		return nil
	})
	return out, err
}
