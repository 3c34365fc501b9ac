package architecture

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/identitymesh/identitymesh/build/workspace"
)

// Load reads all packages of the workspace's modules, for every platform at once.
func Load(w workspace.Workspace) ([]Package, error) {
	var out []Package
	for _, m := range w.Modules {
		packages, err := loadModule(w.Root, m)
		if err != nil {
			return nil, fmt.Errorf("read the sources of %s: %w", m.Rel, err)
		}
		out = append(out, packages...)
	}
	return out, nil
}

func loadModule(root string, m workspace.Module) ([]Package, error) {
	folders := make(map[string]*Package)
	err := filepath.WalkDir(m.Dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return visit(name, m.Dir, entry.Name())
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := Parse(rel, src)
		if err != nil {
			return err
		}
		folder := path.Dir(rel)
		if folders[folder] == nil {
			folders[folder] = &Package{Path: folder, Module: m.Rel}
		}
		folders[folder].Files = append(folders[folder].Files, file)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out []Package
	for _, p := range folders {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b Package) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// visit leaves out what the go command leaves out, and modules of their own.
func visit(name, module, base string) error {
	if name == module {
		return nil
	}
	if base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

// Parse reads one file; name is its path below the root.
func Parse(name string, src []byte) (File, error) {
	syntax, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ParseComments)
	if err != nil {
		return File{}, err
	}
	file := File{
		Name: name, Test: strings.HasSuffix(name, "_test.go"), Generated: ast.IsGenerated(syntax),
		Lines: bytes.Count(src, []byte("\n")), Syntax: syntax,
	}
	for _, spec := range syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return File{}, fmt.Errorf("%s: %w", name, err)
		}
		file.Imports = append(file.Imports, imported)
	}
	return file, nil
}
