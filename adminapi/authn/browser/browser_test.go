package browser_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authn/browser"
	"github.com/identitymesh/identitymesh/adminapi/authz"
)

func TestNothingLeadsOutOfTheUI(t *testing.T) {
	for wanted, want := range map[string]string{
		"/": "/", "/connectors": "/connectors", "/runs/1?tab=log&x=%20": "/runs/1?tab=log&x=%20", "/runs#end": "/runs", "/objects?q=%C3%A4": "/objects?q=%C3%A4",
		"": "/", "connectors": "/", "https://evil.example/": "/", "https://evil.example/runs": "/", "//evil.example/runs": "/", "//evil.example/": "/", "///evil.example": "/", `/\evil.example`: "/", `\\evil.example`: "/",
		"/%5Cevil.example": "/", "/%2f/evil.example": "/", "/a//b": "/", "/../x": "/", "javascript:alert(1)": "/", "http:/x": "/", "/\tx": "/", "/%0d%0aSet-Cookie:x": "/",
		"/api/tokens": "/", "/api": "/", "/auth/oidc/start": "/", "/apis": "/apis", "%2f%2fevil.example": "/", "/x?" + strings.Repeat("y", 1024): "/", "https:evil.example": "/",
	} {
		if got := browser.Return(wanted); got != want {
			t.Errorf("%q leads to %q, want %q", wanted, got, want)
		}
	}
}

type sessions struct{ err error }

func (s sessions) Start(w http.ResponseWriter, _ *http.Request, p authz.Principal, way string) error {
	w.Header().Set("Session", p.Name+" by "+way)
	return s.err
}

func door(logs *strings.Builder, err error) browser.Door {
	return browser.Door{Sessions: sessions{err}, Failures: authn.NewLockout(time.Now), Logger: slog.New(slog.NewTextHandler(logs, nil))}
}

func TestWhoIsLetInGoesToThePageWithASession(t *testing.T) {
	var logs strings.Builder
	w := httptest.NewRecorder()
	door(&logs, nil).Enter(w, httptest.NewRequest("GET", "/auth/x", nil), authz.NewUser("alice", authz.Viewer), "x", "/runs")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/runs" || w.Header().Get("Session") != "alice by x" ||
		w.Header().Get("Cache-Control") != "no-store" || !strings.Contains(logs.String(), "user alice") {
		t.Errorf("%d %v, log %s", w.Code, w.Header(), logs.String())
	}
	w = httptest.NewRecorder()
	door(&logs, errors.New("disk full")).Enter(w, httptest.NewRequest("GET", "/auth/x", nil), authz.NewUser("alice", authz.Viewer), "x", "/runs")
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Location") != "" || strings.Contains(w.Body.String(), "disk full") || !strings.Contains(logs.String(), "disk full") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestThePageSaysWhyInWordsThatAreNoMarkup(t *testing.T) {
	var logs strings.Builder
	d := door(&logs, nil)
	refuse := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		d.Refuse(w, httptest.NewRequest("GET", "/auth/x", nil), "x", "no <script>alert(1)</script>")
		return w
	}
	w := refuse()
	if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "no &lt;script&gt;") || strings.Contains(w.Body.String(), "<script") ||
		!strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	for range 4 {
		refuse()
	}
	if w := refuse(); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("an address that fails on and on gets %d", w.Code)
	}
	waiting := httptest.NewRecorder()
	if !d.Waits(waiting, httptest.NewRequest("GET", "/auth/x", nil)) || waiting.Code != http.StatusTooManyRequests {
		t.Errorf("it does not have to wait: %d", waiting.Code)
	}
	if n := strings.Count(logs.String(), "sign-in failed"); n != 5 {
		t.Errorf("%d lines in the log", n)
	}
	if d.Waits(httptest.NewRecorder(), &http.Request{RemoteAddr: "198.51.100.1:1"}) {
		t.Error("another address has to wait too")
	}
}

func TestOnlyGoingToAPageSignsIn(t *testing.T) {
	for _, c := range []struct {
		mode, site string
		want       bool
	}{
		{"", "", true}, {"navigate", "same-origin", true}, {"navigate", "none", true}, {"navigate", "", true},
		{"no-cors", "same-origin", false}, {"cors", "same-origin", false}, {"same-origin", "same-origin", false},
		{"navigate", "cross-site", false}, {"navigate", "same-site", false},
	} {
		r := httptest.NewRequest("GET", "/auth/x", nil)
		r.Header.Set("Sec-Fetch-Mode", c.mode)
		r.Header.Set("Sec-Fetch-Site", c.site)
		if browser.Navigates(r) != c.want {
			t.Errorf("%+v", c)
		}
	}
}
