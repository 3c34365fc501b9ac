// Package oidc signs operators in by an OpenID Connect provider such as Entra ID:
// programs by the provider's access tokens, browsers by the authorization code flow
// with PKCE.
//
// The provider is asked in the background and again and again, so that the Admin
// API starts while it is away. Whatever it vouches for becomes a role by
// [authz.Mapping]; what a session is is package authn's concern. Start reading at
// [Provider], then [Bearer] and [SignIn].
package oidc

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	coreos "github.com/coreos/go-oidc/v3/oidc"

	"github.com/identitymesh/identitymesh/adminapi/authn/keyfile"
	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

const (
	// Way is the name of the sign-in in sessions and logs.
	Way = "oidc"

	// refreshAfter is how long what the provider said counts as new. Keys that it
	// took back are gone after that.
	refreshAfter = time.Hour
	// firstRetry doubles with each failure up to lastRetry.
	firstRetry = time.Second
	lastRetry  = time.Minute
	// askLimit bounds one request to the provider, and answerLimit its answer.
	askLimit    = 10 * time.Second
	answerLimit = 1 << 20
	// clockSkew is how far the provider's clock may be off.
	clockSkew = 2 * time.Minute
)

// Config of a [Provider].
type Config struct {
	JWT   appsettings.JWT
	Roles authz.Mapping
	// Transport reaches the provider; nil means one with the proxies that the
	// environment names.
	Transport http.RoundTripper
	Logger    *slog.Logger
	Now       func() time.Time
}

// Provider is one OpenID Connect provider. It is safe for concurrent use.
type Provider struct {
	Config
	client  *http.Client
	secret  secret.Value
	known   atomic.Pointer[known]
	problem atomic.Pointer[string]
}

// known is what the provider said about itself.
type known struct {
	metadata
	// issuers are those whose access tokens are taken.
	issuers []string
	// access verifies access tokens, identity those of a browser sign-in.
	access, identity *coreos.IDTokenVerifier
}

// New returns a provider that was not asked yet. It fails when the client's secret
// cannot be read.
func New(c Config) (*Provider, error) {
	p := &Provider{Config: c}
	if c.JWT.ClientSecretFile != "" {
		content, err := keyfile.Read(c.JWT.ClientSecretFile)
		if err != nil {
			return nil, fmt.Errorf("Authentication:Jwt:ClientSecretFile: %w", err)
		}
		p.secret = secret.NewValue(bytes.TrimSpace(content))
	}
	if c.Transport == nil {
		c.Transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	p.client = &http.Client{
		Timeout: askLimit, Transport: bounded{c.Transport},
		// Where an answer comes from must be what was configured or what the provider said.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	waiting := "it was not asked yet"
	p.problem.Store(&waiting)
	return p, nil
}

// Run asks the provider for its keys and addresses until ctx ends: soon again while
// it does not answer, and from time to time when it does.
func (p *Provider) Run(ctx context.Context) {
	retry := firstRetry
	for {
		wait := refreshAfter
		if err := p.Ask(ctx); err != nil {
			wait, retry = retry, min(2*retry, lastRetry)
		} else {
			retry = firstRetry
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// Ask asks the provider once. What it said before counts on when that fails.
func (p *Provider) Ask(ctx context.Context) error {
	k, err := p.discover(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		text := err.Error()
		if old := p.problem.Swap(&text); old == nil || *old != text {
			p.Logger.ErrorContext(ctx, "the OpenID Connect provider cannot be used; it is tried again", "authority", p.JWT.Authority, telemetry.KeyError, err)
		}
		return err
	}
	p.known.Store(k)
	if p.problem.Swap(nil) != nil {
		p.Logger.InfoContext(ctx, "operators can sign in with the OpenID Connect provider", "authority", p.JWT.Authority, "issuers", k.issuers)
	}
	return nil
}

// Problem says in words what is wrong with the provider; empty when nothing is.
func (p *Provider) Problem() string {
	text := p.problem.Load()
	if text == nil {
		return ""
	}
	what := "nobody can sign in with it"
	if p.known.Load() != nil {
		what = "sign-ins go on with what it said before"
	}
	return fmt.Sprintf("The OpenID Connect provider %s cannot be used: %s. %s; it is tried again.", p.JWT.Authority, *text, what)
}

// discover asks for everything that sign-ins need.
func (p *Provider) discover(ctx context.Context) (*known, error) {
	m, err := p.metadata(ctx)
	if err != nil {
		return nil, err
	}
	issuers := issuersOf(p.JWT.Authority, m.Issuer)
	if issuers == nil {
		return nil, fmt.Errorf("it says that its issuer is %q; write that as Authentication:Jwt:Authority if it is the right one", m.Issuer)
	}
	if m.AccessIssuer != "" {
		issuers = append(issuers, m.AccessIssuer)
	}
	keys := &keySet{client: p.client, url: m.Keys, now: p.Now, logger: p.Logger}
	if err := keys.ask(ctx); err != nil {
		return nil, err
	}
	// The library has no tolerance for expired tokens, and five minutes for those that
	// are not valid yet.
	now := func() time.Time { return p.Now().Add(-clockSkew) }
	return &known{
		metadata: m, issuers: issuers,
		access: coreos.NewVerifier("", keys, &coreos.Config{
			ClientID: p.JWT.Audience, SupportedSigningAlgs: algorithms(), SkipIssuerCheck: true, Now: now, // issuers has several
		}),
		identity: coreos.NewVerifier(m.Issuer, keys, &coreos.Config{ClientID: p.JWT.ClientID, SupportedSigningAlgs: algorithms(), Now: now}),
	}, nil
}

// algorithms are those with a public key. Others would let whoever can check a
// token make one.
func algorithms() []string {
	return []string{coreos.RS256, coreos.RS384, coreos.RS512, coreos.PS256, coreos.PS384, coreos.PS512,
		coreos.ES256, coreos.ES384, coreos.ES512, coreos.EdDSA}
}

// bounded ends answers that are too long.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, answerLimit), response.Body}
	}
	return response, err
}

// takes reports whether the issuer is one whose access tokens count.
func (k *known) takes(issuer string) bool { return slices.Contains(k.issuers, issuer) }
