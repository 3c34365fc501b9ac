package api

import (
	"encoding/base64"
	"unicode/utf16"
	"unicode/utf8"
)

// plain is a text from JSON as bytes that can be wiped, which a string cannot.
type plain struct {
	bytes []byte
	// given: the key occurs, wrong: as something that this is not.
	given, wrong bool
}

// UnmarshalJSON implements json.Unmarshaler. It never fails, so that the rest of
// the input is looked at too. Of a key that occurs twice the last one counts.
func (p *plain) UnmarshalJSON(data []byte) error {
	p.wipe()
	text, ok := unquote(data)
	*p = plain{bytes: text, given: true, wrong: !ok}
	return nil
}

func (p *plain) wipe() { clear(p.bytes[:cap(p.bytes)]) }

// encoded is bytes from Base64 in JSON.
type encoded struct{ plain }

// UnmarshalJSON implements json.Unmarshaler; see [plain].
func (e *encoded) UnmarshalJSON(data []byte) error {
	e.wipe()
	text, ok := unquote(data)
	defer clear(text[:cap(text)])
	out := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(out, text)
	e.plain = plain{bytes: out[:n], given: true, wrong: !ok || err != nil}
	return nil
}

// unquote returns the text of a JSON string, RFC 8259 section 7. Unlike
// encoding/json it makes no string of it, and refuses what is not Unicode
// instead of replacing it: a password must not change on its way.
func unquote(data []byte) (text []byte, ok bool) {
	if len(data) < 2 || data[0] != '"' || data[len(data)-1] != '"' {
		return nil, false
	}
	in := data[1 : len(data)-1]
	if !utf8.Valid(in) {
		return nil, false
	}
	out := make([]byte, 0, len(in)) // no escape is shorter than what it stands for
	for len(in) > 0 {
		if in[0] != '\\' {
			out, in = append(out, in[0]), in[1:]
			continue
		}
		r, length := unescape(in)
		if length == 0 {
			clear(out[:cap(out)])
			return nil, false
		}
		out, in = utf8.AppendRune(out, r), in[length:]
	}
	return out, true
}

// unescape returns what the escape at the start of in stands for and how long it
// is, 0 if it stands for nothing.
func unescape(in []byte) (rune, int) {
	if len(in) < 2 {
		return 0, 0
	}
	switch in[1] {
	case '"', '\\', '/':
		return rune(in[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		first, ok := hex4(in[2:])
		if !ok {
			return 0, 0
		}
		if !utf16.IsSurrogate(first) {
			return first, 6
		}
		if len(in) >= 12 && in[6] == '\\' && in[7] == 'u' {
			if second, ok := hex4(in[8:]); ok {
				if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
					return r, 12
				}
			}
		}
	}
	return 0, 0
}

func hex4(in []byte) (r rune, ok bool) {
	if len(in) < 4 {
		return 0, false
	}
	for _, c := range in[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
