package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/store"
)

// Every list is read page by page in the same way: limit and cursor say which page,
// sort in which order, q what to look for, and filters of the list's own narrow it
// down. A cursor stands for the last row of a page in that order, so that rows that
// come and go meanwhile neither repeat others nor hide them. It belongs to the query
// that it came from and is refused by any other.

// Paging is what every list takes.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many items at most."`
	Cursor string `query:"cursor" maxLength:"8192" doc:"The next of the page before, of the same query; empty for the first page."`
}

// cursor is what a cursor holds.
type cursor struct {
	// Of is the hash of the query that it belongs to.
	Of []byte `json:"q"`
	store.Mark
}

// query is a list and what of it is asked for, but for the page.
type query struct {
	list   string
	sort   string
	filter any
}

func (q query) hash() []byte {
	// What a filter is made of can be written as JSON.
	text, _ := json.Marshal([]any{q.list, q.sort, q.filter})
	hash := sha256.Sum256(text)
	return hash[:12]
}

// page returns which page of the query's list is asked for.
func (p Paging) page(q query) (store.Paging, error) {
	out := store.Paging{Sort: q.sort, Limit: p.Limit}
	if p.Cursor == "" {
		return out, nil
	}
	var c cursor
	text, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err != nil || json.Unmarshal(text, &c) != nil || len(c.Of) == 0 {
		return out, badCursor("this is not a cursor that a list returned as next")
	}
	if !bytes.Equal(c.Of, q.hash()) {
		return out, badCursor("this cursor belongs to another list, order or filter; ask for the first page of this one without a cursor")
	}
	out.After = &c.Mark
	return out, nil
}

func badCursor(why string) error {
	return problem.Invalid(problem.Item{Path: "query:cursor", Message: why})
}

// next returns the cursor of the page that begins behind the mark.
func (q query) next(m *store.Mark) string {
	if m == nil {
		return ""
	}
	text, _ := json.Marshal(cursor{Of: q.hash(), Mark: *m}) // bytes and texts
	return base64.RawURLEncoding.EncodeToString(text)
}

// listProblem turns what only a forged cursor can cause into a problem.
func listProblem(err error) error {
	if errors.Is(err, store.ErrMark) {
		return badCursor("this is not a cursor that a list returned as next")
	}
	return err
}

// truth is a filter that is true, false or not given.
func truth(text string) *bool {
	if text == "" {
		return nil
	}
	yes := text == "true"
	return &yes
}

// all turns each row of a page into what the API shows of it.
func all[R, T any](rows []R, show func(R) T) []T {
	out := make([]T, 0, len(rows))
	for _, r := range rows {
		out = append(out, show(r))
	}
	return out
}

// sliced returns a page of rows that are all at hand, in the order of their keys,
// which are distinct; with a sort that begins with - in the opposite one.
func sliced[T any](rows []T, p store.Paging, key func(T) string) ([]T, *store.Mark) {
	turn := 1
	if strings.HasPrefix(p.Sort, "-") {
		turn = -1
	}
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(x, y T) int { return turn * strings.Compare(key(x), key(y)) })
	if p.After != nil {
		rows = slices.DeleteFunc(rows, func(r T) bool { return turn*strings.Compare(key(r), p.After.ID) <= 0 })
	}
	if len(rows) <= p.Limit {
		return rows, nil
	}
	return rows[:p.Limit], &store.Mark{ID: key(rows[p.Limit-1])}
}
