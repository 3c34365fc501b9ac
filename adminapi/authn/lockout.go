package authn

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/problem"
)

const (
	// freeFailures are answered and logged; after that an address or a user is
	// refused for firstPause, which doubles with each further failure up to
	// longestPause.
	freeFailures = 5
	firstPause   = time.Second
	longestPause = time.Minute
	// forgetAfter without a failure they start anew.
	forgetAfter = 10 * time.Minute
	// maxRecords bounds the memory; beyond it the one that failed longest ago is
	// forgotten.
	maxRecords = 1000
)

// Lockout counts failed sign-ins by remote address and by user, and says how long
// the next has to wait. It is safe for concurrent use and its memory is bounded.
type Lockout struct {
	now func() time.Time

	mu      sync.Mutex
	records map[string]*record
	total   int64
}

type record struct {
	failures     int
	last, paused time.Time
}

// NewLockout returns one that knows of no failures.
func NewLockout(now func() time.Time) *Lockout {
	return &Lockout{now: now, records: map[string]*record{}}
}

// Wait returns how long sign-ins from that address, or as that user, have to wait
// yet; zero for not at all. Remote is as in [http.Request.RemoteAddr]; user is
// empty when the credential does not name one.
func (l *Lockout) Wait(remote, user string) (wait time.Duration) {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keysOf(remote, user) {
		if r := l.records[key]; r != nil {
			wait = max(wait, r.paused.Sub(now))
		}
	}
	return wait
}

// Failed notes a failure. While the address or the user has to wait it only
// returns for how long, as [Lockout.Wait] does; zero means that this failure is to
// be answered as such.
func (l *Lockout) Failed(remote, user string) time.Duration {
	l.mu.Lock()
	l.total++
	l.mu.Unlock()
	if wait := l.Wait(remote, user); wait > 0 {
		return wait
	}
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keysOf(remote, user) {
		r := l.records[key]
		if r == nil || now.Sub(r.last) > forgetAfter {
			if r == nil && len(l.records) >= maxRecords {
				l.forgetOldest()
			}
			r = &record{}
			l.records[key] = r
		}
		r.failures++
		r.last = now
		if over := r.failures - freeFailures; over >= 0 {
			r.paused = now.Add(min(firstPause<<min(over, 10), longestPause))
		}
	}
	return 0
}

// Total returns how many failures there were, answered as such or not.
func (l *Lockout) Total() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

func (l *Lockout) forgetOldest() {
	var oldest string
	var since time.Time
	for key, r := range l.records {
		if since.IsZero() || r.last.Before(since) {
			oldest, since = key, r.last
		}
	}
	delete(l.records, oldest)
}

// TooMany is the problem of who has to wait.
func TooMany(wait time.Duration) *problem.Problem {
	seconds := int((wait + time.Second - 1) / time.Second)
	p := problem.New(http.StatusTooManyRequests, "too-many-failed-sign-ins",
		fmt.Sprintf("Too many sign-ins from this address or as this user failed; wait %d s and send a valid credential.", seconds))
	p.RetryAfterSeconds = seconds
	return p
}

// keysOf returns what failures are counted by. Of a user's name, which anybody may
// choose, the beginning counts.
func keysOf(remote, user string) []string {
	keys := []string{"address " + source(remote).String()}
	if user != "" {
		keys = append(keys, "user "+strings.ToLower(user[:min(len(user), 200)]))
	}
	return keys
}

// source is what one opponent can be expected to have: an IPv4 address, or a /64
// of IPv6.
func source(remote string) netip.Prefix {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	bits := 32
	address := at.Addr().Unmap().WithZone("")
	if address.Is6() {
		bits = 64
	}
	prefix, _ := address.Prefix(bits) // cannot fail for these numbers
	return prefix
}
