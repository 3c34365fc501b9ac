package fakevault

import (
	"net/http"
	"strconv"
	"time"
)

// usage is what was let through to one vault, for its limits. Requests that are
// refused for their rate do not count; the service's page says that and its
// opposite.
type usage struct{ creates, others window }

// window counts the events of the last while, exactly: no span of that length
// ever holds more than the limit.
type window struct{ times []time.Time }

func (w *window) allow(now time.Time, limit int, per time.Duration) bool {
	if limit < 0 {
		return true
	}
	old := 0
	for old < len(w.times) && now.Sub(w.times[old]) >= per {
		old++
	}
	w.times = w.times[old:]
	if len(w.times) >= limit {
		return false
	}
	w.times = append(w.times, now)
	return true
}

// throttled refuses what is above the limit. The lock is held.
func (s *Server) throttled(host string, create bool) *refusal {
	u := s.used[host]
	w, limit := &u.others, orElse(s.rules.Others, defaultOthers)
	if create {
		w, limit = &u.creates, orElse(s.rules.Creates, defaultCreates)
	}
	if w.allow(s.config.Now(), limit, orElse(s.rules.Window, defaultWindow)) {
		return nil
	}
	r := &refusal{status: http.StatusTooManyRequests, code: "Throttled",
		message: "Too many requests were received. Reason: VaultRequestTypeLimitReached"}
	if after := s.rules.RetryAfter; after > 0 {
		r.retryAfter = strconv.Itoa(int((after + time.Second - 1) / time.Second))
	}
	return r
}
