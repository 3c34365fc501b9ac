package fakevault

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The services a request can be for.
const (
	serviceVault    = "vault"
	serviceLogin    = "login"
	serviceIdentity = "identity"
)

// Answer replaces what the fake would say to the next requests that match.
type Answer struct {
	// Service is "vault" (the default), "login" or "identity". Method and Path, a
	// prefix, narrow it further when set.
	Service, Method, Path string
	// Challenge makes it match the requests of the vault that carry no token and
	// would be challenged; without it only those with a token match.
	Challenge bool
	// Times is how many requests are answered so, 0 for one, negative for all until
	// Heal.
	Times int

	// Delay passes before anything else happens.
	Delay time.Duration
	// Status, Header and Body are sent. With no status the request is answered as
	// it would be anyway, so that Delay alone makes a slow vault. A redirect is a
	// status of 307 and a Location.
	Status int
	Header map[string]string
	Body   string
	// Apply carries the request out before answering, as a gateway that loses the
	// service's answer does.
	Apply bool
	// Hang answers nothing until the client is gone. Drop closes the connection, Cut
	// after half of the body.
	Hang, Drop, Cut bool
}

// Fail puts answers at the end of the queue.
func (s *Server) Fail(answers ...Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range answers {
		if a.Service == "" {
			a.Service = serviceVault
		}
		a.Times = orElse(a.Times, 1)
		s.answers = append(s.answers, &a)
	}
}

// Heal forgets all answers that are still queued.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = nil
}

// Refusal is the body of an error of the vault; inner may be empty.
func Refusal(code, inner, message string) string {
	e := map[string]any{"code": code, "message": message}
	if inner != "" {
		e["innererror"] = map[string]any{"code": inner}
	}
	body, _ := json.Marshal(map[string]any{"error": e}) // of strings only
	return string(body)
}

// Request is one that was received. Neither bodies nor queries are kept.
type Request struct {
	Service, Method, Host, Path string
	HasToken                    bool
	// Caller is the client id that the token claims, whether or not it was accepted.
	Caller string
	// Status that was sent, 0 when nothing was.
	Status int
}

// Requests returns what was received so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.journal...)
}

// Forget empties the journal.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.journal = nil
}

// statusWriter remembers the status for the journal.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// recorded serves a request, or what Fail put in its place, and journals it.
func (s *Server) recorded(service string, w http.ResponseWriter, r *http.Request, handle func(http.ResponseWriter)) {
	out := &statusWriter{ResponseWriter: w}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		c, _ := claimed(r.Header.Get("Authorization"))
		s.journal = append(s.journal, Request{Service: service, Method: r.Method, Host: r.Host, Path: r.URL.Path,
			HasToken: r.Header.Get("Authorization") != "", Caller: c.ApplicationID, Status: out.status})
	}()
	a := s.nextAnswer(service, r)
	if a == nil {
		handle(out)
		return
	}
	if a.Delay > 0 {
		select {
		case <-time.After(a.Delay):
		case <-r.Context().Done():
			return
		}
	}
	if a.Apply {
		handle(discard{http.Header{}})
	}
	switch {
	case a.Hang:
		<-r.Context().Done()
	case a.Drop:
		panic(http.ErrAbortHandler)
	case a.Status == 0:
		handle(out)
	default:
		a.send(out)
	}
}

func (a *Answer) send(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	for k, v := range a.Header {
		w.Header().Set(k, v)
	}
	body := a.Body
	if a.Cut {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		body = body[:len(body)/2]
	}
	w.WriteHeader(a.Status)
	_, _ = io.WriteString(w, body)
	if a.Cut {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func (s *Server) nextAnswer(service string, r *http.Request) *Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, a := range s.answers {
		if a.Service != service || (a.Method != "" && a.Method != r.Method) || !strings.HasPrefix(r.URL.Path, a.Path) {
			continue
		}
		if service == serviceVault && a.Challenge == (r.Header.Get("Authorization") != "") {
			continue
		}
		if a.Times > 0 {
			a.Times--
		}
		if a.Times == 0 {
			s.answers = append(s.answers[:i:i], s.answers[i+1:]...)
		}
		return a
	}
	return nil
}

// discard takes an answer that the client is not to see.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}
