package oidc_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/identitymesh/identitymesh/adminapi/authn/oidc"
	"github.com/identitymesh/identitymesh/adminapi/authn/oidc/oidctest"
)

// played answers for every host.
type played map[string]string

func (p played) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if text, found := p[r.URL.String()]; found {
		_, _ = io.WriteString(w, text)
	} else {
		w.WriteHeader(http.StatusNotFound)
	}
	return w.Result(), nil
}

const tenant = "8f0e2bf5-1111-4222-8333-6fd9a3a8a1c2"

func keysOf(t *testing.T, idp *oidctest.Provider) string {
	key, id := idp.Key()
	text, err := json.Marshal(map[string]any{"keys": []any{
		map[string]any{"kty": "OKP", "crv": "Ed448", "x": "AA", "kid": "unknown kind"}, map[string]any{"kty": "oct", "k": "c2VjcmV0", "kid": "symmetric"},
		jose.JSONWebKey{Key: &key.PublicKey, KeyID: id},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTokensOfBothVersionsOfEntraCount(t *testing.T) {
	idp := oidctest.Start(t)
	first, second := "https://sts.windows.net/"+tenant+"/", "https://login.microsoftonline.com/"+tenant+"/v2.0"
	for _, c := range []struct{ authority, issuer string }{
		{"https://login.microsoftonline.com/" + tenant + "/v2.0", second},
		{"https://login.microsoftonline.com/" + tenant, first},
		{"https://login.microsoftonline.com/contoso.onmicrosoft.com/v2.0", second},
	} {
		answers := played{
			c.authority + "/.well-known/openid-configuration": `{"issuer":"` + c.issuer + `","jwks_uri":"https://login.microsoftonline.com/keys"}`,
			"https://login.microsoftonline.com/keys":          keysOf(t, idp),
		}
		provider, err := oidc.New(oidc.Config{JWT: settings(c.authority), Roles: mapping(), Transport: answers, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		if err := provider.Ask(t.Context()); err != nil {
			t.Errorf("%s: %v", c.authority, err)
			continue
		}
		for issuer, ok := range map[string]bool{first: true, second: true, c.authority + "/x": false, strings.ReplaceAll(first, "8f0e", "8f0f"): false, strings.ReplaceAll(second, "8f0e", "8f0f"): false} {
			if _, err := signIn(provider, idp.Mint(idp.Access(audience, map[string]any{"iss": issuer}))); (err == nil) != ok {
				t.Errorf("authority %s, issuer %s: %v", c.authority, issuer, err)
			}
		}
	}
}

func TestAccessTokensOfADFSHaveAnIssuerOfTheirOwn(t *testing.T) {
	idp := oidctest.Start(t)
	const authority, issuer = "https://adfs.example.net/adfs", "http://adfs.example.net/adfs/services/trust"
	answers := played{
		authority + "/.well-known/openid-configuration": `{"issuer":"` + authority + `","access_token_issuer":"` + issuer + `","jwks_uri":"` + authority + `/keys"}`,
		authority + "/keys":                             keysOf(t, idp),
	}
	provider, err := oidc.New(oidc.Config{JWT: settings(authority), Roles: mapping(), Transport: answers, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil || provider.Ask(t.Context()) != nil {
		t.Fatal(err, provider.Problem())
	}
	for iss, ok := range map[string]bool{issuer: true, authority: true, "": false, "http://adfs.example.net": false} {
		if _, err := signIn(provider, idp.Mint(idp.Access(audience, map[string]any{"iss": iss}))); (err == nil) != ok {
			t.Errorf("issuer %q: %v", iss, err)
		}
	}
}

func TestWhatAProviderSaysMustFit(t *testing.T) {
	idp := oidctest.Start(t)
	const authority = "https://sts.example.net/x"
	const entra = "https://login.microsoftonline.com/" + tenant + "/v2.0"
	keys := keysOf(t, idp)
	for _, c := range []struct{ what, authority, metadata, keys, words string }{
		{"all is well", authority, `{"issuer":"https://sts.example.net/x","jwks_uri":"https://sts.example.net/keys"}`, keys, ""},
		{"an issuer with a slash at its end", authority, `{"issuer":"https://sts.example.net/x/","jwks_uri":"https://sts.example.net/keys"}`, keys, ""},
		{"another issuer", authority, `{"issuer":"https://evil.example","jwks_uri":"https://sts.example.net/keys"}`, keys, `its issuer is "https://evil.example"`},
		{"no issuer", authority, `{"jwks_uri":"https://sts.example.net/keys"}`, keys, `its issuer is ""`},
		{"an issuer for every tenant", entra, `{"issuer":"https://login.microsoftonline.com/{tenantid}/v2.0","jwks_uri":"https://sts.example.net/keys"}`, keys, "its issuer is"},
		{"Entra with an issuer of elsewhere", entra, `{"issuer":"https://evil.example/` + tenant + `/v2.0","jwks_uri":"https://sts.example.net/keys"}`, keys, "its issuer is"},
		{"keys in the open", authority, `{"issuer":"https://sts.example.net/x","jwks_uri":"http://sts.example.net/keys"}`, keys, "its jwks_uri"},
		{"no keys", authority, `{"issuer":"https://sts.example.net/x"}`, keys, "its jwks_uri"},
		{"a userinfo in the open", authority, `{"issuer":"https://sts.example.net/x","jwks_uri":"https://sts.example.net/keys","userinfo_endpoint":"http://sts.example.net/u"}`, keys, "userinfo_endpoint"},
		{"keys that are not there", authority, `{"issuer":"https://sts.example.net/x","jwks_uri":"https://sts.example.net/none"}`, keys, "404"},
		{"no key that signs", authority, `{"issuer":"https://sts.example.net/x","jwks_uri":"https://sts.example.net/keys"}`, `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`, "no key that signs"},
		{"no JSON", authority, `<html>c4nary`, keys, "JSON"},
		{"an answer without end", authority, `{"issuer":"` + strings.Repeat("x", 2<<20) + `"}`, keys, "JSON"},
	} {
		answers := played{c.authority + "/.well-known/openid-configuration": c.metadata, "https://sts.example.net/keys": c.keys}
		provider, err := oidc.New(oidc.Config{JWT: settings(c.authority), Transport: answers, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		err = provider.Ask(t.Context())
		if (err == nil) != (c.words == "") || err != nil && (!strings.Contains(err.Error(), c.words) || !strings.Contains(provider.Problem(), c.words) || strings.Contains(err.Error(), "c4nary")) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}
