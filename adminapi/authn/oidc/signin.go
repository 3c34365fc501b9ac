package oidc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	coreos "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authn/browser"
	"github.com/identitymesh/identitymesh/adminapi/authz"
)

// The paths of the browser sign-in.
const (
	StartPath    = "/auth/oidc/start"
	CallbackPath = "/auth/oidc/callback"
)

// SignIn lets browsers sign in at the provider.
type SignIn struct {
	SignInConfig
	seal seal
}

// SignInConfig of a [SignIn].
type SignInConfig struct {
	Provider *Provider
	Door     browser.Door
	// URL is where browsers reach the Admin API, without a path; empty when it is
	// where a request was sent to, which was checked before.
	URL string
	// Secure says that browsers reach it over TLS.
	Secure bool
}

// NewSignIn returns the sign-in. The provider must have a client id.
func NewSignIn(c SignInConfig) (*SignIn, error) {
	s, err := newSeal()
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return &SignIn{c, s}, nil
}

// Register adds the paths to mux.
func (s *SignIn) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET "+StartPath, s.start)
	mux.HandleFunc("GET "+CallbackPath, s.callback)
}

const away = "The OpenID Connect provider does not answer, so it cannot say who you are. Try again in a minute, or sign in with a token; the log of the Admin API says what is wrong."

// start leads to the provider.
func (s *SignIn) start(w http.ResponseWriter, r *http.Request) {
	if s.Door.Waits(w, r) {
		return
	}
	k := s.Provider.known.Load()
	if k == nil {
		s.Door.Unavailable(w, r, Way, nil, away)
		return
	}
	t := ticket{
		State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(),
		Return: browser.Return(r.URL.Query().Get(browser.ReturnParameter)), Expires: s.Provider.Now().Add(ticketLife),
	}
	sealed, err := s.seal.close(t)
	if err != nil {
		s.Door.Unavailable(w, r, Way, err, "The sign-in could not be begun; the log of the Admin API says why.")
		return
	}
	browser.Private(w)
	http.SetCookie(w, s.cookie(sealed, ticketLife))
	to := s.client(k, r).AuthCodeURL(t.State, coreos.Nonce(t.Nonce), oauth2.S256ChallengeOption(t.Verifier))
	http.Redirect(w, r, to, http.StatusFound)
}

// client is what the Admin API is to the provider.
func (s *SignIn) client(k *known, r *http.Request) *oauth2.Config {
	base := s.URL
	if base == "" {
		base = "http://" + r.Host
		if s.Secure {
			base = "https://" + r.Host
		}
	}
	scopes := s.Provider.JWT.Scopes
	if !slices.Contains(scopes, coreos.ScopeOpenID) {
		scopes = append([]string{coreos.ScopeOpenID}, scopes...)
	}
	c := &oauth2.Config{
		ClientID: s.Provider.JWT.ClientID, RedirectURL: base + CallbackPath, Scopes: scopes,
		Endpoint: oauth2.Endpoint{AuthURL: k.Auth, TokenURL: k.Token, AuthStyle: oauth2.AuthStyleInParams},
	}
	if !s.Provider.secret.IsZero() {
		c.ClientSecret = string(s.Provider.secret.Reveal())
		// What a provider does not say is client_secret_basic; trying both would spend the code.
		if len(k.Methods) == 0 || slices.Contains(k.Methods, "client_secret_basic") {
			c.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
		}
	}
	return c
}

// callback is where the provider leads back to. Only the browser that was sent
// there has the ticket, so nobody can be signed in as somebody else.
func (s *SignIn) callback(w http.ResponseWriter, r *http.Request) {
	if s.Door.Waits(w, r) {
		return
	}
	var sealed string
	if c, err := r.Cookie(s.cookie("", 0).Name); err == nil {
		sealed = c.Value
	}
	http.SetCookie(w, s.cookie("", -time.Second)) // it counts once
	k := s.Provider.known.Load()
	if k == nil {
		s.Door.Unavailable(w, r, Way, nil, away)
		return
	}
	t, err := s.seal.open(sealed)
	q := r.URL.Query()
	switch {
	case sealed == "":
		// Any site can lead a browser here, and there is nothing to guess: this must lock
		// nobody out.
		s.Door.Ask(w, r, "This browser did not begin the sign-in that it brings an answer for, or at another address than "+r.Host+". Begin it on the sign-in page.")
	case err != nil || !s.Provider.Now().Before(t.Expires):
		s.Door.Refuse(w, r, Way, "The sign-in took too long, or the Admin API was started again meanwhile. Begin it once more.")
	case subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(t.State)) != 1:
		s.Door.Refuse(w, r, Way, "The answer belongs to another sign-in than the one that this browser began last. Begin it once more.")
	case q.Has("iss") && q.Get("iss") != k.Issuer: // RFC 9207
		s.Door.Refuse(w, r, Way, "The answer is of another provider: "+quote(q.Get("iss"))+".")
	case q.Get("error") != "":
		s.Door.Refuse(w, r, Way, "The OpenID Connect provider did not sign you in: "+said(q.Get("error"), q.Get("error_description"))+".")
	case q.Get("code") == "":
		s.Door.Refuse(w, r, Way, "The answer of the OpenID Connect provider has neither a code nor an error.")
	default:
		s.exchange(w, r, k, t, q.Get("code"))
	}
}

func (s *SignIn) exchange(w http.ResponseWriter, r *http.Request, k *known, t ticket, code string) {
	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), oauth2.HTTPClient, s.Provider.client), 2*askLimit)
	defer cancel()
	token, err := s.client(k, r).Exchange(ctx, code, oauth2.VerifierOption(t.Verifier))
	if err != nil {
		var refused *oauth2.RetrieveError
		if errors.As(err, &refused) && refused.ErrorCode != "" {
			s.Door.Refuse(w, r, Way, "The OpenID Connect provider did not take the code back: "+said(refused.ErrorCode, refused.ErrorDescription)+
				". Begin once more; if that does not help, look at Authentication:Jwt:ClientId, its secret, and the redirect address at the provider.")
			return
		}
		if errors.As(err, &refused) { // its text is the whole answer
			err = errors.New("the token endpoint answered " + refused.Response.Status)
		}
		s.Door.Unavailable(w, r, Way, err, away)
		return
	}
	who, err := s.identify(ctx, k, t, token)
	var refused authn.Refused
	switch {
	case errors.As(err, &refused):
		s.Door.Refuse(w, r, Way, "Sign-in failed: "+err.Error()+".")
	case err != nil:
		s.Door.Unavailable(w, r, Way, err, away)
	default:
		s.Door.Enter(w, r, who, Way, t.Return)
	}
}

// identify returns who the provider's answer is about; see OpenID Connect Core 1.0,
// section 3.1.3.7.
func (s *SignIn) identify(ctx context.Context, k *known, t ticket, token *oauth2.Token) (authz.Principal, error) {
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return authz.Principal{}, authn.Refused("the provider's answer has no ID token")
	}
	identity, err := verified(ctx, k.identity, raw)
	if err != nil {
		return authz.Principal{}, err
	}
	var c claims
	if err := identity.Claims(&c); err != nil {
		return authz.Principal{}, authn.Refused("the ID token has no claims that can be read")
	}
	party := c["azp"]
	switch {
	case subtle.ConstantTimeCompare([]byte(identity.Nonce), []byte(t.Nonce)) != 1:
		return authz.Principal{}, authn.Refused("the ID token belongs to another sign-in (nonce)")
	case party != nil && party != s.Provider.JWT.ClientID, party == nil && len(identity.Audience) > 1:
		return authz.Principal{}, authn.Refused("the ID token was made for another client (azp)")
	case identity.AccessTokenHash != "" && identity.VerifyAccessToken(token.AccessToken) != nil:
		return authz.Principal{}, authn.Refused("the access token is not the one that the ID token belongs to (at_hash)")
	}
	if err := s.Provider.complete(ctx, k, c, identity.Subject, token.AccessToken); err != nil {
		return authz.Principal{}, err
	}
	return s.Provider.principal(c)
}

// complete adds what the provider tells only at its userinfo endpoint, which many do
// with groups. What the ID token says counts first.
func (p *Provider) complete(ctx context.Context, k *known, c claims, subject, accessToken string) error {
	if k.UserInfo == "" || accessToken == "" || c.at(p.JWT.RolesClaim) != nil && c.at(p.JWT.GroupsClaim) != nil && c.text(p.JWT.NameClaim) != "" {
		return nil
	}
	client := *p.client
	client.Transport = &oauth2.Transport{Base: p.client.Transport, Source: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: accessToken})}
	var more claims
	if err := getJSON(ctx, &client, k.UserInfo, &more); err != nil {
		return fmt.Errorf("ask the userinfo endpoint: %w", err)
	}
	if more["sub"] != subject {
		return authn.Refused("the userinfo endpoint told about somebody else (sub)")
	}
	for name, value := range more {
		if _, found := c[name]; !found {
			c[name] = value
		}
	}
	return nil
}

// said repeats an error of the provider.
func said(code, description string) string {
	if description = strings.TrimSuffix(strings.TrimSpace(description), "."); description == "" {
		return quote(code)
	}
	const most = 400
	if r := []rune(description); len(r) > most {
		description = string(r[:most]) + "…"
	}
	return fmt.Sprintf("%q (%s)", description, quote(code))
}
