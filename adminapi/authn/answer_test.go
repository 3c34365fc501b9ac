package authn_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authz"
)

// talkative is a way that answers whom it lets in, and offers itself to others.
type talkative struct{ lets bool }

func (t talkative) Takes(*http.Request) bool { return t.lets }
func (talkative) Challenge() string          { return "Talk" }
func (talkative) SignIn(r *http.Request) (authz.Principal, error) {
	authn.AnswerHeader(r).Set("WWW-Authenticate", "Talk proof")
	return authz.NewUser("alice", authz.Viewer), nil
}

func TestAWayCanAnswerAndIsNotOfferedToScriptsOfABrowser(t *testing.T) {
	for _, c := range []struct {
		what       string
		lets       bool
		mode, want string
	}{
		{"who is let in hears the proof", true, "", "Talk proof"},
		{"a program hears the offer", false, "", "Talk"},
		{"a page of the UI does not", false, "cors", ""},
	} {
		guard := authn.NewGuard(authn.GuardConfig{Ways: []authn.Way{talkative{c.lets}}, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
		r := httptest.NewRequest(http.MethodGet, "/api/status", nil)
		if c.mode != "" {
			r.Header.Set("Sec-Fetch-Mode", c.mode)
		}
		w := httptest.NewRecorder()
		guard.Require(http.NotFoundHandler()).ServeHTTP(w, r)
		if got := w.Header().Get("WWW-Authenticate"); got != c.want {
			t.Errorf("%s: %q", c.what, got)
		}
	}
	if h := authn.AnswerHeader(httptest.NewRequest(http.MethodGet, "/", nil)); h == nil {
		t.Error("outside of a guard there is nothing to add to")
	}
}
