package appsettings

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

type kind int

const (
	kindNull kind = iota
	kindText
	kindNumber
	kindBoolean
	kindObject
	kindList
)

// String names the kind in messages.
func (k kind) String() string {
	return [...]string{"null", "a text", "a number", "true or false", "an object", "a list"}[k]
}

// node is one key with what stands below it. Objects and lists merge in the same
// way, as in .NET: the keys of a list are its indices.
type node struct {
	kind kind
	// name is the key as it was first written.
	name string
	// text is a text's content, or a number's or boolean's literal.
	text    string
	members []*node
	index   map[string]*node
	// origin and line say where the value was set; line is 0 when it is not a
	// line of a file.
	origin string
	line   int
	// repeated says where the same key stands a second time, if it does.
	repeated string
}

// fold makes keys comparable.
func fold(name string) string { return strings.ToLower(name) }

func (n *node) isContainer() bool { return n.kind == kindObject || n.kind == kindList }

// isSet reports whether the key has a value: null and an empty text count as
// none, also where they stand over one of a weaker source.
func (n *node) isSet() bool {
	return n != nil && n.kind != kindNull && !(n.kind == kindText && n.text == "")
}

// member returns the member of that name, or nil.
func (n *node) member(name string) *node {
	if n == nil {
		return nil
	}
	return n.index[fold(name)]
}

// put sets a member, in the place of the one of the same name if there is one.
func (n *node) put(m *node) {
	key := fold(m.name)
	if n.index == nil {
		n.index = make(map[string]*node)
	}
	if old, ok := n.index[key]; ok {
		*old = *m
		return
	}
	n.index[key] = m
	n.members = append(n.members, m)
}

// merge lays over above base and returns the result; both are used up.
func merge(base, over *node) *node {
	if over.repeated == "" {
		over.repeated = base.repeated
	}
	over.name = base.name
	if !base.isContainer() || !over.isContainer() {
		return over
	}
	if base.kind == kindList {
		base.kind = over.kind
	}
	base.repeated = over.repeated
	for _, m := range over.members {
		if old := base.member(m.name); old != nil {
			m = merge(old, m)
		}
		if base.member(m.name) != m {
			base.put(m)
		}
	}
	return base
}

// elements returns the members of a list in the order of their indices.
func (n *node) elements() []*node {
	sorted := slices.Clone(n.members)
	slices.SortFunc(sorted, func(a, b *node) int {
		if len(a.name) != len(b.name) {
			return len(a.name) - len(b.name)
		}
		return strings.Compare(a.name, b.name)
	})
	return sorted
}

// isIndex reports whether name is a list index in its only spelling.
func isIndex(name string) bool {
	if name == "" || len(name) > 1 && name[0] == '0' {
		return false
	}
	return !strings.ContainsFunc(name, func(c rune) bool { return c < '0' || c > '9' })
}

// appendJSON writes the node as standard JSON.
func (n *node) appendJSON(b *bytes.Buffer) {
	switch n.kind {
	case kindNull:
		b.WriteString("null")
	case kindText:
		appendText(b, n.text)
	case kindNumber, kindBoolean:
		b.WriteString(n.text)
	case kindObject:
		b.WriteByte('{')
		for i, m := range n.members {
			if i > 0 {
				b.WriteByte(',')
			}
			appendText(b, m.name)
			b.WriteByte(':')
			m.appendJSON(b)
		}
		b.WriteByte('}')
	case kindList:
		b.WriteByte('[')
		for i, m := range n.elements() {
			if i > 0 {
				b.WriteByte(',')
			}
			m.appendJSON(b)
		}
		b.WriteByte(']')
	}
}

func appendText(b *bytes.Buffer, text string) {
	quoted, _ := json.Marshal(text) // a string always can be
	b.Write(quoted)
}
