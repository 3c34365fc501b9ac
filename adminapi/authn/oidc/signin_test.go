package oidc_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authn/browser"
	"github.com/identitymesh/identitymesh/adminapi/authn/oidc"
	"github.com/identitymesh/identitymesh/adminapi/authn/oidc/oidctest"
	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/sdk/logtest"
)

const clientID, clientSecret = "im", "c4nary-client-secret"

// site is a server with the browser sign-in and a page that tells who is signed in.
type site struct {
	url   string
	idp   *oidctest.Provider
	logs  *logtest.Buffer
	clock *clock
}

// told is a session that tells who began it.
type told struct{}

func (told) Start(w http.ResponseWriter, _ *http.Request, p authz.Principal, way string) error {
	http.SetCookie(w, &http.Cookie{Name: "session", Value: string(p.Role) + ":" + p.Name + ":" + way, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	return nil
}

func newSite(t *testing.T, secret string, secure bool) *site {
	t.Helper()
	s := &site{logs: &logtest.Buffer{}, clock: &clock{}, idp: oidctest.Start(t,
		oidctest.User{Name: "alice", Claims: map[string]any{"roles": []string{"IdentityMesh.Operator"}, "groups": []string{"chiefs"}}},
		oidctest.User{Name: "bob", Claims: map[string]any{"roles": []string{"IdentityMesh.Viewer"}}},
		oidctest.User{Name: "mallory"},
	)}
	patient := &clock{} // nobody has to wait for his failures here
	failures := authn.NewLockout(func() time.Time { patient.move(time.Hour); return patient.now() })
	logger := slog.New(slog.NewTextHandler(s.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	jwt := settings(s.idp.Issuer)
	jwt.ClientID, jwt.Scopes = clientID, []string{"profile"}
	if secret != "" {
		jwt.ClientSecretFile = filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(jwt.ClientSecretFile, []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	provider, err := oidc.New(oidc.Config{JWT: jwt, Roles: mapping(), Logger: logger, Now: s.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	if err := provider.Ask(t.Context()); err != nil {
		t.Fatal(err)
	}
	in, err := oidc.NewSignIn(oidc.SignInConfig{Provider: provider, Secure: secure, Door: browser.Door{Sessions: told{}, Failures: failures, Logger: logger}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	in.Register(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "page ", r.URL.RequestURI()) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	s.idp.Register(clientID, secret, s.url+oidc.CallbackPath)
	return s
}

func (s *site) session(b *oidctest.Browser) string {
	for _, c := range b.Cookies(s.url) {
		if c.Name == "session" {
			return c.Value
		}
	}
	return ""
}

func (s *site) refuses(t *testing.T, b *oidctest.Browser, page oidctest.Page, status int, words string) {
	t.Helper()
	if page.Status != status || !strings.Contains(page.Body, words) || !strings.HasPrefix(page.URL.String(), s.url) || s.session(b) != "" {
		t.Errorf("%s: %d %s, session %q; want the words %q", page.URL.Path, page.Status, page.Body, s.session(b), words)
	}
}

func TestABrowserSignsInAtTheProviderAndComesBack(t *testing.T) {
	for what, secret := range map[string]string{"a client with a secret": clientSecret, "a public client": ""} {
		t.Run(what, func(t *testing.T) {
			s := newSite(t, secret, false)
			for user, want := range map[string]string{"alice": "Admin:alice:oidc", "bob": "Viewer:bob:oidc"} {
				b := oidctest.NewBrowser(t)
				page := b.Go(s.url+oidc.StartPath+"?return=/runs%3Ftab=log", user)
				if page.Status != http.StatusOK || page.Body != "page /runs?tab=log" || s.session(b) != want {
					t.Errorf("%s: %s %d %s, session %q", user, page.URL, page.Status, page.Body, s.session(b))
				}
				asked, _ := url.Parse(b.Visited[1])
				if q := asked.Query(); q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || len(q.Get("state")) < 20 ||
					len(q.Get("nonce")) < 20 || q.Get("scope") != "openid profile" || q.Get("response_type") != "code" || q.Get("redirect_uri") != s.url+oidc.CallbackPath {
					t.Errorf("asked %v", q)
				}
				for _, c := range b.Cookies(s.url) {
					if c.Name != "session" {
						t.Errorf("the cookie %s was left", c.Name)
					}
				}
				for _, address := range b.Visited {
					if u, _ := url.Parse(address); strings.HasPrefix(address, s.url) && u.Path != oidc.StartPath && u.Path != oidc.CallbackPath && u.Path != "/runs" {
						t.Errorf("came past %s", address)
					}
				}
			}
			for _, never := range append(s.idp.Answers(), secret) {
				for part := range strings.SplitSeq(never, `"`) {
					if len(part) > 20 && strings.Contains(s.logs.String(), part) {
						t.Errorf("the log has what the token endpoint answered: %s", s.logs)
					}
				}
			}
		})
	}
}

func TestTheTicketsCookieIsForThisWayOnly(t *testing.T) {
	for secure, name := range map[bool]string{false: "im-oidc", true: "__Host-im-oidc"} {
		s := newSite(t, "", secure)
		response, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Get(s.url + oidc.StartPath)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		c := response.Cookies()
		if len(c) != 1 || c[0].Name != name || c[0].Secure != secure || !c[0].HttpOnly || c[0].SameSite != http.SameSiteLaxMode || c[0].MaxAge != 600 || c[0].Domain != "" {
			t.Errorf("cookies %+v", c)
		}
		to, _ := url.Parse(response.Header.Get("Location"))
		if got := to.Query().Get("redirect_uri"); secure != strings.HasPrefix(got, "https://") {
			t.Errorf("redirect address %s", got)
		}
		if response.Header.Get("Cache-Control") != "no-store" || strings.Contains(c[0].Value, to.Query().Get("state")) {
			t.Errorf("headers %v", response.Header)
		}
	}
}

func TestAnswersThatSignInNobody(t *testing.T) {
	s := newSite(t, clientSecret, false)
	start := s.url + oidc.StartPath

	t.Run("another state", func(t *testing.T) {
		b := oidctest.NewBrowser(t)
		b.Change = func(to string) string {
			if u, _ := url.Parse(to); u.Path == oidc.CallbackPath {
				q := u.Query()
				q.Set("state", q.Get("state")+"x")
				return s.url + oidc.CallbackPath + "?" + q.Encode()
			}
			return to
		}
		s.refuses(t, b, b.Go(start, "alice"), http.StatusUnauthorized, "belongs to another sign-in")
	})
	t.Run("another nonce", func(t *testing.T) {
		b := oidctest.NewBrowser(t)
		b.Change = func(to string) string {
			u, _ := url.Parse(to)
			if q := u.Query(); q.Has("nonce") {
				q.Set("nonce", "another")
				u.RawQuery = q.Encode()
			}
			return u.String()
		}
		s.refuses(t, b, b.Go(start, "alice"), http.StatusUnauthorized, "(nonce)")
	})
	t.Run("the answer to somebody else's sign-in, in a browser that began none", func(t *testing.T) {
		attacker, victim := oidctest.NewBrowser(t), oidctest.NewBrowser(t)
		callback := stolen(s, attacker, start, "mallory")
		s.refuses(t, victim, victim.Go(callback, ""), http.StatusUnauthorized, "did not begin the sign-in")
	})
	t.Run("somebody else's code in a sign-in that was begun", func(t *testing.T) {
		attacker, victim := oidctest.NewBrowser(t), oidctest.NewBrowser(t)
		theirs, _ := url.Parse(stolen(s, attacker, start, "bob"))
		victim.Change = func(to string) string {
			if u, _ := url.Parse(to); u.Path == oidc.CallbackPath {
				q := u.Query()
				q.Set("code", theirs.Query().Get("code"))
				return s.url + oidc.CallbackPath + "?" + q.Encode()
			}
			return to
		}
		s.refuses(t, victim, victim.Go(start, "alice"), http.StatusUnauthorized, "did not take the code back")
	})
	t.Run("an answer a second time", func(t *testing.T) {
		b := oidctest.NewBrowser(t)
		callback := stolen(s, b, start, "alice")
		ticket := b.Cookies(s.url)
		if page := b.Go(callback, ""); page.Status != http.StatusOK || s.session(b) == "" {
			t.Fatalf("%d %s", page.Status, page.Body)
		}
		again := oidctest.NewBrowser(t)
		s.refuses(t, again, again.Go(callback, ""), http.StatusUnauthorized, "did not begin")
		again.SetCookies(s.url, ticket)
		s.refuses(t, again, again.Go(callback, ""), http.StatusUnauthorized, "did not take the code back")
	})
	t.Run("an answer that comes late", func(t *testing.T) {
		b := oidctest.NewBrowser(t)
		callback := stolen(s, b, start, "alice")
		s.clock.move(11 * time.Minute)
		defer s.clock.move(-11 * time.Minute)
		s.refuses(t, b, b.Go(callback, ""), http.StatusUnauthorized, "took too long")
	})
	t.Run("a ticket that was made up", func(t *testing.T) {
		b := oidctest.NewBrowser(t)
		b.SetCookies(s.url, []*http.Cookie{{Name: "im-oidc", Value: "eyJTdGF0ZSI6IngifQ", Path: "/"}})
		s.refuses(t, b, b.Go(s.url+oidc.CallbackPath+"?state=x&code=y", ""), http.StatusUnauthorized, "Begin it once more")
	})
	t.Run("an error of the provider", func(t *testing.T) {
		b := oidctest.NewBrowser(t)
		b.Change = func(to string) string {
			if u, _ := url.Parse(to); u.Path == oidc.CallbackPath {
				return s.url + oidc.CallbackPath + "?error=access_denied&error_description=" + url.QueryEscape("Ask <b>your</b> admin.") + "&state=" + u.Query().Get("state")
			}
			return to
		}
		s.refuses(t, b, b.Go(start, "alice"), http.StatusUnauthorized, "Ask &lt;b&gt;your&lt;/b&gt; admin")
	})
	t.Run("an answer of another provider", func(t *testing.T) {
		b := oidctest.NewBrowser(t)
		s.refuses(t, b, b.Go(stolen(s, b, start, "alice")+"&iss=https%3A%2F%2Fevil.example", ""), http.StatusUnauthorized, "another provider")
	})
	t.Run("neither code nor error", func(t *testing.T) {
		b := oidctest.NewBrowser(t)
		u, _ := url.Parse(stolen(s, b, start, "alice"))
		s.refuses(t, b, b.Go(s.url+oidc.CallbackPath+"?state="+u.Query().Get("state"), ""), http.StatusUnauthorized, "neither a code nor an error")
	})
	t.Run("somebody without a role", func(t *testing.T) {
		b := oidctest.NewBrowser(t)
		s.refuses(t, b, b.Go(start, "mallory"), http.StatusUnauthorized, "&#34;mallory&#34; has no role here")
	})
	for name, x := range map[string]struct {
		change func(map[string]any)
		words  string
	}{
		"an ID token for another client":                     {func(c map[string]any) { c["aud"] = []string{"other"}; delete(c, "azp") }, "audience"},
		"an ID token for several, made for another":          {func(c map[string]any) { c["aud"] = []string{clientID, "other"}; c["azp"] = "other" }, "(azp)"},
		"an ID token for several that does not say for whom": {func(c map[string]any) { c["aud"] = []string{clientID, "other"}; delete(c, "azp") }, "(azp)"},
		"an ID token of another issuer":                      {func(c map[string]any) { c["iss"] = "https://evil.example" }, "different provider"},
		"an ID token that expired":                           {func(c map[string]any) { c["exp"] = time.Now().Add(-24 * time.Hour).Unix() }, "expired"},
		"an ID token without the nonce":                      {func(c map[string]any) { delete(c, "nonce") }, "(nonce)"},
		"another access token than the ID token's":           {func(c map[string]any) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }, "(at_hash)"},
		"a userinfo about somebody else":                     {func(c map[string]any) { c["sub"] = "somebody" }, "somebody else (sub)"},
	} {
		t.Run(name, func(t *testing.T) {
			s.idp.Tamper(x.change)
			defer s.idp.Tamper(nil)
			b := oidctest.NewBrowser(t)
			s.refuses(t, b, b.Go(start, "alice"), http.StatusUnauthorized, x.words)
		})
	}
	t.Run("a provider that went away", func(t *testing.T) {
		b := oidctest.NewBrowser(t)
		callback := stolen(s, b, start, "alice")
		s.idp.Down.Store(true)
		defer s.idp.Down.Store(false)
		s.refuses(t, b, b.Go(callback, ""), http.StatusServiceUnavailable, "does not answer")
	})
	t.Run("a page of elsewhere to come back to", func(t *testing.T) {
		b := oidctest.NewBrowser(t)
		if page := b.Go(start+"?return=https%3A%2F%2Fevil.example", "alice"); page.URL.String() != s.url+"/" || s.session(b) == "" {
			t.Errorf("came to %s", page.URL)
		}
	})
}

func TestPicturesOnOtherSitesLockNobodyOut(t *testing.T) {
	provider, _ := newProvider(t, oidctest.Start(t), &clock{})
	now := time.Unix(1_000_000, 0)
	door := browser.Door{Failures: authn.NewLockout(func() time.Time { return now }), Logger: slog.New(slog.DiscardHandler)}
	in, err := oidc.NewSignIn(oidc.SignInConfig{Provider: provider, Door: door})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	in.Register(mux)
	r := httptest.NewRequest("GET", oidc.CallbackPath+"?state=x&code=y", nil) // browsers send no Lax cookie with it
	for range 10 {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "did not begin the sign-in") {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if wait := door.Failures.Wait(r.RemoteAddr, ""); wait > 0 {
		t.Errorf("the operator who looked at them has to wait %s", wait)
	}
}

// stolen signs in up to the answer of the provider and returns its address.
func stolen(s *site, b *oidctest.Browser, start, user string) string {
	callback := ""
	change := b.Change
	b.Change = func(to string) string {
		if u, _ := url.Parse(to); u.Path == oidc.CallbackPath {
			callback = to
			return s.url + "/elsewhere"
		}
		return to
	}
	b.Go(start, user)
	b.Change = change
	return callback
}
