package authn_test

import (
	"bytes"
	"context"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/engine/store"
)

func TestTheCookieIsForThisHostAndNoScript(t *testing.T) {
	for name, c := range map[string]struct {
		secure bool
		cookie string
	}{"over TLS": {true, "__Host-im"}, "on loopback": {false, "im-session"}} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, func(c2 *authn.SessionsConfig) { c2.Secure = c.secure })
			cookie := s.start()
			if cookie.Name != c.cookie || cookie.Secure != c.secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode ||
				cookie.Path != "/" || cookie.Domain != "" || cookie.MaxAge != 0 || len(cookie.Value) != 43 {
				t.Errorf("cookie %+v", cookie)
			}
			if w := s.get(cookie); w.Code != http.StatusOK || w.Body.String() != "user ann Operator" {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			end := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodDelete, "/api/session", nil)
			r.AddCookie(cookie)
			if err := s.sessions.End(end, r); err != nil {
				t.Fatal(err)
			}
			if gone := end.Result().Cookies()[0]; gone.Name != c.cookie || gone.MaxAge >= 0 || gone.Value != "" || gone.Secure != c.secure || gone.Path != "/" {
				t.Errorf("the cookie is not taken back: %+v", gone)
			}
			s.refused(cookie, "ended")
		})
	}
}

func TestASessionEndsWhenItIsNotUsed(t *testing.T) {
	s := newSite(t, nil)
	used, unused, polled := s.start(), s.start(), s.start()
	for range 4 {
		s.now = s.now.Add(20 * time.Minute)
		s.accepted(used)
		if s.now.Sub(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)) < idle {
			s.get(polled, authn.BackgroundHeader, "1")
		}
	}
	s.refused(unused, "not used for 30m0s")
	s.refused(polled, "not used for 30m0s")
}

func TestNoUseMakesASessionOutliveItsLongestTime(t *testing.T) {
	s := newSite(t, nil)
	cookie := s.start()
	for begin := s.now; s.now.Sub(begin) < absolute; s.now = s.now.Add(10 * time.Minute) {
		s.accepted(cookie)
	}
	s.refused(cookie, "longest time")
}

func TestUseIsWrittenOnceAMinute(t *testing.T) {
	s := newSite(t, nil)
	cookie := s.start()
	counted := &counting{SessionStore: s.db}
	s.sessions = s.other(func(c *authn.SessionsConfig) { c.Store = counted })
	request := httptest.NewRequest(http.MethodGet, "/api/runs", nil)
	request.AddCookie(cookie)
	for range 300 { // five minutes of one request a second
		s.now = s.now.Add(time.Second)
		if _, err := s.sessions.SignIn(request); err != nil {
			t.Fatal(err)
		}
		s.sessions.Close()
	}
	if counted.seen < 4 || counted.seen > 5 || counted.found < 100 || counted.found > 150 {
		t.Errorf("written %d and read %d times for 300 requests", counted.seen, counted.found)
	}
}

func TestEachSignInHasANewIDAndEndsTheSessionBefore(t *testing.T) {
	s := newSite(t, nil)
	first := s.start()
	second := s.start(func(r *http.Request) { r.AddCookie(first) })
	if first.Value == second.Value {
		t.Error("the id is the same")
	}
	s.refused(first, "ended")
	s.accepted(second)
	planted := &http.Cookie{Name: "im-session", Value: "planted"}
	if third := s.start(func(r *http.Request) { r.AddCookie(planted) }); third.Value == "planted" {
		t.Error("a planted id was taken")
	}
	s.refused(planted, "none of this Admin API")
}

func TestASessionEndsWithTheTokenThatBeganIt(t *testing.T) {
	s := newSite(t, nil)
	short, _ := s.token("short", time.Hour)
	long, _ := s.token("long", 0)
	byToken := func(token store.AdminToken) *http.Cookie {
		return s.cookieFrom(func(w http.ResponseWriter, r *http.Request) error {
			_, err := s.sessions.StartByToken(w, r, token)
			return err
		})
	}
	a, b := byToken(short), byToken(long)
	if w := s.get(b); w.Body.String() != "token long Admin" {
		t.Errorf("signed in as %s", w.Body)
	}
	s.now = s.now.Add(29 * time.Minute)
	s.accepted(a)
	s.now = s.now.Add(29 * time.Minute)
	s.accepted(a)
	s.now = s.now.Add(2 * time.Minute)
	s.refused(a, "token that began it expired")
	b = byToken(long)
	if err := s.tokens.Delete(t.Context(), long.ID); err != nil {
		t.Fatal(err)
	}
	s.sessions.Forget()
	s.refused(b, "ended")
	r := httptest.NewRequest(http.MethodPost, "/api/session", nil)
	if _, err := s.sessions.StartByToken(httptest.NewRecorder(), r, long); err == nil {
		t.Error("a token that is gone began a session")
	}
}

func TestASessionEndsWhenItsRoleShrinksOrTheRulesChange(t *testing.T) {
	s := newSite(t, nil)
	cookie := s.start()
	more := ann()
	more.Permissions = append(more.Permissions, "zeppelins.steer")
	shrunk := s.cookieFrom(func(w http.ResponseWriter, r *http.Request) error { return s.sessions.Start(w, r, more, "oidc") })
	s.accepted(cookie)
	s.refused(shrunk, "may do less")
	byToken, _ := s.token("t", 0)
	ofToken := s.cookieFrom(func(w http.ResponseWriter, r *http.Request) error {
		_, err := s.sessions.StartByToken(w, r, byToken)
		return err
	})
	changed := s.other(func(c *authn.SessionsConfig) { c.Rules = "new" })
	for name, x := range map[string]struct {
		cookie *http.Cookie
		over   bool
	}{"a user's": {cookie, true}, "a token's": {ofToken, false}} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(x.cookie)
		if _, err := changed.SignIn(r); (err != nil) != x.over || x.over && !strings.Contains(err.Error(), "rules") {
			t.Errorf("%s session under new rules: %v", name, err)
		}
	}
}

func TestSigningOutEverywhereEndsOnesOwnSessionsAtOnce(t *testing.T) {
	s := newSite(t, nil)
	here, there := s.start(), s.start()
	token, _ := s.token("other", 0)
	other := s.cookieFrom(func(w http.ResponseWriter, r *http.Request) error {
		_, err := s.sessions.StartByToken(w, r, token)
		return err
	})
	s.accepted(here)
	s.accepted(there)
	list, err := s.sessions.List(t.Context(), store.SessionsOf{Kind: "user", Name: "ann"})
	if err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
	if n, err := s.sessions.EndAll(t.Context(), store.SessionsOf{Kind: "user", Name: "ann"}); n != 2 || err != nil {
		t.Errorf("ended %d: %v", n, err)
	}
	s.refused(here, "ended")
	s.refused(there, "ended")
	s.accepted(other)
	s.now = s.now.Add(idle)
	if list, err := s.sessions.List(t.Context(), store.SessionsOf{}); err != nil || len(list) != 0 {
		t.Errorf("sessions that are over are on the list: %v, %v", list, err)
	}
}

// What another process ends counts here as soon as the look-up is forgotten.
func TestAnotherProcessEndsASessionWithinTwoSeconds(t *testing.T) {
	s := newSite(t, nil)
	cookie := s.start()
	s.accepted(cookie)
	if _, err := s.other(nil).EndAll(t.Context(), store.SessionsOf{}); err != nil {
		t.Fatal(err)
	}
	s.accepted(cookie) // as the manual says
	s.now = s.now.Add(2 * time.Second)
	s.refused(cookie, "ended")
}

func TestACookieCountsOnlyForOwnPages(t *testing.T) {
	s := newSite(t, nil)
	cookie := s.start()
	for _, c := range []struct {
		name, method string
		header       []string
		ok           bool
	}{
		{"a page reads", "GET", []string{"Sec-Fetch-Site", "same-origin"}, true},
		{"a page changes", "POST", []string{"Sec-Fetch-Site", "same-origin"}, true},
		{"an older browser changes", "DELETE", []string{"Origin", "http://example.com"}, true},
		{"an older browser reads", "GET", nil, true},
		{"the address is typed in", "GET", []string{"Sec-Fetch-Site", "none"}, true},
		{"nobody says where a change comes from", "POST", nil, false},
		{"a change without a page", "POST", []string{"Sec-Fetch-Site", "none"}, false},
		{"another port of the host reads", "GET", []string{"Sec-Fetch-Site", "same-site"}, false},
		{"another port of the host changes", "PUT", []string{"Sec-Fetch-Site", "same-site", "Origin", "http://example.com"}, false},
		{"another site reads", "GET", []string{"Sec-Fetch-Site", "cross-site"}, false},
		{"another site in an older browser", "POST", []string{"Origin", "http://evil.example"}, false},
		{"another port in an older browser", "POST", []string{"Origin", "http://example.com:81"}, false},
		{"a page of no origin", "POST", []string{"Origin", "null"}, false},
	} {
		w := s.send(c.method, cookie, c.header...)
		if c.ok != (w.Code == http.StatusOK) || !c.ok && (w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "cross-origin")) {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
}

func TestATokenInTheHeaderCountsBeforeACookie(t *testing.T) {
	s := newSite(t, nil)
	_, token := s.token("t", 0)
	if w := s.send(http.MethodPost, s.start(), "Authorization", "Bearer "+token); w.Body.String() != "token t Admin" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestSessionsThatAreOverAreNoFailures(t *testing.T) {
	s := newSite(t, nil)
	for range 50 {
		s.refused(&http.Cookie{Name: "im-session", Value: "x"}, "ended")
	}
	if s.logs.Len() != 0 {
		t.Errorf("log %s", &s.logs)
	}
}

func TestNothingThatSignsInIsKept(t *testing.T) {
	s := newSite(t, nil)
	token, text := s.token("t", time.Hour)
	cookie := s.cookieFrom(func(w http.ResponseWriter, r *http.Request) error {
		_, err := s.sessions.StartByToken(w, r, token)
		return err
	})
	s.accepted(cookie)
	s.get(nil, "Authorization", "Bearer "+text)
	s.now = s.now.Add(2 * time.Hour)
	s.refused(cookie, "expired")
	if w := s.get(nil, "Authorization", "Bearer "+text); !strings.Contains(w.Body.String(), "the token expired at 2026-03-01T13:00:00Z") {
		t.Errorf("an expired token: %d %s", w.Code, w.Body)
	}
	s.get(nil, "Authorization", "Bearer "+text+"x")
	s.tokens.Close()
	s.sessions.Close()
	n := 0
	err := filepath.WalkDir(s.folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		content, err := os.ReadFile(path)
		for _, secret := range []string{text[9:], cookie.Value} {
			if bytes.Contains(content, []byte(secret)) || strings.Contains(s.logs.String(), secret) {
				t.Errorf("%s or the log has %q", path, secret)
			}
		}
		return err
	})
	if err != nil || n == 0 || s.logs.Len() == 0 {
		t.Errorf("%d files were looked at: %v", n, err)
	}
}

// counting counts what the database is asked.
type counting struct {
	authn.SessionStore
	seen, found int
}

func (c *counting) FindSession(ctx context.Context, hash store.TokenHash) (store.AdminSession, error) {
	c.found++
	return c.SessionStore.FindSession(ctx, hash)
}

func (c *counting) SeeSession(ctx context.Context, hash store.TokenHash, at time.Time) error {
	c.seen++
	return c.SessionStore.SeeSession(ctx, hash, at)
}
