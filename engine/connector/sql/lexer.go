package sqlconn

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// parameter is what a query writes where the watermark stands.
const parameter = "@watermark"

// grammar is what the lexer has to know of a database's SQL to tell where text
// is quoted or commented out.
type grammar struct {
	backslash    bool // \ escapes within '..' and "..": MySQL
	escapeString bool // E'..' has \ escapes, and $tag$..$tag$ quotes: PostgreSQL
	brackets     bool // [..] quotes a name: SQL Server, SQLite
	backticks    bool // `..` quotes a name: MySQL, SQLite
	nested       bool // comments nest: PostgreSQL, SQL Server
	// hash: # begins a comment, -- does so only before a blank, and /*! holds
	// code: MySQL.
	hash bool
}

var (
	errUnclosed   = errors.New("a quote or a comment in it is not closed")
	errStatements = errors.New("it holds more than one statement; only one is allowed")
	errNoQuery    = errors.New("it holds no statement")
	errExecutable = errors.New("executable comments /*! .. */ are not supported")
)

// lex returns where [parameter] stands in query as a token of its own, in any
// case of letters: not quoted, not in a comment, not as a part of a longer name.
func (g grammar) lex(query string) (offsets []int, err error) {
	var code, ended bool // a statement began; and it was followed by ;
	for i := 0; i < len(query); {
		n, blank, err := g.skip(query, i)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			switch r, size := utf8.DecodeRuneInString(query[i:]); {
			case unicode.IsSpace(r):
				n, blank = size, true
			case r == ';':
				n, blank, ended = 1, true, code
			case g.nameRune(r):
				n = g.nameLength(query[i:])
				if strings.EqualFold(query[i:i+n], parameter) {
					offsets = append(offsets, i)
				}
			default:
				n = size
			}
		}
		if !blank {
			if ended {
				return nil, errStatements
			}
			code = true
		}
		i += n
	}
	if !code {
		return nil, errNoQuery
	}
	return offsets, nil
}

// skip returns the length of the quoted text or comment that begins at i, 0
// when none does, and whether it was a comment.
func (g grammar) skip(query string, i int) (n int, comment bool, err error) {
	rest := query[i:]
	switch {
	case g.hash && rest[0] == '#', strings.HasPrefix(rest, "--") && (!g.hash || len(rest) == 2 || rest[2] <= ' '):
		if n = strings.IndexByte(rest, '\n'); n < 0 {
			n = len(rest)
		}
		return n, true, nil
	case g.hash && (strings.HasPrefix(rest, "/*!") || strings.HasPrefix(rest, "/*M!")):
		return 0, false, errExecutable
	case strings.HasPrefix(rest, "/*"):
		n = g.blockComment(rest)
		comment = true
	case rest[0] == '\'':
		n = quoted(rest, '\'', g.backslash)
	case rest[0] == '"':
		n = quoted(rest, '"', g.backslash)
	case g.backticks && rest[0] == '`':
		n = quoted(rest, '`', false)
	case g.brackets && rest[0] == '[':
		n = quoted(rest, ']', false)
	case g.escapeString && len(rest) > 1 && (rest[0] == 'e' || rest[0] == 'E') && rest[1] == '\'':
		if n = quoted(rest[1:], '\'', true); n > 0 {
			n++
		}
	case g.escapeString && rest[0] == '$':
		tag := dollarTag(rest)
		if tag == "" {
			return 0, false, nil
		}
		if end := strings.Index(rest[len(tag):], tag); end >= 0 {
			n = len(tag) + end + len(tag)
		}
	default:
		return 0, false, nil
	}
	if n == 0 {
		return 0, false, errUnclosed
	}
	return n, comment, nil
}

// quoted returns the length of the text that its first byte opens and the first
// lone closing byte ends, or 0. A doubled closing byte stands for itself.
func quoted(s string, closing byte, backslash bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case backslash && s[i] == '\\':
			i++
		case s[i] == closing && i+1 < len(s) && s[i+1] == closing:
			i++
		case s[i] == closing:
			return i + 1
		}
	}
	return 0
}

func (g grammar) blockComment(s string) int {
	depth := 0
	for i := 0; i+1 < len(s); i++ {
		switch {
		case s[i] == '/' && s[i+1] == '*' && (depth == 0 || g.nested):
			depth++
			i++
		case s[i] == '*' && s[i+1] == '/':
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// dollarTag returns the $tag$ that s begins with, or "". $1 is not one.
func dollarTag(s string) string {
	end := strings.IndexByte(s[1:], '$')
	if end < 0 {
		return ""
	}
	for i, r := range s[1 : 1+end] {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return ""
		}
	}
	return s[:end+2]
}

// nameRune reports whether r may stand within a name; @, # and $ may in one or
// another of the databases.
func (g grammar) nameRune(r rune) bool {
	switch r {
	case '_', '@', '$':
		return true
	case '#':
		return !g.hash
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

func (g grammar) nameLength(s string) int {
	if n := strings.IndexFunc(s, func(r rune) bool { return !g.nameRune(r) }); n >= 0 {
		return n
	}
	return len(s)
}
