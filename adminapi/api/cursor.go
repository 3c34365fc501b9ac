package api

import (
	"strconv"

	"github.com/identitymesh/identitymesh/adminapi/problem"
)

// Paging is what every listing in pages takes.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many items at most."`
	Cursor string `query:"cursor" maxLength:"8192" doc:"The next of the page before; empty for the first."`
}

// after returns the number that the cursor stands for, 0 for the first page.
func (p Paging) after() (int64, error) {
	if p.Cursor == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(p.Cursor, 10, 64)
	if err != nil || n < 1 {
		return 0, problem.Invalid(problem.Item{Path: "query:cursor", Message: "this is not a cursor that a listing returned as next"})
	}
	return n, nil
}

// next returns the cursor behind a page, empty when it was the last one.
func (p Paging) next(items int, last int64) string {
	if items < p.Limit {
		return ""
	}
	return strconv.FormatInt(last, 10)
}
