package oidc

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	coreos "github.com/coreos/go-oidc/v3/oidc"

	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authz"
)

// Bearer signs in with an access token of the provider as the bearer token of a
// request.
type Bearer struct{ *Provider }

var _ authn.Way = Bearer{}

// Takes implements [authn.Way]. Tokens of this product are not its concern.
func (Bearer) Takes(r *http.Request) bool {
	token := bearerOf(r)
	return token != "" && !strings.HasPrefix(token, authn.Prefix)
}

// Challenge implements [authn.Way]. The product's own tokens have the same.
func (Bearer) Challenge() string { return "" }

// SignIn implements [authn.Way].
func (b Bearer) SignIn(r *http.Request) (authz.Principal, error) {
	k := b.known.Load()
	if k == nil {
		return authz.Principal{}, authn.Unavailable() // why is in the log already, and not once for each request
	}
	raw := bearerOf(r)
	if kind := typeOf(raw); !forAccess(kind) {
		return authz.Principal{}, authn.Refused("the bearer token is no access token: its type is " + quote(kind))
	}
	token, err := verified(r.Context(), k.access, raw)
	if errors.Is(err, errAway) {
		return authz.Principal{}, authn.Unavailable()
	}
	if err != nil {
		return authz.Principal{}, err
	}
	if !k.takes(token.Issuer) {
		return authz.Principal{}, authn.Refused("the bearer token is of another issuer: " + quote(token.Issuer))
	}
	var c claims
	if err := token.Claims(&c); err != nil {
		return authz.Principal{}, authn.Refused("the bearer token has no claims that can be read")
	}
	// A token that is bound to a key is worth nothing without a proof of that key,
	// which a bearer does not give.
	if c["cnf"] != nil {
		return authz.Principal{}, authn.Refused("the bearer token is bound to a key (cnf); ask the provider for one that is not")
	}
	if c["at_hash"] != nil || c["c_hash"] != nil {
		return authz.Principal{}, authn.Refused("the bearer token is an ID token; send an access token")
	}
	return b.principal(c)
}

// forAccess reports whether a token of that type can be an access token; see RFC
// 9068, section 2.1, and RFC 8725, section 3.11. Many providers write JWT.
func forAccess(kind string) bool {
	kind = strings.TrimPrefix(strings.ToLower(kind), "application/")
	return kind == "" || kind == "jwt" || kind == "at+jwt"
}

// typeOf returns the type in the header of a token.
func typeOf(token string) string {
	first, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		return ""
	}
	var header struct {
		Type string `json:"typ"`
	}
	_ = json.Unmarshal(text, &header) // what is no header fails the verification
	return header.Type
}

// refusedToken turns the library's errors, which repeat no more than names of the
// token, into words.
func refusedToken(err error) error {
	var expired *coreos.TokenExpiredError
	if errors.As(err, &expired) {
		return authn.Refused("the token of the OpenID Connect provider expired; get a new one")
	}
	text := strings.ReplaceAll(err.Error(), "oidc: ", "")
	text = strings.ReplaceAll(text, "id token", "token")
	const most = 300
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return authn.Refused("the token of the OpenID Connect provider is not valid: " + text)
}

// bearerOf returns the request's bearer token, empty for none.
func bearerOf(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
