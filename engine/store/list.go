package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// Every list is read in the same way: sorted by one of its fields and, where those
// are equal, by what makes its rows distinct, and continued behind the last row of
// the page before. No row is counted over, so the last page costs what the first
// one does.

// Paging selects a page of a list.
type Paging struct {
	// Sort is a field of the list, with '-' before it for the other way round. Empty
	// is the list's own order.
	Sort string
	// After is the end of the page before; nil begins.
	After *Mark
	Limit int
}

// Mark is where a page ended: what its last row was sorted by, and what makes that
// row distinct.
type Mark struct {
	Key string `json:"k"`
	ID  string `json:"i"`
}

// ErrMark: a mark is none of this list and order.
var ErrMark = errors.New("the mark is none of this list and its order")

// columnKind is how a column's value is written in a [Mark].
type columnKind int

const (
	text columnKind = iota
	number
	moment
)

// sorting is one way to sort rows of T. The column is never NULL.
type sorting[T any] struct {
	column string
	kind   columnKind
	key    func(*T) string
}

// listing is a list: what is read of it and how it can be sorted.
type listing[T any] struct {
	name string
	// from is SELECT, FROM and the joins.
	from string
	scan func(*sql.Rows) (T, error)
	by   map[string]sorting[T]
	// own is the list's own order.
	own string
	// distinct breaks ties.
	distinct sorting[T]
}

// where collects conditions and their parameters.
type where struct {
	conditions []string
	args       []any
}

// add adds a condition in which each ? stands for the next argument.
func (w *where) add(condition string, args ...any) {
	w.conditions = append(w.conditions, w.with(condition, args...))
}

// with returns text with its ? numbered, and keeps the arguments.
func (w *where) with(text string, args ...any) string {
	var b strings.Builder
	for _, a := range args {
		before, after, _ := strings.Cut(text, "?")
		w.args = append(w.args, a)
		fmt.Fprintf(&b, "%s@p%d", before, len(w.args))
		text = after
	}
	return b.String() + text
}

// equal adds that a column has the value, unless that is empty.
func (w *where) equal(column, value string) {
	if value != "" {
		w.add(column+" = ?", value)
	}
}

// contains adds that a column, which holds keys of names, has the text in it.
func (w *where) contains(column, q string) {
	if q = key(q); q != "" {
		w.add(column+` LIKE ? ESCAPE '\'`, "%"+likeEscaper.Replace(q)+"%")
	}
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`, "[", `\[`)

func (w *where) clause() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// readPage reads a page, and returns where the next one begins, nil when there is
// none.
func readPage[T any](ctx context.Context, s *Store, l listing[T], w where, p Paging) (list []T, next *Mark, err error) {
	statement, err := l.statement(s.db.Dialect, &w, p)
	if err != nil {
		return nil, nil, err
	}
	err = s.query(ctx, s.db.Read, l.name, func(rows *sql.Rows) error {
		row, err := l.scan(rows)
		list = append(list, row)
		return err
	}, statement, w.args...)
	if err != nil || len(list) <= p.Limit {
		return list, nil, err
	}
	// One more than asked for says that there is a next page.
	list = list[:p.Limit]
	last := &list[p.Limit-1]
	return list, &Mark{Key: l.by[field(l.own, p.Sort)].key(last), ID: l.distinct.key(last)}, nil
}

// field returns the field that a list is sorted by.
func field(own, sort string) string {
	if sort == "" {
		sort = own
	}
	return strings.TrimPrefix(sort, "-")
}

func (l *listing[T]) statement(d productdb.Dialect, w *where, p Paging) (string, error) {
	sort := p.Sort
	if sort == "" {
		sort = l.own
	}
	by, known := l.by[field(l.own, sort)]
	if !known || p.Limit < 1 {
		return "", fmt.Errorf("%s: it cannot be sorted by %q, or the limit is %d", l.name, sort, p.Limit)
	}
	direction, beyond := "", ">"
	if strings.HasPrefix(sort, "-") {
		direction, beyond = " DESC", "<"
	}
	order := by.column + direction
	if by.column != l.distinct.column {
		order += ", " + l.distinct.column + direction
	}
	if p.After != nil {
		key, err := by.kind.parameter(p.After.Key)
		if err != nil {
			return "", err
		}
		id, err := l.distinct.kind.parameter(p.After.ID)
		if err != nil {
			return "", err
		}
		a, b := by.column, l.distinct.column
		switch {
		case a == b:
			w.add(b+beyond+"?", id)
		case d == productdb.SQLite:
			w.add("("+a+", "+b+")"+beyond+"(?, ?)", key, id)
		default: // it compares no rows, and finds the range of an index by the first part
			w.add(a+beyond+"=? AND ("+a+beyond+"? OR "+b+beyond+"?)", key, key, id)
		}
	}
	return l.from + w.clause() + " ORDER BY " + order + w.with(d.Limit("?"), p.Limit+1), nil
}

// parameter returns what a mark's text stands for.
func (k columnKind) parameter(in string) (any, error) {
	switch k {
	case number:
		n, err := strconv.ParseInt(in, 10, 64)
		if err != nil {
			return nil, ErrMark
		}
		return n, nil
	case moment:
		t, err := time.Parse(time.RFC3339Nano, in)
		if err != nil || t.IsZero() {
			return nil, ErrMark
		}
		return t, nil
	}
	return in, nil
}

func momentKey(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func numberKey(n int64) string { return strconv.FormatInt(n, 10) }
