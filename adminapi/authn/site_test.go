package authn_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/store"
)

// site is an Admin API with one page behind a guard, and a clock.
type site struct {
	t        *testing.T
	folder   string
	db       *store.Store
	now      time.Time
	tokens   *authn.Tokens
	sessions *authn.Sessions
	logs     bytes.Buffer
	guard    http.Handler
}

const idle, absolute = 30 * time.Minute, 12 * time.Hour

func newSite(t *testing.T, change func(*authn.SessionsConfig)) *site {
	t.Helper()
	s := &site{t: t, folder: t.TempDir(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s.db = open(t, s.folder)
	clock := func() time.Time { return s.now }
	s.tokens = newTokens(t, s.db, s.folder, clock)
	s.sessions = s.other(change)
	guard := authn.NewGuard(authn.GuardConfig{Ways: []authn.Way{s.tokens, s.sessions}, Logger: slog.New(slog.NewJSONHandler(&s.logs, nil)), Now: clock})
	s.guard = guard.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := authz.From(r.Context())
		_, _ = w.Write([]byte(p.String() + " " + string(p.Role)))
	}))
	return s
}

// other returns the sessions as another process on the same database has them.
func (s *site) other(change func(*authn.SessionsConfig)) *authn.Sessions {
	c := authn.SessionsConfig{Store: s.db, Idle: idle, Absolute: absolute, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return s.now }}
	if change != nil {
		change(&c)
	}
	sessions := authn.NewSessions(c)
	s.t.Cleanup(sessions.Close)
	return sessions
}

func ann() authz.Principal {
	return authz.Principal{Kind: authz.User, Name: "ann", Role: authz.Operator, Permissions: authz.Permissions(authz.Operator)}
}

// token makes a token that lives for some time, or for ever.
func (s *site) token(name string, life time.Duration) (store.AdminToken, string) {
	s.t.Helper()
	want := store.AdminToken{Name: name, Role: string(authz.Admin)}
	if life != 0 {
		want.Expires = s.now.Add(life)
	}
	made, text, err := s.tokens.Create(s.t.Context(), want)
	if err != nil {
		s.t.Fatal(err)
	}
	return made, text
}

// start signs ann in and returns the cookie that the browser has then.
func (s *site) start(change ...func(*http.Request)) *http.Cookie {
	s.t.Helper()
	return s.cookieFrom(func(w http.ResponseWriter, r *http.Request) error { return s.sessions.Start(w, r, ann(), "oidc") }, change...)
}

func (s *site) cookieFrom(begin func(http.ResponseWriter, *http.Request) error, change ...func(*http.Request)) *http.Cookie {
	s.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/api/session", nil)
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	if err := begin(w, r); err != nil {
		s.t.Fatal(err)
	}
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		s.t.Fatalf("cookies %v", cookies)
	}
	return cookies[0]
}

// get asks for the page; header holds pairs.
func (s *site) get(cookie *http.Cookie, header ...string) *httptest.ResponseRecorder {
	return s.send(http.MethodGet, cookie, header...)
}

func (s *site) send(method string, cookie *http.Cookie, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/api/runs", nil)
	if cookie != nil {
		r.AddCookie(cookie)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.guard.ServeHTTP(w, r)
	return w
}

// refused checks that the session is over and says so with these words.
func (s *site) refused(cookie *http.Cookie, words string) {
	s.t.Helper()
	w := s.get(cookie)
	var p problem.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusUnauthorized || p.Type != problem.Prefix+"sign-in-required" || !strings.Contains(p.Detail, words) {
		s.t.Errorf("expected %q: %d %s", words, w.Code, w.Body)
	}
}

func (s *site) accepted(cookie *http.Cookie) {
	s.t.Helper()
	if w := s.get(cookie); w.Code != http.StatusOK {
		s.t.Errorf("the session does not count: %d %s", w.Code, w.Body)
	}
	s.sessions.Close() // the clock may jump now
}
