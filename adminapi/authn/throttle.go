package authn

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// freeFailures are answered and logged; after that an address is refused for
	// firstPause, which doubles with each further failure up to longestPause.
	freeFailures = 5
	firstPause   = time.Second
	longestPause = time.Minute
	// forgetAfter without a failure an address starts anew.
	forgetAfter = 10 * time.Minute
	// maxAddresses bounds the memory; beyond it the one that failed longest ago is
	// forgotten.
	maxAddresses = 1000
)

// throttle counts failed sign-ins by remote address.
type throttle struct {
	now func() time.Time

	mu        sync.Mutex
	addresses map[netip.Prefix]*record
}

type record struct {
	failures     int
	last, paused time.Time
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, addresses: map[netip.Prefix]*record{}}
}

// failed notes a failure and returns how long the address is refused already;
// zero means that this failure is to be answered as such.
func (t *throttle) failed(remote string) time.Duration {
	key, now := source(remote), t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.addresses[key]
	if r == nil || now.Sub(r.last) > forgetAfter {
		if r == nil && len(t.addresses) >= maxAddresses {
			t.forgetOldest()
		}
		r = &record{}
		t.addresses[key] = r
	}
	if wait := r.paused.Sub(now); wait > 0 {
		return wait
	}
	r.failures++
	r.last = now
	if over := r.failures - freeFailures; over >= 0 {
		r.paused = now.Add(min(firstPause<<min(over, 10), longestPause))
	}
	return 0
}

func (t *throttle) forgetOldest() {
	var oldest netip.Prefix
	var since time.Time
	for key, r := range t.addresses {
		if since.IsZero() || r.last.Before(since) {
			oldest, since = key, r.last
		}
	}
	delete(t.addresses, oldest)
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
