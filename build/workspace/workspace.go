// Package workspace finds the repository and the modules that its go.work names.
//
// It knows nothing of building or testing them. Start reading at [Find].
package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"golang.org/x/mod/modfile"
)

// Module is one module of the repository.
type Module struct {
	// Path is the module path, as in its go.mod.
	Path string
	// Dir is its absolute folder.
	Dir string
	// Rel is its folder below the root, with slashes, as in plugins/dpapi.
	Rel string
}

// Workspace is the repository.
type Workspace struct {
	// Root is the absolute folder of go.work.
	Root string
	// Modules stand in the order of their folders.
	Modules []Module
}

// Find returns the workspace that dir lies in; an empty dir is the current one.
func Find(dir string) (Workspace, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Workspace{}, fmt.Errorf("find the workspace: %w", err)
	}
	for root := dir; ; root = filepath.Dir(root) {
		data, err := os.ReadFile(filepath.Join(root, "go.work"))
		if err == nil {
			return read(root, data)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return Workspace{}, fmt.Errorf("find the workspace: %w", err)
		}
		if filepath.Dir(root) == root {
			return Workspace{}, fmt.Errorf("find the workspace: no go.work in %s or above it", dir)
		}
	}
}

func read(root string, data []byte) (Workspace, error) {
	work, err := modfile.ParseWork(filepath.Join(root, "go.work"), data, nil)
	if err != nil {
		return Workspace{}, fmt.Errorf("read the workspace: %w", err)
	}
	w := Workspace{Root: root}
	for _, use := range work.Use {
		dir := filepath.Join(root, filepath.FromSlash(use.Path))
		name := filepath.Join(dir, "go.mod")
		data, err := os.ReadFile(name)
		if err != nil {
			return Workspace{}, fmt.Errorf("read the workspace: %w", err)
		}
		module := modfile.ModulePath(data)
		if module == "" {
			return Workspace{}, fmt.Errorf("read the workspace: %s names no module", name)
		}
		w.Modules = append(w.Modules, Module{Path: module, Dir: dir, Rel: path.Clean(use.Path)})
	}
	slices.SortFunc(w.Modules, func(a, b Module) int {
		switch {
		case a.Rel < b.Rel:
			return -1
		case a.Rel > b.Rel:
			return 1
		}
		return 0
	})
	return w, nil
}
