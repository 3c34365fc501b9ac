package negotiate

import (
	"crypto/sha256"
	"maps"
	"sync"
	"time"
)

// rememberFor is the longest time for which an authenticator counts: one of a clock
// that is ahead counts until its time and the skew are over.
const rememberFor = 2*clockSkew + time.Minute

// seen remembers authenticators, so that one that somebody recorded counts no second
// time. Only good ones get here, so strangers cannot fill it. Another process does
// not know of them, nor does the next one; TLS keeps them from being recorded.
type seen struct {
	now func() time.Time

	mu    sync.Mutex
	until map[[sha256.Size]byte]time.Time
	sweep time.Time
}

func newSeen(now func() time.Time) *seen {
	return &seen{now: now, until: map[[sha256.Size]byte]time.Time{}}
}

// before reports whether the encrypted authenticator came before, and remembers it.
func (s *seen) before(authenticator []byte) bool {
	key, now := sha256.Sum256(authenticator), s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.After(s.sweep) {
		maps.DeleteFunc(s.until, func(_ [sha256.Size]byte, until time.Time) bool { return now.After(until) })
		s.sweep = now.Add(time.Minute)
	}
	if until, found := s.until[key]; found && !now.After(until) {
		return true
	}
	s.until[key] = now.Add(rememberFor)
	return false
}
