package oidc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authn/oidc"
	"github.com/identitymesh/identitymesh/adminapi/authn/oidc/oidctest"
	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/logtest"
)

const audience = "api://im"

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	off time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.off)
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off += d
}

func settings(issuer string) appsettings.JWT {
	return appsettings.JWT{Enabled: true, Authority: issuer, Audience: audience, Scopes: []string{"openid", "profile"},
		RolesClaim: "roles", GroupsClaim: "groups", NameClaim: "preferred_username"}
}

func mapping() authz.Mapping { return authz.Mapping{authz.Admin: {"chiefs"}} }

// newProvider returns a provider that was asked.
func newProvider(t *testing.T, p *oidctest.Provider, c *clock) (*oidc.Provider, *logtest.Buffer) {
	t.Helper()
	logs := &logtest.Buffer{}
	provider, err := oidc.New(oidc.Config{JWT: settings(p.Issuer), Roles: mapping(), Logger: slog.New(slog.NewTextHandler(logs, nil)), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	if err := provider.Ask(t.Context()); err != nil {
		t.Fatal(err)
	}
	return provider, logs
}

func signIn(p *oidc.Provider, token string) (authz.Principal, error) {
	r := httptest.NewRequest(http.MethodGet, "/api/status", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return oidc.Bearer{Provider: p}.SignIn(r)
}

func TestAnAccessTokenSignsInWithItsStrongestRole(t *testing.T) {
	idp := oidctest.Start(t)
	provider, _ := newProvider(t, idp, &clock{})
	for _, c := range []struct {
		what   string
		change map[string]any
		kind   string
		name   string
		role   authz.Role
	}{
		{"a role", nil, "JWT", "robot", authz.Operator},
		{"the type of RFC 9068", nil, "at+jwt", "robot", authz.Operator},
		{"no type", nil, "", "robot", authz.Operator},
		{"a role as a single text", map[string]any{"roles": "IdentityMesh.Viewer"}, "JWT", "robot", authz.Viewer},
		{"a group that was named", map[string]any{"groups": []string{"all", "chiefs"}}, "JWT", "robot", authz.Admin},
		{"one audience as a text", map[string]any{"aud": audience}, "JWT", "robot", authz.Operator},
		{"several audiences", map[string]any{"aud": []string{"other", audience}}, "JWT", "robot", authz.Operator},
		{"a program without a name", map[string]any{"preferred_username": nil, "azp": "client-7"}, "JWT", "client-7", authz.Operator},
		{"no name at all", map[string]any{"preferred_username": nil}, "JWT", "subject-1", authz.Operator},
		{"a clock that is behind by a minute", map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}, "JWT", "robot", authz.Operator},
		{"a clock that is ahead by a minute", map[string]any{"nbf": time.Now().Add(time.Minute).Unix()}, "JWT", "robot", authz.Operator},
	} {
		who, err := signIn(provider, idp.MintTyped(idp.Access(audience, c.change), c.kind))
		if err != nil || who.Name != c.name || who.Role != c.role || who.Kind != authz.User || len(who.Permissions) == 0 {
			t.Errorf("%s: %+v, %v", c.what, who, err)
		}
	}
}

func TestClaimsCanLieDeeper(t *testing.T) {
	idp := oidctest.Start(t)
	jwt := settings(idp.Issuer)
	jwt.RolesClaim, jwt.GroupsClaim, jwt.NameClaim = "realm_access.roles", "https://example.net/groups", "email"
	provider, err := oidc.New(oidc.Config{JWT: jwt, Roles: mapping(), Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil || provider.Ask(t.Context()) != nil {
		t.Fatal(err)
	}
	for _, change := range []map[string]any{
		{"realm_access": map[string]any{"roles": []string{"chiefs"}}, "email": "a@example.net"},
		{"https://example.net/groups": []string{"chiefs"}, "email": "a@example.net"},
	} {
		if who, err := signIn(provider, idp.Mint(idp.Access(audience, change))); err != nil || who.Role != authz.Admin || who.Name != "a@example.net" {
			t.Errorf("%v: %+v, %v", change, who, err)
		}
	}
}

func TestTokensThatSignInNobody(t *testing.T) {
	idp := oidctest.Start(t)
	c := &clock{}
	provider, logs := newProvider(t, idp, c)
	key, id := idp.Key()
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := idp.Access(audience, nil)
	whole := idp.Mint(good)
	parts := strings.Split(whole, ".")
	encode := func(v any) string {
		text, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	ago, ahead := time.Now().Add(-10*time.Minute).Unix(), time.Now().Add(10*time.Minute).Unix()
	change := func(name string, value any) string {
		return idp.Mint(idp.Access(audience, map[string]any{name: value}))
	}
	for _, x := range []struct{ what, token, words string }{
		{"another audience", change("aud", "api://other"), "audience"},
		{"no audience", change("aud", nil), "audience"},
		{"another issuer", change("iss", "https://evil.example"), "another issuer"},
		{"no issuer", change("iss", nil), "another issuer"},
		{"expired", change("exp", ago), "expired"},
		{"without an end", change("exp", nil), "expired"},
		{"not valid yet", change("nbf", ahead), "not before"},
		{"without a role", change("roles", nil), `"robot" has no role here: the token's roles are none and its groups are none`},
		{"roles that nobody listed", change("roles", []string{"b", "identitymesh.admin"}), `the token's roles are "b", "identitymesh.admin"`},
		{"an app role among the groups, which at some providers everybody creates", idp.Mint(idp.Access(audience, map[string]any{"roles": nil, "groups": []string{"IdentityMesh.Operator"}})), `its groups are "IdentityMesh.Operator"`},
		{"too many groups", idp.Mint(idp.Access(audience, map[string]any{"roles": nil, "_claim_names": map[string]any{"groups": "s"}, "_claim_sources": map[string]any{"s": map[string]any{"endpoint": "http://127.0.0.1:1/x"}}})), "too many"},
		{"a name that is no line", change("preferred_username", "a\nb"), "no usable name"},
		{"a name without end", change("preferred_username", strings.Repeat("x", 257)), "no usable name"},
		{"an ID token by at_hash", change("at_hash", "x"), "ID token"},
		{"an ID token by c_hash", change("c_hash", "x"), "ID token"},
		{"bound to a key", change("cnf", map[string]any{"jkt": "x"}), "bound to a key"},
		{"a logout token", idp.MintTyped(good, "logout+jwt"), "no access token"},
		{"an event", idp.MintTyped(good, "application/secevent+jwt"), "no access token"},
		{"alg none", encode(map[string]any{"alg": "none", "typ": "JWT"}) + "." + parts[1] + ".", "algorithm"},
		{"alg none with a signature", encode(map[string]any{"alg": "none", "kid": id}) + "." + parts[1] + "." + parts[2], "algorithm"},
		{"HS256 with the public key as the secret", oidctest.Sign(jose.HS256, public, id, good, nil), "algorithm"},
		{"HS256 with the key's point as the secret", oidctest.Sign(jose.HS256, append(key.X.Bytes(), key.Y.Bytes()...), id, good, nil), "algorithm"},
		{"signed by a stranger in the name of the key", oidctest.Sign(jose.ES256, stranger, id, good, nil), "not signed with a key of the provider"},
		{"signed by a stranger", oidctest.Sign(jose.ES256, stranger, "stranger", good, nil), "not signed with a key of the provider"},
		{"signed by a stranger who names no key", oidctest.Sign(jose.ES256, stranger, "", good, nil), "not signed with a key of the provider"},
		{"signed in the name of another key", oidctest.Sign(jose.ES256, key, "another", good, nil), "not signed with a key of the provider"},
		{"with the stranger's key in its header", oidctest.Sign(jose.ES256, stranger, "stranger", good, map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: &stranger.PublicKey}}), "not signed"},
		{"another payload", parts[0] + "." + encode(idp.Access(audience, map[string]any{"roles": []string{"IdentityMesh.Admin"}})) + "." + parts[2], "not signed"},
		{"a cut signature", whole[:len(whole)-8], "not signed"},
		{"no signature", parts[0] + "." + parts[1], "not valid"},
		{"garbage", "c4nary", "not valid"},
		{"empty parts", "..", "not valid"},
	} {
		c.move(11 * time.Second) // so that unknown keys are asked for
		who, err := signIn(provider, x.token)
		var refused authn.Refused
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), x.words) || who.Name != "" {
			t.Errorf("%s: %+v, %v; want words with %q", x.what, who, err, x.words)
		}
		if len(x.token) > 40 && strings.Contains(err.Error()+logs.String(), x.token[len(x.token)/2:len(x.token)/2+20]) {
			t.Errorf("%s: the words repeat the token: %v", x.what, err)
		}
	}
	if who, err := signIn(provider, whole); err != nil {
		t.Errorf("the good token: %+v, %v", who, err)
	}
}

func TestWhichRequestsHaveATokenOfTheProvider(t *testing.T) {
	for header, want := range map[string]bool{
		"Bearer abc": true, "bearer  abc": true, "": false, "Bearer ": false, "Basic abc": false, "Negotiate abc": false, "Bearer " + authn.Prefix + "abc": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", header)
		if (oidc.Bearer{}).Takes(r) != want {
			t.Errorf("%q", header)
		}
	}
}

func TestKeysThatChangeAreFoundAndStrangersCannotMakeTheProviderBusy(t *testing.T) {
	idp := oidctest.Start(t)
	c := &clock{}
	provider, _ := newProvider(t, idp, c)
	before := idp.Mint(idp.Access(audience, nil))
	idp.Rotate()
	after := idp.Mint(idp.Access(audience, nil))
	if _, err := signIn(provider, after); err == nil {
		t.Error("the keys were asked for within the pause")
	}
	c.move(11 * time.Second)
	if _, err := signIn(provider, after); err != nil {
		t.Errorf("the new key: %v", err)
	}
	if _, err := signIn(provider, before); err == nil {
		t.Error("a key that was taken back counts")
	}

	asked := idp.KeyRequests.Load()
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		c.move(11 * time.Second)
		var flood sync.WaitGroup
		for range 50 {
			flood.Go(func() {
				if _, err := signIn(provider, oidctest.Sign(jose.ES256, stranger, rand.Text(), idp.Access(audience, nil), nil)); err == nil {
					t.Error("a stranger signed in")
				}
			})
		}
		flood.Wait()
	}
	if n := idp.KeyRequests.Load() - asked; n != 3 {
		t.Errorf("150 unknown keys in three pauses made %d requests", n)
	}
	// Those with known keys go on without the provider.
	idp.Down.Store(true)
	if _, err := signIn(provider, after); err != nil {
		t.Errorf("a known key while the provider is away: %v", err)
	}
}

func TestANewKeyIsNotRefusedWhileTheProviderIsAway(t *testing.T) {
	idp := oidctest.Start(t)
	c := &clock{}
	provider, logs := newProvider(t, idp, c)
	idp.Rotate()
	token := idp.Mint(idp.Access(audience, nil))
	idp.Down.Store(true)
	c.move(11 * time.Second)
	for range 3 {
		var refused authn.Refused
		if _, err := signIn(provider, token); err == nil || errors.As(err, &refused) {
			t.Errorf("what cannot be found out is %v", err)
		}
	}
	if n := strings.Count(logs.String(), "cannot be asked for its keys"); n != 1 {
		t.Errorf("%d lines in the log: %s", n, logs)
	}
	idp.Down.Store(false)
	c.move(11 * time.Second)
	if _, err := signIn(provider, token); err != nil {
		t.Error(err)
	}
}

func TestAProviderThatAnswersSlowlyHoldsUpStrangersOnce(t *testing.T) {
	idp := oidctest.Start(t)
	c := &clock{}
	provider, _ := newProvider(t, idp, c)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.move(11 * time.Second)
	asked := idp.KeyRequests.Load()
	slow := func() { c.move(11 * time.Second) } // longer than the pause
	idp.BeforeKeys.Store(&slow)
	var flood sync.WaitGroup
	for range 20 {
		flood.Go(func() {
			if _, err := signIn(provider, oidctest.Sign(jose.ES256, stranger, rand.Text(), idp.Access(audience, nil), nil)); err == nil {
				t.Error("a stranger signed in")
			}
		})
	}
	flood.Wait()
	if n := idp.KeyRequests.Load() - asked; n != 1 {
		t.Errorf("20 unknown keys at once waited for %d slow answers", n)
	}
}

func TestAProviderThatIsAwayIsAStateAndNotTheEnd(t *testing.T) {
	idp := oidctest.Start(t)
	idp.Down.Store(true)
	logs := &logtest.Buffer{}
	provider, err := oidc.New(oidc.Config{JWT: settings(idp.Issuer), Roles: mapping(), Logger: slog.New(slog.NewTextHandler(logs, nil)), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { provider.Run(ctx) })
	defer running.Wait()
	defer stop()
	until(t, func() bool { return strings.Contains(provider.Problem(), "EOF") })
	var refused authn.Refused
	if _, err := signIn(provider, idp.Mint(idp.Access(audience, nil))); err == nil || errors.As(err, &refused) {
		t.Errorf("what cannot be found out is %v", err)
	}
	if p := provider.Problem(); !strings.Contains(p, idp.Issuer) || !strings.Contains(p, "nobody can sign in") {
		t.Errorf("problem %q", p)
	}
	idp.Down.Store(false)
	until(t, func() bool { return provider.Problem() == "" })
	if _, err := signIn(provider, idp.Mint(idp.Access(audience, nil))); err != nil {
		t.Error(err)
	}
	if n := strings.Count(logs.String(), "cannot be used"); n != 1 || !strings.Contains(logs.String(), "can sign in") {
		t.Errorf("log %s", logs)
	}
	idp.Down.Store(true)
	if provider.Ask(t.Context()) == nil || !strings.Contains(provider.Problem(), "go on") {
		t.Errorf("problem %q", provider.Problem())
	}
	if _, err := signIn(provider, idp.Mint(idp.Access(audience, nil))); err != nil {
		t.Errorf("what the provider said before counts no more: %v", err)
	}
}

func until(t *testing.T, true func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !true(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come to that")
		}
	}
}

func TestASecretThatEverybodyCanReadIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("c4nary"), 0o644); err != nil {
		t.Fatal(err)
	}
	jwt := settings("https://sts.example.net")
	jwt.ClientSecretFile = path
	if _, err := oidc.New(oidc.Config{JWT: jwt}); err == nil || !strings.Contains(err.Error(), "Authentication:Jwt:ClientSecretFile") || strings.Contains(err.Error(), "c4nary") {
		t.Errorf("error %v", err)
	}
}
