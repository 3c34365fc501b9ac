package ldap

import "time"

// maxFuture is how far ahead of our clock a modifyTimestamp may be and still
// move the watermark. A server with a wrong clock could otherwise hide every
// change until that time has come.
const maxFuture = 24 * time.Hour

// timeline follows the modifyTimestamps of one read.
type timeline struct {
	// start is when the read began. An entry that changed after its page was
	// read carries a later time, so that no watermark may lie beyond start.
	start time.Time
	// newest is the largest usable time seen.
	newest time.Time
	// unordered is set when an entry was older than one before it.
	unordered bool
	// unusable counts times that cannot be parsed or lie in the future.
	unusable int
}

func (t *timeline) observe(stamp string) {
	at, ok := parseTime(stamp)
	if !ok || at.After(t.start.Add(maxFuture)) {
		t.unusable++
		return
	}
	if at.Before(t.newest) {
		t.unordered = true
		return
	}
	t.newest = at
}

// reached returns the time up to which everything was read, given that the read
// got to the end or that entries came in order; zero when no entry had a time.
// It never goes back behind old.
func (t *timeline) reached(old time.Time) time.Time {
	at := t.newest
	if at.After(t.start) {
		at = t.start
	}
	if at.Before(old) {
		return old
	}
	return at
}
