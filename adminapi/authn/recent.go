package authn

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

const (
	// lookUpLife is how long a look-up is good for. So long may a token or a session
	// live on that another process ended; this process forgets what it ends itself.
	lookUpLife = 2 * time.Second
	// maxLookUps bounds the memory.
	maxLookUps = 10_000
	// seenPeriod is how often at most it is written that something was used.
	seenPeriod = time.Minute
	// noteLimit is how long writing that may take.
	noteLimit = 10 * time.Second
)

// recent remembers for a moment what was found by its hash, so that the database
// need not be asked for each request. What was not found is not remembered.
type recent[V any] struct {
	now func() time.Time

	mu    sync.Mutex
	found map[store.TokenHash]lookUp[V]
	// era counts what was forgotten, so that a look-up that was under way meanwhile is
	// not remembered.
	era int
}

type lookUp[V any] struct {
	value V
	until time.Time
}

func newRecent[V any](now func() time.Time) *recent[V] {
	return &recent[V]{now: now, found: map[store.TokenHash]lookUp[V]{}}
}

// get returns what is remembered of the hash, else what find finds.
func (r *recent[V]) get(hash store.TokenHash, find func() (V, error)) (V, error) {
	now := r.now()
	r.mu.Lock()
	known, ok := r.found[hash]
	era := r.era
	r.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.value, nil
	}
	value, err := find()
	if err != nil {
		return value, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.era == era {
		if len(r.found) >= maxLookUps {
			clear(r.found)
		}
		r.found[hash] = lookUp[V]{value, now.Add(lookUpLife)}
	}
	return value, nil
}

// forget makes everything be looked up anew.
func (r *recent[V]) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.found)
	r.era++
}

// seen is when something was last used.
type seen struct{ at atomic.Int64 }

func seenAt(t time.Time) *seen {
	s := &seen{}
	if !t.IsZero() {
		s.at.Store(t.UnixNano())
	}
	return s
}

func (s *seen) last() time.Time { return time.Unix(0, s.at.Load()) }

// again notes a use and reports whether it is to be written, which it says once in
// a period.
func (s *seen) again(now time.Time, period time.Duration) bool {
	before := s.at.Load()
	return now.UnixNano()-before >= int64(period) && s.at.CompareAndSwap(before, now.UnixNano())
}

// notes are written beside the requests that cause them, which must not wait for
// the database's one writer.
type notes struct {
	logger  *slog.Logger
	pending sync.WaitGroup
}

func (n *notes) write(what string, write func(context.Context) error) {
	n.pending.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), noteLimit)
		defer cancel()
		if err := write(ctx); err != nil {
			n.logger.WarnContext(ctx, "a use could not be noted", "of", what, telemetry.KeyError, err)
		}
	})
}
