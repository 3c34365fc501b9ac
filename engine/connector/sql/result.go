package sqlconn

import (
	"database/sql"
	"fmt"
	"strings"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/identity"
)

// result is the current row of a query.
type result struct {
	cells   []cell
	targets []any
	anchor  *cell
	delta   *cell
	row     int
}

// newResult checks that the columns can make objects.
func (c *Connector) newResult(rows *sql.Rows) (*result, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	r := &result{cells: make([]cell, len(types)), targets: make([]any, len(types))}
	var names []string
	for i, t := range types {
		name := t.Name()
		if name == "" {
			return nil, fmt.Errorf("column %d has no name; give it one with AS", i+1)
		}
		for _, other := range names {
			if strings.EqualFold(other, name) {
				return nil, fmt.Errorf("two columns are called %q; rename one with AS", name)
			}
		}
		names = append(names, name)
		cell := &r.cells[i]
		*cell = newCell(c.cfg.dialect, name, t.DatabaseTypeName())
		r.targets[i] = cell
		if strings.EqualFold(name, c.cfg.anchorColumn) {
			r.anchor = cell
		}
		if strings.EqualFold(name, c.cfg.deltaColumn) {
			cell.delta, r.delta = c.cfg.deltaType, cell
		}
	}
	missing := func(key, column string) error {
		return fmt.Errorf("%s is %q, but the query returns no column of that name; it returns %s",
			key, column, strings.Join(names, ", "))
	}
	if r.anchor == nil {
		return nil, missing("anchorColumn", c.cfg.anchorColumn)
	}
	if c.cfg.deltaColumn != "" && r.delta == nil {
		return nil, missing("deltaColumn", c.cfg.deltaColumn)
	}
	return r, nil
}

// add puts the row into page. Nothing in the page refers to the row afterwards.
func (r *result) add(page *connector.Page, objectType string) {
	if r.anchor.null || r.anchor.text == "" {
		is := "empty"
		if r.anchor.null {
			is = "NULL"
		}
		page.Rejected = append(page.Rejected, connector.Rejection{
			Entry:  fmt.Sprintf("row %d", r.row),
			Reason: fmt.Sprintf("anchorColumn %q is %s", r.anchor.name, is),
		})
		return
	}
	o := identity.Object{
		Anchor: r.anchor.text, Type: objectType,
		Attributes: make([]identity.Attribute, 0, len(r.cells)),
	}
	values := make([]string, len(r.cells))
	for i := range r.cells {
		if c := &r.cells[i]; !c.null {
			values[i] = c.text
			o.Attributes = append(o.Attributes, identity.Attribute{Name: c.name, Values: values[i : i+1 : i+1]})
		}
	}
	o.Normalize()
	page.Objects = append(page.Objects, o)
}
