package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/identitymesh/identitymesh/engine/audit"
)

// maxNamed is how many of an object's changed attributes are named in the audit chain.
const maxNamed = 100

// compare reads what a full import's look-up left out of the objects that change.
func (i *Import) compare(ctx context.Context, tx *sql.Tx) error {
	p := &i.page
	if i.seen == nil || len(p.updates)+len(p.absent) == 0 {
		return nil
	}
	byID := make(map[int64]*stored, len(p.updates)+len(p.absent))
	for n := range p.updates {
		byID[p.updates[n].id] = &p.updates[n].was
	}
	for n := range p.absent {
		byID[p.absent[n].id] = &p.absent[n].was
	}
	list, err := json.Marshal(slices.Collect(maps.Keys(byID)))
	if err != nil {
		return err
	}
	return i.store.query(ctx, tx, "read changed objects", func(rows *sql.Rows) error {
		var id int64
		var was stored
		err := rows.Scan(&id, &was.previous, &was.objectType, &was.attributes)
		if to := byID[id]; to != nil {
			*to = was
		}
		return err
	}, "SELECT id, audit_seq, object_type, attributes FROM IM_ManagementSpaceObjects WHERE id IN ("+i.store.numbers("@p1")+")", string(list))
}

// tell writes what the page does as lines of [audit.ObjectChange]. It is written by
// hand for the reason that [appendAttributes] gives.
func (p *page) tell() {
	b := p.told[:0]
	object := func(c *change, what string) {
		b = appendText(append(b, `{"anchor":`...), c.object.Anchor)
		b = appendText(append(b, `,"type":`...), c.object.Type)
		b = append(append(b, `,"change":"`...), what...)
		b = append(b, '"')
	}
	end := func(previous int64) {
		if previous != 0 {
			b = strconv.AppendInt(append(b, `,"previous":`...), previous, 10)
		}
		b = append(b, '}', '\n')
	}
	content := func(c *change) {
		b = hex.AppendEncode(append(b, `,"content":"`...), c.hash[:])
		b = append(b, '"')
	}
	for n := range p.inserts {
		c := &p.inserts[n]
		object(c, "added")
		content(c)
		end(0)
	}
	for n := range p.updates {
		c := &p.updates[n]
		what := "updated"
		if c.returned {
			what = "returned"
		}
		object(c, what)
		if c.was.objectType != c.object.Type {
			b = appendText(append(b, `,"typeBefore":`...), c.was.objectType)
		}
		b = appendNames(b, c.was.attributes, c.attributes)
		content(c)
		end(c.was.previous)
	}
	for _, v := range p.absent {
		b = appendText(append(b, `{"anchor":`...), v.anchor)
		b = append(b, `,"change":"absent"`...)
		end(v.was.previous)
	}
	p.told = b
}

// tellRun tells the audit chain of a run's connector that it started, or how it
// ended: as codes and counts, not in the words of other systems.
func (s *Store) tellRun(ctx context.Context, tx *sql.Tx, kind audit.ObjectKind, runID string) error {
	r, err := s.run(ctx, tx, runID)
	if err != nil {
		return err
	}
	said := map[string]any{"kind": r.Kind, "trigger": r.Trigger, "by": r.RequestedBy, "instance": r.Instance}
	if kind == audit.RunEnded {
		said = map[string]any{"status": r.Status, "reason": r.Reason, "added": r.Counts.Added, "updated": r.Counts.Updated,
			"unchanged": r.Counts.Unchanged, "absent": r.Counts.Absent, "failed": r.Counts.Failed}
	}
	body, err := json.Marshal(said)
	if err != nil {
		return err
	}
	chain, err := s.audit.Objects(ctx, tx, r.ConnectorID)
	if err != nil {
		return err
	}
	return chain.Add(ctx, r.ID, kind, body)
}

// appendNames appends the names of the attributes that differ between two texts of
// [appendAttributes].
func appendNames(b []byte, before, after string) []byte {
	named, more := 0, 0
	name := func(quoted string) {
		switch {
		case named == maxNamed:
			more++
			return
		case named == 0:
			b = append(b, `,"attributes":[`...)
		default:
			b = append(b, ',')
		}
		named++
		b = append(b, quoted...)
	}
	was, is := splitAttributes(before), splitAttributes(after)
	at := 0 // both have nearly the same names in the same order
	for _, a := range is {
		n := slices.IndexFunc(was[at:], a.sameName)
		if n < 0 {
			name(a.name)
			continue
		}
		for _, gone := range was[at : at+n] {
			name(gone.name)
		}
		if was[at+n].values != a.values {
			name(a.name)
		}
		at += n + 1
	}
	for _, gone := range was[at:] {
		name(gone.name)
	}
	if named > 0 {
		b = append(b, ']')
	}
	if more > 0 {
		b = strconv.AppendInt(append(b, `,"more":`...), int64(more), 10)
	}
	return b
}

// attributeText is an attribute as it stands in the text, the name with its quotes.
type attributeText struct{ name, values string }

func (a attributeText) sameName(b attributeText) bool { return a.name == b.name }

// splitAttributes takes a text of [appendAttributes] apart. Of another text it
// returns what it understands.
func splitAttributes(text string) (list []attributeText) {
	for rest := text[min(1, len(text)):]; ; rest = rest[1:] { // behind a brace or a comma
		name := quotedText(rest)
		if name == "" || len(rest) == len(name) || rest[len(name)] != ':' {
			return list
		}
		rest = rest[len(name)+1:]
		n := 1 // behind the bracket
		for n < len(rest) && rest[n] != ']' {
			n += max(1, len(quotedText(rest[n:])))
		}
		if n >= len(rest)-1 {
			return list
		}
		list = append(list, attributeText{name, rest[:n]})
		rest = rest[n+1:]
	}
}

// quotedText returns the JSON text that s begins with, quotes included; empty when it
// begins with none.
func quotedText(s string) string {
	if s == "" || s[0] != '"' {
		return ""
	}
	for n := 1; n < len(s); n++ {
		switch s[n] {
		case '\\':
			n++
		case '"':
			return s[:n+1]
		}
	}
	return ""
}
