package oidctest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"

	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// accounts are the users as the example's store wants them; the name is the id.
type accounts []User

func (a accounts) ExampleClientID() string { return storage.ServiceUserID }

func (a accounts) GetUserByID(id string) *storage.User { return a.GetUserByUsername(id) }

func (a accounts) GetUserByUsername(name string) *storage.User {
	for _, u := range a {
		if u.Name == name {
			return &storage.User{ID: name, Username: name, Password: Password}
		}
	}
	return nil
}

func (p *Provider) claims(user string) map[string]any {
	for _, u := range p.users {
		if u.Name == user {
			return maps.Clone(u.Claims)
		}
	}
	return nil
}

// GetPrivateClaimsFromScopes implements the library's storage, for access tokens.
func (p *Provider) GetPrivateClaimsFromScopes(_ context.Context, user, _ string, _ []string) (map[string]any, error) {
	return p.claims(user), nil
}

// SetUserinfoFromToken implements the library's storage, for the userinfo endpoint.
func (p *Provider) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, token, subject, origin string) error {
	for name, value := range p.claims(subject) {
		info.AppendClaims(name, value)
	}
	return p.Storage.SetUserinfoFromToken(ctx, info, token, subject, origin)
}

// SetUserinfoFromRequest implements the library's storage, for ID tokens: this
// provider keeps them thin, as many do.
func (p *Provider) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, token op.IDTokenRequest, _ []string) error {
	info.Subject = token.GetSubject()
	return nil
}

// Tamper changes the claims of every ID token before it is signed anew; nil ends it.
func (p *Provider) Tamper(change func(claims map[string]any)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tamper = change
}

// Answers are what the token endpoint answered so far: they hold what must not be
// found elsewhere.
func (p *Provider) Answers() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.codes
}

// token is the token endpoint with what [Provider.Tamper] changes.
func (p *Provider) token(w http.ResponseWriter, r *http.Request, provider http.Handler) {
	said := httptest.NewRecorder()
	provider.ServeHTTP(said, r)
	body := said.Body.Bytes()
	p.mu.Lock()
	change := p.tamper
	p.codes = append(p.codes, string(body))
	p.mu.Unlock()
	var answer map[string]any
	if change != nil && json.Unmarshal(body, &answer) == nil && answer["id_token"] != nil {
		claims := Claims(answer["id_token"].(string))
		change(claims)
		answer["id_token"] = p.Mint(claims)
		body, _ = json.Marshal(answer) // it was JSON before
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(said.Code)
	_, _ = io.Copy(w, bytes.NewReader(body))
}
