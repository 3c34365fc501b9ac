// Package architecture holds the rules of the house that a machine can check:
// which room may use which, how long a file may be, what a package must say about
// itself.
//
// It reads sources and compiles nothing, so that it sees the files of every
// platform and works while something does not build. What style alone decides is
// left to people. Start reading at [Rules].
package architecture

import (
	"fmt"
	"go/ast"
	"strings"
)

// Root is the path that the module paths of the repository begin with.
const Root = "github.com/identitymesh/identitymesh/"

// Package is a folder with Go files.
type Package struct {
	// Path is the import path below [Root], as in sdk/host/facade.
	Path string
	// Module is the folder of its module below the root, as in plugins/dpapi.
	Module string
	Files  []File
}

// File is one Go file.
type File struct {
	// Name is the path below the root.
	Name string
	Test bool
	// Generated files are held only to the rules about imports.
	Generated bool
	Lines     int
	// Imports are the paths as they stand in the file.
	Imports []string
	Syntax  *ast.File
}

// Finding is a rule that a package breaks.
type Finding struct {
	// Where is a file or a package.
	Where string
	What  string
}

// String returns the finding in one line.
func (f Finding) String() string { return f.Where + ": " + f.What }

// Rule checks one package.
type Rule struct {
	Name  string
	Check func(Package) []Finding
}

// Rules returns the rules of this repository.
func Rules() []Rule {
	return []Rule{
		{"rooms use only the rooms they may", arrows},
		{"only those who need values can get them", noValueDoor},
		{"nothing imports a plugin", noPluginImport},
		{"generated code stays behind the packages made for it", generatedImport},
		{"only tests speak the contract of the tests", testContractImport},
		{"no file is longer than the hard limit", length},
		{"packages are named after what they are", name},
		{"each package says what it is for", packageDoc},
		{"each exported name of the sdk is documented", exportedDoc},
		{"nothing happens at import", noInit},
	}
}

// Check returns what the packages break, rule by rule.
func Check(rules []Rule, packages []Package) []Finding {
	var out []Finding
	for _, r := range rules {
		for _, p := range packages {
			out = append(out, r.Check(p)...)
		}
	}
	return out
}

// within reports whether the import path lies in room or below it.
func within(path, room string) bool {
	return path == room || strings.HasPrefix(path, room+"/")
}

// ours returns the part of an import path below [Root].
func ours(path string) (string, bool) {
	return strings.CutPrefix(path, Root)
}

func finding(where, format string, args ...any) Finding {
	return Finding{Where: where, What: fmt.Sprintf(format, args...)}
}
