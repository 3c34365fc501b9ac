package sqlconn

import (
	"database/sql"
	"strings"
)

// query is a statement with the driver's parameters in the place of
// [parameter].
type query struct {
	text string
	// uses counts the parameters.
	uses int
}

// parseQuery checks that text is one statement. Its errors say what is wrong
// with "it".
func parseQuery(text string, d *dialect, t deltaType) (query, error) {
	offsets, err := d.grammar.lex(text)
	if err != nil {
		return query{}, err
	}
	var b strings.Builder
	rest := 0
	for _, at := range offsets {
		b.WriteString(text[rest:at])
		b.WriteString(d.placeholder(t))
		rest = at + len(parameter)
	}
	b.WriteString(text[rest:])
	return query{text: b.String(), uses: len(offsets)}, nil
}

// args returns the arguments that stand for value in a call.
func (q query) args(d *dialect, value any) []any {
	switch {
	case q.uses == 0:
		return nil
	case d.positional:
		args := make([]any, q.uses)
		for i := range args {
			args[i] = value
		}
		return args
	case d.named:
		return []any{sql.Named(strings.TrimPrefix(parameter, "@"), value)}
	}
	return []any{value}
}
