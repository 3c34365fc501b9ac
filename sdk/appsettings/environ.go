package appsettings

import (
	"slices"
	"strings"
)

// environment is the process environment, as a source of keys and of the few
// variables that are not keys.
type environment struct {
	entries []string // NAME=value
	// foldNames is true where the operating system ignores the case of names.
	foldNames bool
}

// get returns the value of a variable, empty when it is not set.
func (e environment) get(name string) string {
	for _, entry := range e.entries {
		n, value, _ := strings.Cut(entry, "=")
		if n == name || e.foldNames && strings.EqualFold(n, name) {
			return value
		}
	}
	return ""
}

// tree returns the keys that variables set: those of our sections with at least
// one "__" (or ':') in the name. A variable with the bare name of a section, say
// ENGINE, belongs to somebody else.
func (e environment) tree() *node {
	type variable struct {
		name, value string
		parts       []string
	}
	var variables []variable
	for _, entry := range e.entries {
		name, value, _ := strings.Cut(entry, "=")
		parts := strings.Split(strings.ReplaceAll(name, "__", ":"), ":")
		if len(parts) > 1 && isOwned(parts[0]) {
			variables = append(variables, variable{name, value, parts})
		}
	}
	// A section sorts before its keys, so that the keys win over a value of the
	// section itself, whatever the order of the environment.
	slices.SortStableFunc(variables, func(a, b variable) int {
		if c := slices.CompareFunc(a.parts, b.parts, func(a, b string) int {
			return strings.Compare(fold(a), fold(b))
		}); c != 0 {
			return c
		}
		return strings.Compare(a.name, b.name)
	})

	root := &node{kind: kindObject}
	for _, v := range variables {
		at, origin := root, "environment variable "+v.name
		last := len(v.parts) - 1
		for _, part := range v.parts[:last] {
			next := at.member(part)
			if next == nil || !next.isContainer() {
				at.put(&node{kind: kindObject, name: part, origin: origin})
				next = at.member(part)
			}
			at = next
		}
		leaf := &node{kind: kindText, name: v.parts[last], text: v.value, origin: origin}
		if first := at.member(leaf.name); first != nil {
			leaf.repeated = first.origin + " and " + origin
		}
		at.put(leaf)
	}
	markLists(root)
	return root
}

// markLists makes lists of what has only indices for keys.
func markLists(n *node) {
	list := len(n.members) > 0
	for _, m := range n.members {
		markLists(m)
		list = list && isIndex(m.name)
	}
	if list {
		n.kind = kindList
	}
}
