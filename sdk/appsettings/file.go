package appsettings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"

	"github.com/tailscale/hujson"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/wholefile"
)

const (
	maxFileBytes = 1 << 20
	// maxContainers bounds the recursion of the parser: a file cannot be nested
	// deeper than it has opening brackets.
	maxContainers = 10_000
)

// parseFile reads one settings file. Without problems the tree is nil only when
// the file is absent and may be. sum is the SHA-256 of the content. The problems
// name the file, and never repeat what stands in it: that may be a password.
func parseFile(path string, mayBeAbsent bool) (tree *node, sum []byte, diags diag.List) {
	data, err := readFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && mayBeAbsent:
		return nil, nil, nil
	case err != nil:
		diags.Errorf("", "cannot read the settings: %v", err)
		return nil, nil, diags
	}

	sum = digest(data)
	data = bytes.TrimPrefix(data, byteOrderMark)
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		diags.Errorf("", "%s is UTF-16: save it as UTF-8", path)
		return nil, nil, diags
	}
	if bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) > maxContainers {
		diags.Errorf("", "%s has more than %d opening brackets", path, maxContainers)
		return nil, nil, diags
	}
	value, err := hujson.Parse(data)
	if err != nil {
		diags.Errorf("", "%s%s: %s", path, position(err), explain(err))
		return nil, nil, diags
	}
	c := converter{origin: filepath.Base(path), data: data}
	root := c.node("", value)
	if root.kind != kindObject {
		diags.Errorf("", "%s: expected an object in braces, found %s", path, root.kind)
		return nil, nil, diags
	}
	return root, sum, diags
}

func readFile(path string) ([]byte, error) {
	// Looked at before it is opened: opening a pipe could wait for ever.
	switch info, err := os.Stat(path); {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := wholefile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFileBytes)
	}
	return data, nil
}

// position returns where the parser stopped. The parser tells it only in the
// text of its error, whose rest quotes the file and must not be passed on.
func position(err error) string {
	var line, column int
	if _, err := fmt.Sscanf(err.Error(), "hujson: line %d, column %d:", &line, &column); err != nil {
		return ""
	}
	return fmt.Sprintf(", line %d, column %d", line, column)
}

func explain(err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "not valid JSON: the file ends before a quote, bracket or comment that was opened is closed"
	}
	return "not valid JSON: look for a missing comma or quote, or a backslash that is not doubled, here or just before"
}

// converter turns the parser's tree into ours.
type converter struct {
	origin string
	data   []byte
	lines  []int // offsets of the line ends, made when first needed
}

func (c *converter) node(name string, v hujson.Value) *node {
	n := &node{name: name, origin: c.origin, line: c.line(v.StartOffset)}
	switch value := v.Value.(type) {
	case *hujson.Object:
		n.kind = kindObject
		for _, m := range value.Members {
			child := c.node(decode(m.Name.Value.(hujson.Literal)), m.Value)
			if first := n.member(child.name); first != nil {
				child.repeated = fmt.Sprintf("%s, lines %d and %d", c.origin, first.line, child.line)
			}
			n.put(child)
		}
	case *hujson.Array:
		n.kind = kindList
		for i, element := range value.Elements {
			n.put(c.node(strconv.Itoa(i), element))
		}
	case hujson.Literal:
		switch n.text = string(value); value.Kind() {
		case 'n':
			n.kind = kindNull
		case '"':
			n.kind, n.text = kindText, decode(value)
		case '0':
			n.kind = kindNumber
		default:
			n.kind = kindBoolean
		}
	}
	return n
}

// decode returns the content of a string literal, which the parser has checked.
func decode(literal hujson.Literal) string {
	var text string
	_ = json.Unmarshal(literal, &text)
	return text
}

func (c *converter) line(offset int) int {
	if c.lines == nil {
		c.lines = []int{}
		for i, b := range c.data {
			if b == '\n' {
				c.lines = append(c.lines, i)
			}
		}
	}
	return 1 + sort.SearchInts(c.lines, offset)
}
