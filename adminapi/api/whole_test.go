package api_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// slowReader is a client that takes the answer when it is told to.
type slowReader struct {
	*httptest.ResponseRecorder
	begun chan<- struct{}
	read  <-chan struct{}
}

func (s slowReader) Write(part []byte) (int, error) {
	s.begun <- struct{}{}
	<-s.read
	return s.ResponseRecorder.Write(part)
}

func TestOnlyTwoReadTheWholeAuditLogAtATime(t *testing.T) {
	w := newWorld(t)
	w.connector("Directory")
	begun, read, ended := make(chan struct{}, 1000), make(chan struct{}), make(chan int, 2)
	for range 2 {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1/api/audit/export", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		go func() {
			out := slowReader{httptest.NewRecorder(), begun, read}
			w.handler.ServeHTTP(out, r)
			ended <- out.Code
		}()
	}
	<-begun
	<-begun
	for _, path := range []string{"/api/audit/export", "/api/audit/verify", "/api/audit/verify?chain=admin"} {
		a := w.send("GET", path, "")
		if p := a.problem(t, http.StatusTooManyRequests, "busy"); p.RetryAfterSeconds < 1 || a.Header.Get("Retry-After") != p.RetryAfter() {
			t.Errorf("%s: Retry-After %q: %s", path, a.Header.Get("Retry-After"), a.body)
		}
	}
	w.send("GET", "/api/audit", "").is(t, http.StatusOK, nil)
	close(read)
	for range 2 {
		if code := <-ended; code != http.StatusOK {
			t.Errorf("an export that was begun got %d", code)
		}
	}
	for range 3 { // each gives back what it took
		for _, path := range []string{"/api/audit/export", "/api/audit/verify", "/api/audit/verify?after=x"} {
			w.send("GET", path, "").is(t, http.StatusOK, nil)
		}
	}
}
