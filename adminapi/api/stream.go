package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/live"
)

// stream is an answer of server-sent events, as the HTML standard has them.
type stream struct {
	api     *API
	r       *http.Request
	w       http.ResponseWriter
	control *http.ResponseController
	buffer  []byte
	failed  bool
}

// stream answers with the events that tell writes.
func (a *API) stream(tell func(*stream)) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		s := &stream{api: a, r: r, w: w, control: http.NewResponseController(w)}
		// The server's limit is for requests that it still reads.
		if err := s.control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return
		}
		w.Header().Set("Content-Type", eventStream)
		w.Header().Set("X-Accel-Buffering", "no") // proxies hand on what there is
		tell(s)
		s.flush()
	}}
}

// wait returns once the first look at the database was taken, and begins the
// answer: a client that reads lists then misses nothing. It is false when there is
// nobody to answer.
func (s *stream) wait(ready <-chan struct{}) bool {
	t := time.NewTimer(firstLook)
	defer t.Stop()
	select {
	case <-ready:
	case <-t.C: // a heartbeat shows that at least the Admin API lives
	case <-s.r.Context().Done():
		return false
	}
	// Browsers come back after this many milliseconds.
	s.buffer = append(s.buffer, "retry: 2000\n\n"...)
	return s.flush()
}

// event adds an event; data is one line.
func (s *stream) event(name, id string, data []byte) {
	s.buffer = append(s.buffer, "event: "...)
	s.buffer = append(s.buffer, name...)
	if id != "" {
		s.buffer = append(s.buffer, "\nid: "...)
		s.buffer = append(s.buffer, id...)
	}
	s.buffer = append(s.buffer, "\ndata: "...)
	s.buffer = append(s.buffer, data...)
	s.buffer = append(s.buffer, "\n\n"...)
	if len(s.buffer) > 32<<10 {
		s.flush()
	}
}

// flush sends what was added, and reports whether the client takes it.
func (s *stream) flush() bool {
	if s.failed || len(s.buffer) == 0 {
		return !s.failed
	}
	// The server's clock decides; what has no deadlines needs none.
	err := s.control.SetWriteDeadline(time.Now().Add(pieceLimit))
	if errors.Is(err, http.ErrNotSupported) {
		err = nil
	}
	if err == nil {
		_, err = s.w.Write(s.buffer)
	}
	if err == nil {
		err = s.control.Flush()
	}
	s.failed = err != nil
	s.buffer = nil // most streams are silent most of the time
	return !s.failed
}

// follow hands on what the listener hears until tell returns false, the client
// leaves or falls behind, or its sign-in ends.
func (s *stream) follow(l *live.Listener, tell func(live.News) bool) {
	heartbeat := time.NewTicker(s.api.Streams.Heartbeat)
	defer heartbeat.Stop()
	recheck := time.NewTicker(s.api.Streams.Recheck)
	defer recheck.Stop()
	for s.flush() {
		select {
		case news, ok := <-l.News:
			if !ok || !tell(news) {
				return
			}
		case <-heartbeat.C:
			s.buffer = append(s.buffer, ": still here\n\n"...)
		case <-recheck.C:
			if !s.api.Streams.Still(s.r, authz.RunsRead) {
				return
			}
		case <-s.r.Context().Done():
			return
		}
	}
}
