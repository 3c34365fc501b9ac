package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/identity"
)

const (
	// MaxAnchor is the longest anchor in UTF-16 units, bound by the longest key of
	// an index of SQL Server. Objects with longer ones are rejected.
	MaxAnchor = 800
	// MaxTypeBytes is the longest type of an object.
	MaxTypeBytes = 256
)

// page is what Stage works with, kept between pages for its memory.
type page struct {
	// anchors are sorted and distinct; entries has one for each.
	anchors []string
	entries []entry
	// anchorList is the anchors as a JSON array.
	anchorList []byte
	hashInput  []byte
	json       []byte
	jsonEnds   []int
	// inserts and updates are rows to write, in the order of their keys.
	inserts, updates []change
	absent           []vanished
	rejected         []connector.Rejection
	// told is what the audit chain is told of the page.
	told []byte
}

// entry is one anchor of a page and what is stored of it.
type entry struct {
	object   *identity.Object // nil when there is none, or not any more
	gone     bool
	hash     identity.Hash
	id       int64 // 0 when nothing is stored
	present  bool
	sameHash bool
	was      stored
}

// stored is what the database has of an object that changes.
type stored struct {
	// previous is the record of the audit chain that tells of it last.
	previous               int64
	objectType, attributes string
}

// change is an object to write; id is 0 for a new one.
type change struct {
	id         int64
	object     *identity.Object
	hash       *identity.Hash
	attributes string
	returned   bool
	was        stored
}

// vanished is an object to mark as absent.
type vanished struct {
	id     int64
	anchor string
	was    stored
}

// Stage takes a page: it writes what is new or different, marks what is gone, and
// moves the watermark to the page's checkpoint, all or nothing. It returns the
// counts of this page. It does not write to rows that have not changed. Memory
// grows with the page, and in a full import by a bit for each object.
func (i *Import) Stage(ctx context.Context, b Batch) (Counts, error) {
	if i.done != nil {
		return Counts{}, i.done
	}
	p := &i.page
	p.load(b)
	s := i.store
	var counts Counts
	var logged int
	err := s.db.InWriteTx(ctx, func(tx *sql.Tx) (err error) {
		if err := s.fence(ctx, tx, i.cfg.Lease, b.Checkpoint); err != nil {
			return err
		}
		if err := i.lookUp(ctx, tx); err != nil {
			return err
		}
		counts = p.decide()
		if err := i.write(ctx, tx); err != nil {
			return err
		}
		if logged, err = i.logRejected(ctx, tx); err != nil {
			return err
		}
		total := i.total
		total.add(counts)
		return i.record(ctx, tx, total, i.pages+1, b.Checkpoint, Running)
	})
	if i.landed(ctx, err, func(r Run) bool { return r.Pages == i.pages+1 }) {
		err = nil
	}
	if err != nil {
		i.done = fmt.Errorf("an earlier page failed: %w", err)
		return Counts{}, err
	}
	i.total.add(counts)
	i.pages++
	i.logged += logged
	i.remember()
	return counts, nil
}

// load sorts the page by anchor, so that rows go to the index in its order, and
// sorts out what cannot be stored.
func (p *page) load(b Batch) {
	p.rejected = append(p.rejected[:0], b.Rejected...)
	p.anchors, p.entries = p.anchors[:0], p.entries[:0]
	type item struct {
		anchor string
		object *identity.Object
		gone   bool
	}
	items := make([]item, 0, len(b.Objects)+len(b.Gone))
	for n := range b.Objects {
		o := &b.Objects[n]
		if reason := unstorable(o); reason != "" {
			p.rejected = append(p.rejected, connector.Rejection{Entry: o.Anchor, Anchor: o.Anchor, Reason: reason})
			continue
		}
		items = append(items, item{anchor: o.Anchor, object: o})
	}
	for _, anchor := range b.Gone {
		if badAnchor(anchor) == "" { // others were never stored
			items = append(items, item{anchor: anchor, gone: true})
		}
	}
	for _, r := range p.rejected {
		if r.Anchor != "" && badAnchor(r.Anchor) == "" {
			items = append(items, item{anchor: r.Anchor})
		}
	}
	slices.SortStableFunc(items, func(x, y item) int { return strings.Compare(x.anchor, y.anchor) })
	for _, it := range items {
		last := len(p.anchors) - 1
		if last < 0 || p.anchors[last] != it.anchor {
			p.anchors = append(p.anchors, it.anchor)
			p.entries = append(p.entries, entry{})
			last++
		}
		e := &p.entries[last]
		if it.object != nil {
			e.object = it.object
		}
		if it.gone {
			e.gone = true
		}
	}
	p.anchorList = append(p.anchorList[:0], '[')
	for n, anchor := range p.anchors {
		if n > 0 {
			p.anchorList = append(p.anchorList, ',')
		}
		p.anchorList = appendText(p.anchorList, anchor)
		if e := &p.entries[n]; e.object != nil && !e.gone {
			e.hash, p.hashInput = e.object.Hash(p.hashInput)
		}
	}
	p.anchorList = append(p.anchorList, ']')
}

func unstorable(o *identity.Object) string {
	if reason := badAnchor(o.Anchor); reason != "" {
		return reason
	}
	if len(o.Type) > MaxTypeBytes || !utf8.ValidString(o.Type) {
		return fmt.Sprintf("the object's type has more than %d bytes or is not UTF-8", MaxTypeBytes)
	}
	return ""
}

func badAnchor(anchor string) string {
	switch {
	case anchor == "":
		return "the anchor is empty"
	case !utf8.ValidString(anchor) || strings.IndexByte(anchor, 0) >= 0:
		return "the anchor is not text"
	case len(anchor) > MaxAnchor && utf16Units(anchor) > MaxAnchor:
		return fmt.Sprintf("the anchor is longer than %d characters", MaxAnchor)
	}
	return ""
}

func utf16Units(s string) (n int) {
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

// decide sorts the entries into what has to be written, after the look-up.
func (p *page) decide() (c Counts) {
	c.Failed = int64(len(p.rejected))
	p.inserts, p.updates, p.absent = p.inserts[:0], p.updates[:0], p.absent[:0]
	for n := range p.entries {
		e := &p.entries[n]
		switch {
		case e.gone:
			if e.id != 0 && e.present {
				p.absent = append(p.absent, vanished{e.id, p.anchors[n], e.was})
				c.Absent++
			}
		case e.object == nil: // rejected, and met all the same
		case e.id == 0:
			p.inserts = append(p.inserts, change{object: e.object, hash: &e.hash})
			c.Added++
		case e.present && e.sameHash:
			c.Unchanged++
		default:
			p.updates = append(p.updates, change{id: e.id, object: e.object, hash: &e.hash, returned: !e.present, was: e.was})
			if e.present {
				c.Updated++
			} else {
				c.Added++
			}
		}
	}
	slices.SortFunc(p.updates, func(x, y change) int { return cmp.Compare(x.id, y.id) })
	slices.SortFunc(p.absent, func(x, y vanished) int { return cmp.Compare(x.id, y.id) })
	p.encode()
	return c
}

// encode makes the JSON of all rows to write in one buffer and one text.
func (p *page) encode() {
	p.json, p.jsonEnds = p.json[:0], p.jsonEnds[:0]
	for _, list := range [][]change{p.inserts, p.updates} {
		for n := range list {
			p.json = appendAttributes(p.json, list[n].object.Attributes)
			p.jsonEnds = append(p.jsonEnds, len(p.json))
		}
	}
	text, start, at := string(p.json), 0, 0
	for _, list := range [][]change{p.inserts, p.updates} {
		for n := range list {
			list[n].attributes = text[start:p.jsonEnds[at]]
			start = p.jsonEnds[at]
			at++
		}
	}
}

// lookUp finds what is stored of the page's anchors.
func (i *Import) lookUp(ctx context.Context, tx *sql.Tx) error {
	p := &i.page
	for n := range p.entries {
		p.entries[n].id = 0
	}
	if len(p.entries) == 0 {
		return nil
	}
	var at, id int64
	var present bool
	var hash, objectType, attributes sql.RawBytes
	var previous int64
	into := []any{&at, &id, &present, &hash}
	// Most objects of a delta have changed, and most of a full import have not; of
	// those it is read later when they have.
	delta := i.seen == nil
	if delta {
		into = append(into, &previous, &objectType, &attributes)
	}
	return i.store.query(ctx, tx, "look up objects", func(rows *sql.Rows) error {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		e := &p.entries[at]
		e.id, e.present, e.sameHash = id, present, string(hash) == string(e.hash[:])
		if delta && !(e.present && e.sameHash) {
			e.was = stored{previous, string(objectType), string(attributes)}
		}
		return nil
	}, i.store.lookUpSQL(delta), i.cfg.Lease.ConnectorID, string(p.anchorList))
}

// remember notes which old objects a full import has met, once the page is safe.
func (i *Import) remember() {
	p := &i.page
	for _, r := range p.rejected {
		if r.Anchor == "" {
			i.unidentified++
		}
	}
	for n := range p.entries {
		if e := &p.entries[n]; i.seen != nil && e.id != 0 && e.id <= i.lastOld && !e.gone {
			i.seen.Add(uint64(e.id))
		}
		p.entries[n].object = nil // lets the page go
	}
}
