package authn

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/engine/store"
)

// Finder looks a token up by its hash.
type Finder interface {
	FindToken(ctx context.Context, hash store.TokenHash) (store.AdminToken, error)
}

// TokenWay signs in with a token of this product as the bearer token of a request.
type TokenWay struct{ Tokens Finder }

var _ Way = TokenWay{}

// Takes implements [Way].
func (t TokenWay) Takes(r *http.Request) bool {
	return strings.HasPrefix(bearerOf(r), Prefix)
}

// SignIn looks the token up by its hash, so that how long that takes says nothing
// about the token.
func (t TokenWay) SignIn(r *http.Request) (authz.Principal, error) {
	found, err := t.Tokens.FindToken(r.Context(), hash(bearerOf(r)))
	if errors.Is(err, store.ErrNotFound) {
		return authz.Principal{}, Refused("the token is not valid, or was replaced")
	}
	if err != nil {
		return authz.Principal{}, err
	}
	return authz.Principal{Kind: authz.Token, Name: found.Name, Role: authz.Admin, Permissions: authz.Permissions(authz.Admin)}, nil
}

// Challenge implements [Way].
func (TokenWay) Challenge() string { return `Bearer realm="IdentityMesh"` }

// bearerOf returns the request's bearer token, empty for none.
func bearerOf(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
