package appsettings

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/internal/words"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// reader collects what reading the tree gives beside the values.
type reader struct {
	diags diag.List
	keys  []Key
	// folder is what relative paths are relative to.
	folder string
}

// section reads one object of the tree. Each of its methods also makes the key
// known, so that done can warn about the others.
type section struct {
	*reader
	node  *node // nil when there is none
	path  string
	known []string
}

func (r *reader) fail(n *node, path, format string, args ...any) {
	r.diags = append(r.diags, diag.Diagnostic{Path: path, Summary: fmt.Sprintf(format, args...), Detail: where(n)})
}

// where says where a value stands, so that a person finds it.
func where(n *node) string {
	if n.line > 0 {
		return fmt.Sprintf("set in %s, line %d", n.origin, n.line)
	}
	return "set by " + n.origin
}

func (r *reader) note(path string, n *node, sensitive bool) {
	k := Key{Path: path, Origin: originDefault, Sensitive: sensitive}
	if n != nil {
		k.Origin, k.Line = n.origin, n.line
	}
	if n != nil && !sensitive && !n.isContainer() {
		k.Text = withoutUser(n.text)
	}
	r.keys = append(r.keys, k)
}

// inForce notes the value that a key has after all, where that is not what was
// written: a default, or another form of it. It returns the value.
func inForce[T any](r *reader, path string, value T) T {
	i := slices.IndexFunc(r.keys, func(k Key) bool { return k.Path == path })
	if i < 0 || r.keys[i].Sensitive {
		return value
	}
	text := fmt.Sprint(value)
	if list, ok := any(value).([]string); ok {
		text = strings.Join(list, ", ")
	}
	r.keys[i].Text = withoutUser(text)
	return value
}

var userInfo = regexp.MustCompile(`://[^/@\s]*@`)

// withoutUser takes user and password out of the addresses in a text that is not
// meant to have any.
func withoutUser(text string) string { return userInfo.ReplaceAllString(text, "://") }

func (s *section) at(name string) string { return diag.Join(s.path, name) }

// find returns the member of that name, or nil when it is not set.
func (s *section) find(name string) *node {
	s.known = append(s.known, name)
	n := s.node.member(name)
	checkOnce(&s.diags, s.at(name), n)
	if !n.isSet() {
		return nil
	}
	return n
}

func checkOnce(problems *diag.List, path string, n *node) {
	if n != nil && n.repeated != "" {
		problems.Errorf(path, "the key is set twice, perhaps in different case: %s", n.repeated)
	}
}

// sub returns the section of that name; it is empty when there is none.
func (s *section) sub(name string) *section {
	n := s.find(name)
	if n != nil && n.kind != kindObject {
		s.fail(n, s.at(name), "expected an object, found %s", n.kind)
		n = nil
	}
	return &section{reader: s.reader, node: n, path: s.at(name)}
}

// done warns about keys that nothing read.
func (s *section) done() {
	if s.node == nil {
		return
	}
	for _, m := range s.node.members {
		if containsFold(s.known, m.name) {
			continue
		}
		summary := "unknown key, it has no effect"
		if like := words.Closest(m.name, s.known); like != "" {
			summary += "; did you mean " + s.at(like) + "?"
		}
		s.diags = append(s.diags, diag.Diagnostic{
			Severity: diag.Warning, Path: s.at(m.name), Summary: summary, Detail: where(m),
		})
	}
}

// text returns the node of a text that is set and has no control characters.
func (s *section) text(name string, sensitive bool) *node {
	n := s.find(name)
	s.note(s.at(name), n, sensitive)
	switch {
	case n == nil:
	case n.kind != kindText:
		s.fail(n, s.at(name), "expected a text in quotes, found %s", n.kind)
		return nil
	case strings.ContainsFunc(n.text, unicode.IsControl):
		s.fail(n, s.at(name), "it contains a control character, perhaps from a backslash that is not doubled")
		return nil
	}
	return n
}

func (s *section) plain(name, fallback string) string {
	if n := s.text(name, false); n != nil {
		return n.text
	}
	return inForce(s.reader, s.at(name), fallback)
}

func (s *section) secret(name string) secret.Value {
	if n := s.text(name, true); n != nil {
		return secret.NewValue([]byte(n.text))
	}
	return secret.Value{}
}

// folderOrFile returns an absolute path, or "" when it is not set.
func (s *section) folderOrFile(name string) string {
	n := s.text(name, false)
	switch {
	case n == nil:
		return ""
	case filepath.IsAbs(n.text):
		return inForce(s.reader, s.at(name), filepath.Clean(n.text))
	}
	return inForce(s.reader, s.at(name), filepath.Join(s.folder, n.text))
}

// choice returns one of allowed, which are lower case.
func (s *section) choice(name, fallback string, allowed ...string) string {
	n := s.text(name, false)
	if n == nil {
		return inForce(s.reader, s.at(name), fallback)
	}
	for _, a := range allowed {
		if strings.EqualFold(a, n.text) {
			return inForce(s.reader, s.at(name), a)
		}
	}
	s.fail(n, s.at(name), "expected %s, found %s", strings.Join(allowed, ", "), quote(n))
	return fallback
}

// scalar returns what is set at a key whose text is converted; nil when it is
// not set or cannot be converted.
func (s *section) scalar(name, expected string) *node {
	n := s.find(name)
	s.note(s.at(name), n, false)
	if n != nil && n.isContainer() {
		s.fail(n, s.at(name), "expected %s, found %s", expected, n.kind)
		return nil
	}
	return n
}

func (s *section) boolean(name string, fallback bool) bool {
	n := s.scalar(name, "true or false")
	switch {
	case n == nil:
		return inForce(s.reader, s.at(name), fallback)
	case strings.EqualFold(n.text, "true"):
		return true
	case strings.EqualFold(n.text, "false"):
		return false
	}
	s.fail(n, s.at(name), "expected true or false, found %s", quote(n))
	return fallback
}

func (s *section) integer(name string, fallback, lowest, highest int) int {
	expected := fmt.Sprintf("a whole number from %d to %d", lowest, highest)
	n := s.scalar(name, expected)
	if n == nil {
		return inForce(s.reader, s.at(name), fallback)
	}
	i, err := strconv.Atoi(n.text)
	if err != nil || i < lowest || i > highest {
		s.fail(n, s.at(name), "expected %s, found %s", expected, quote(n))
		return fallback
	}
	return i
}

func (s *section) duration(name string, fallback, shortest, longest time.Duration) time.Duration {
	expected := fmt.Sprintf("a duration from %v to %v, such as \"30s\" or \"00:00:30\"", shortest, longest)
	n := s.scalar(name, expected)
	if n == nil {
		return inForce(s.reader, s.at(name), fallback)
	}
	d, ok := words.Duration(n.text)
	if !ok || n.kind != kindText || d < shortest || d > longest {
		s.fail(n, s.at(name), "expected %s, found %s", expected, quote(n))
		return fallback
	}
	return inForce(s.reader, s.at(name), d)
}

// list returns the texts of a list; check says what is wrong with one.
func (s *section) list(name string, check func(string) error) []string {
	n := s.find(name)
	s.note(s.at(name), n, false)
	if n == nil {
		return nil
	}
	if n.kind != kindList {
		s.fail(n, s.at(name), "expected a list of texts, found %s", n.kind)
		return nil
	}
	var texts []string
	for _, m := range n.elements() {
		path := diag.Join(s.at(name), m.name)
		checkOnce(&s.diags, path, m)
		if m.kind != kindText {
			s.fail(m, path, "expected a text in quotes, found %s", m.kind)
		} else if err := check(m.text); err != nil {
			s.fail(m, path, "%v", err)
		} else {
			texts = append(texts, m.text)
		}
	}
	return inForce(s.reader, s.at(name), texts)
}

// raw returns the section of that name as JSON, {} when it is not set. What is
// wrong with it goes to problems.
func (s *section) raw(name string, problems *diag.List) secret.Value {
	s.known = append(s.known, name)
	n := s.node.member(name)
	checkOnce(problems, s.at(name), n)
	if !n.isSet() {
		return secret.NewValue([]byte("{}"))
	}
	s.noteRaw(s.at(name), n, problems)
	var b bytes.Buffer
	n.appendJSON(&b)
	return secret.NewValue(b.Bytes())
}

func (s *section) noteRaw(path string, n *node, problems *diag.List) {
	if !n.isContainer() {
		s.note(path, n, true)
	}
	for _, m := range n.members {
		below := diag.Join(path, m.name)
		checkOnce(problems, below, m)
		s.noteRaw(below, m, problems)
	}
}

// quote repeats what was found at a key that is not sensitive.
func quote(n *node) string {
	const most = 40
	found := []rune(n.text)
	if len(found) > most {
		found = append(found[:most], '…')
	}
	if n.kind == kindText {
		return strconv.Quote(string(found))
	}
	return string(found)
}
