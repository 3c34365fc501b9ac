package architecture

import (
	"go/ast"
	"path"
	"slices"
	"strings"
)

const (
	// SoftLimit and HardLimit are lines of a hand-written file.
	SoftLimit = 400
	HardLimit = 600
)

func length(p Package) []Finding {
	var out []Finding
	for _, f := range p.Files {
		if !f.Generated && f.Lines > HardLimit {
			out = append(out, finding(f.Name, "has %d lines, more than %d", f.Lines, HardLimit))
		}
	}
	return out
}

// Long returns the hand-written files above the soft limit, for a look by people.
func Long(packages []Package) []Finding {
	var out []Finding
	for _, p := range packages {
		for _, f := range p.Files {
			if !f.Generated && f.Lines > SoftLimit {
				out = append(out, finding(f.Name, "has %d lines, more than the soft limit of %d", f.Lines, SoftLimit))
			}
		}
	}
	return out
}

// Median returns the median length of the hand-written files.
func Median(packages []Package) int {
	var lines []int
	for _, p := range packages {
		for _, f := range p.Files {
			if !f.Generated {
				lines = append(lines, f.Lines)
			}
		}
	}
	if len(lines) == 0 {
		return 0
	}
	slices.Sort(lines)
	return lines[len(lines)/2]
}

// name refuses names that say nothing, for packages and for files.
func name(p Package) []Finding {
	empty := []string{"base", "common", "helper", "helpers", "misc", "shared", "type", "types", "util", "utils"}
	var out []Finding
	if slices.Contains(empty, path.Base(p.Path)) {
		out = append(out, finding(p.Path, "the name says nothing about what the package is"))
	}
	for _, f := range p.Files {
		base := strings.TrimSuffix(strings.TrimSuffix(path.Base(f.Name), ".go"), "_test")
		if slices.Contains(empty, base) {
			out = append(out, finding(f.Name, "the name says nothing about what the file holds"))
		}
	}
	return out
}

// noInit refuses init functions, which would make an import do something.
func noInit(p Package) []Finding {
	var out []Finding
	for _, f := range p.Files {
		if f.Generated || f.Syntax == nil {
			continue
		}
		for _, decl := range f.Syntax.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				out = append(out, finding(f.Name, "has an init function; do it where it is wired up"))
			}
		}
	}
	return out
}
