package architecture

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"unicode"
)

// packageDoc asks for a doc comment on the product code of each package; a
// package of tests alone needs none.
func packageDoc(p Package) []Finding {
	product := false
	for _, f := range p.Files {
		if f.Test || f.Generated {
			continue
		}
		product = true
		if f.Syntax == nil || f.Syntax.Doc == nil {
			continue
		}
		if beginsWell(f.Syntax, path.Base(p.Path)) {
			return nil
		}
	}
	if !product {
		return nil
	}
	return []Finding{finding(p.Path, "has no doc comment that begins with its name (Package x, Command x, or X of a command)")}
}

// beginsWell reports whether the doc comment begins as go.dev/doc/comment asks.
func beginsWell(file *ast.File, folder string) bool {
	text := file.Doc.Text()
	if file.Name.Name != "main" {
		return strings.HasPrefix(text, "Package "+file.Name.Name)
	}
	return strings.HasPrefix(text, "Command ") || strings.HasPrefix(strings.ToLower(text), folder+" ")
}

// exportedDoc asks for a doc comment on each exported name of the sdk: constants,
// variables, types, functions, methods, and the methods of interfaces. Fields are
// left to people.
func exportedDoc(p Package) []Finding {
	if p.Module != "sdk" || strings.Contains("/"+p.Path+"/", "/internal/") {
		return nil
	}
	var out []Finding
	for _, f := range p.Files {
		if f.Test || f.Generated || f.Syntax == nil || f.Syntax.Name.Name == "main" {
			continue
		}
		for _, name := range undocumented(f.Syntax) {
			out = append(out, finding(f.Name, "%s has no doc comment", name))
		}
	}
	return out
}

func undocumented(file *ast.File) []string {
	var out []string
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			owner, ok := receiver(d)
			known := owner != "" && slices.Contains(wellKnown(), d.Name.Name)
			if ok && d.Name.IsExported() && d.Doc == nil && !known {
				out = append(out, strings.TrimPrefix(owner+"."+d.Name.Name, "."))
			}
		case *ast.GenDecl:
			if d.Tok != token.IMPORT {
				out = append(out, undocumentedSpecs(d)...)
			}
		}
	}
	return out
}

// wellKnown returns methods that do what an interface of the standard library
// says about them.
func wellKnown() []string {
	return []string{"Error", "Format", "GoString", "LogValue", "MarshalJSON", "MarshalText", "String", "Unwrap"}
}

// receiver returns the type that a function is a method of, and whether that type
// is exported; a plain function has none and counts as exported.
func receiver(fn *ast.FuncDecl) (string, bool) {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return "", true
	}
	expr := fn.Recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.Name, e.IsExported()
		default:
			return "", false
		}
	}
}

func undocumentedSpecs(d *ast.GenDecl) []string {
	var out []string
	last := ""
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if !s.Name.IsExported() {
				continue
			}
			if d.Doc == nil && s.Doc == nil && s.Comment == nil {
				out = append(out, s.Name.Name)
			}
			if i, ok := s.Type.(*ast.InterfaceType); ok {
				out = append(out, undocumentedMethods(s.Name.Name, i)...)
			}
		case *ast.ValueSpec:
			if s.Doc != nil {
				last = s.Doc.Text()
			}
			for _, name := range s.Names {
				// The doc of a group speaks for its members, and that of a neighbour
				// for those it names.
				said := d.Doc != nil || s.Doc != nil || s.Comment != nil || slices.Contains(words(last), name.Name)
				if name.IsExported() && !said {
					out = append(out, name.Name)
				}
			}
		}
	}
	return out
}

// undocumentedMethods lets the only method of an interface go without: its
// interface's doc is about it.
func undocumentedMethods(owner string, i *ast.InterfaceType) []string {
	if len(i.Methods.List) < 2 {
		return nil
	}
	var out []string
	for _, m := range i.Methods.List {
		for _, name := range m.Names {
			if name.IsExported() && m.Doc == nil && m.Comment == nil {
				out = append(out, owner+"."+name.Name)
			}
		}
	}
	return out
}

func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' })
}
