package store

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/identitymesh/identitymesh/engine/identity"
)

// appendAttributes appends the attributes as JSON that operators can read in the
// table: an object of arrays of texts, in the order given. Bytes that are not
// UTF-8 become U+FFFD. It is written by hand because encoding one object with
// encoding/json costs more than storing it.
func appendAttributes(b []byte, attributes []identity.Attribute) []byte {
	b = append(b, '{')
	for i, a := range attributes {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, a.Name)
		b = append(b, ':', '[')
		for j, v := range a.Values {
			if j > 0 {
				b = append(b, ',')
			}
			b = appendText(b, v)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

const hexDigits = "0123456789abcdef"

// appendText appends s as a JSON text.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			b = append(b, s[start:i]...)
			b = append(b, "\ufffd"...)
			i++
			start = i
			continue
		}
		i += size
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// parseAttributes is the inverse of appendAttributes.
func parseAttributes(text []byte) ([]identity.Attribute, error) {
	var byName map[string][]string
	if err := json.Unmarshal(text, &byName); err != nil {
		return nil, err
	}
	attributes := make([]identity.Attribute, 0, len(byName))
	for name, values := range byName {
		attributes = append(attributes, identity.Attribute{Name: name, Values: values})
	}
	slices.SortFunc(attributes, func(a, b identity.Attribute) int { return strings.Compare(a.Name, b.Name) })
	return attributes, nil
}
