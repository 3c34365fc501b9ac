package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// ObjectFilter selects objects; its zero fields select all.
type ObjectFilter struct {
	ConnectorID string
	Type        string
	Present     *bool
	// Q is a part of the anchor or of a value, in any case.
	Q string
}

// ListedObject is an object with the name of its connector.
type ListedObject struct {
	Object
	ConnectorName string
	// AuditSeq is the newest record of the connector's audit chain that tells of it; 0
	// for none.
	AuditSeq int64
}

const (
	// SearchLimit is how long [Store.PageObjects] goes on reading objects.
	SearchLimit = time.Second
	// searchWindow is how many ids one statement of a search looks at.
	searchWindow = 10_000
)

// errEnough ends a statement whose further rows nobody needs.
var errEnough = errors.New("enough rows")

const listedObjects = "SELECT " + objectColumns + ", c.name, o.audit_seq FROM IM_ManagementSpaceObjects o INNER JOIN IM_Connectors c ON c.id = o.connector_id"

// PageObjects returns a page of objects in the order in which they were first seen,
// or, with the sort -firstSeen, in the opposite one. What a filter selects is found
// by reading the objects in that order, for [SearchLimit] at most: a page may have
// fewer objects than the limit, even none, and still have a next one, which goes on
// where it ended. An index of all words would cost an import more than all else;
// this costs it nothing, and no page holds the database up.
func (s *Store) PageObjects(ctx context.Context, f ObjectFilter, p Paging) (list []ListedObject, next *Mark, err error) {
	at, last, step := int64(0), int64(0), int64(searchWindow)
	if err := s.row(ctx, s.db.Read, "newest object", "SELECT COALESCE(MAX(id), 0) FROM IM_ManagementSpaceObjects", nil, []any{&last}); err != nil {
		return nil, nil, err
	}
	descending := p.Sort == "-firstSeen"
	if descending {
		at, last, step = last+1, 1, -step
	} else if p.Sort != "" && p.Sort != "firstSeen" {
		return nil, nil, fmt.Errorf("objects cannot be sorted by %q", p.Sort)
	}
	if p.After != nil {
		if at, err = strconv.ParseInt(p.After.ID, 10, 64); err != nil || at < 0 {
			return nil, nil, ErrMark
		}
	}
	for deadline := time.Now().Add(SearchLimit); ; {
		end := at + step
		if descending && at <= last || !descending && at >= last {
			return list, nil, nil
		}
		at, list, err = s.searchWindow(ctx, f, p.Limit, at, end, list)
		if err != nil {
			return nil, nil, err
		}
		if (len(list) == p.Limit || time.Now().After(deadline)) && (descending && at > last || !descending && at < last) {
			return list, &Mark{Key: numberKey(at), ID: numberKey(at)}, nil
		}
	}
}

// searchWindow adds what the filter selects of the ids behind one and up to the
// other, and returns the last id that it looked at.
func (s *Store) searchWindow(ctx context.Context, f ObjectFilter, limit int, behind, upTo int64, list []ListedObject) (int64, []ListedObject, error) {
	var w where
	order := ""
	if behind < upTo {
		w.add("o.id > ? AND o.id <= ?", behind, upTo)
	} else {
		w.add("o.id < ? AND o.id >= ?", behind, upTo)
		order = " DESC"
	}
	w.equal("o.connector_id", f.ConnectorID)
	w.equal("o.object_type", f.Type)
	if f.Present != nil {
		w.add("o.present = ?", *f.Present)
	}
	q := strings.ToLower(strings.TrimSpace(f.Q))
	if q != "" {
		pattern := roughly(q)
		anchor, attributes := "LOWER(o.anchor)", "o.attributes"
		if s.db.Dialect == productdb.SQLServer { // whose columns may tell cases apart
			attributes += " COLLATE Latin1_General_100_CI_AS"
		}
		w.add("("+attributes+` LIKE ? ESCAPE '~' OR `+anchor+` LIKE ? ESCAPE '~')`, pattern, pattern)
	}
	rest := limit - len(list)
	atMost := rest
	if q != "" {
		atMost = searchWindow
	}
	err := s.query(ctx, s.db.Read, "search objects", func(rows *sql.Rows) error {
		var o ListedObject
		var err error
		if o.Object, err = scanObject(rows, &o.ConnectorName, &o.AuditSeq); err != nil {
			return err
		}
		if q != "" && !o.has(q) {
			return nil
		}
		list = append(list, o)
		if rest--; rest == 0 {
			return errEnough
		}
		return nil
	}, listedObjects+w.clause()+" ORDER BY o.id"+order+w.with(s.db.Dialect.Limit("?"), atMost), w.args...)
	if errors.Is(err, errEnough) {
		return list[len(list)-1].ID, list, nil
	}
	return upTo, list, err
}

// has reports whether the anchor or a value has q, in lower case, in it.
func (o *ListedObject) has(q string) bool {
	if strings.Contains(strings.ToLower(o.Anchor), q) {
		return true
	}
	for _, a := range o.Attributes {
		for _, v := range a.Values {
			if strings.Contains(strings.ToLower(v), q) {
				return true
			}
		}
	}
	return false
}

// roughly returns a pattern for LIKE with ~ as its escape that finds q within
// [appendAttributes]'s text, and more than that: whatever databases know different
// cases of, or JSON has an escape for, may be anything.
func roughly(q string) string {
	var b strings.Builder
	b.WriteByte('%')
	for _, r := range q {
		switch {
		case r >= utf8.RuneSelf, r < ' ', r == '"', r == '\\':
			b.WriteByte('%')
		case strings.ContainsRune("%_[~", r):
			b.WriteByte('~')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('%')
	return b.String()
}

// Object returns the object of that id. [ErrNotFound].
func (s *Store) Object(ctx context.Context, id int64) (o ListedObject, err error) {
	found := false
	err = s.query(ctx, s.db.Read, "get object", func(rows *sql.Rows) (err error) {
		found = true
		o.Object, err = scanObject(rows, &o.ConnectorName, &o.AuditSeq)
		return err
	}, listedObjects+" WHERE o.id = @p1", id)
	if err == nil && !found {
		err = ErrNotFound
	}
	return o, err
}
