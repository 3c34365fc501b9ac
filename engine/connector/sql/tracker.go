package sqlconn

import (
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/engine/connector"
)

// futureAllowance is how far a source's clock and zone may be ahead of ours. A
// row beyond it would hide all rows that come until then.
const futureAllowance = 24 * time.Hour

// tracker follows the delta column through one read.
type tracker struct {
	cfg *config
	// floor is the watermark that the read began with; nil in a full import.
	floor *point
	// latest bounds what counts for the watermark.
	latest time.Time

	// last is the row before, whatever its date; seen is set with the first.
	last point
	seen bool
	// highest is what the watermark may become; found is set with the first.
	highest point
	found   bool
	// future counts rows that did not count for the watermark.
	future int
}

// add takes the delta column's value of the next row.
func (t *tracker) add(c *cell) error {
	if c.unset {
		if t.cfg.ordered && t.seen {
			return fmt.Errorf("orderedByDelta is set, but a row whose %s is NULL came after rows that have one; "+
				"order NULLs first, leave such rows out, or set orderedByDelta to false", c.name)
		}
		return nil
	}
	if t.cfg.ordered && t.seen && c.point.compare(t.last) < 0 {
		return fmt.Errorf("orderedByDelta is set, but a row with a lower %s (%s) came after one with a higher; "+
			"end the query with ORDER BY %[1]s, or set orderedByDelta to false", c.name, c.text)
	}
	t.last, t.seen = c.point, true
	if t.cfg.deltaType == timestamps && c.point.at.After(t.latest) {
		t.future++
		return nil
	}
	if !t.found || c.point.compare(t.highest) > 0 {
		t.highest, t.found = c.point, true
	}
	return nil
}

// watermark returns how far the read has come, elapsed after its beginning; ""
// when no row said so.
func (t *tracker) watermark(elapsed time.Duration) connector.Watermark {
	p, found := t.highest, t.found
	if found && t.cfg.dialect.torn && t.cfg.deltaType == timestamps {
		// A row may have been read before it changed and another one after it
		// changed later; what changed since the beginning is read again.
		p.at = p.at.Add(-elapsed)
	}
	if t.floor != nil && (!found || p.compare(*t.floor) < 0) {
		p, found = *t.floor, true
	}
	if !found {
		return ""
	}
	return t.cfg.watermark(p)
}
