// Package oidctest runs a real OpenID Connect provider on this host for tests: that
// of zitadel/oidc with the store of its example, users of the test's choice, keys
// that change when told so, and a form to sign in with.
//
// No program of the product uses it. Start reading at [Start], then [Browser].
package oidctest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"html"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Password of every user.
const Password = "c4nary-password"

// User is somebody who can sign in at the provider.
type User struct {
	Name string
	// Claims are added to what the provider says about him.
	Claims map[string]any
}

// Provider is one that runs.
type Provider struct {
	*storage.Storage
	// Issuer is its address.
	Issuer string
	// Down makes it hang up instead of answering.
	Down atomic.Bool
	// KeyRequests counts how often it was asked for its keys.
	KeyRequests atomic.Int64
	// BeforeKeys, when set, is called before its keys are told.
	BeforeKeys atomic.Pointer[func()]

	users   []User
	handler http.Handler

	mu      sync.Mutex
	keys    []signingKey // the last signs
	clients map[string]client
	tamper  func(claims map[string]any)
	codes   []string
}

// Start starts a provider, which ends with the test.
func Start(t testing.TB, users ...User) *Provider {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Provider{users: users, Issuer: "http://" + listener.Addr().String(), clients: map[string]client{}}
	p.Storage = storage.NewStorageWithClients(accounts(users), nil)
	p.Rotate()
	provider, err := op.NewProvider(&op.Config{CryptoKey: sha256.Sum256([]byte(rand.Text())), CryptoKeyId: "k", CodeMethodS256: true, AuthMethodPost: true},
		p, op.StaticIssuer(p.Issuer), op.WithAllowInsecure())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `<form method="post" action="/login"><input name="id" value="%s"><input name="name"><input name="password"></form>`, html.EscapeString(r.FormValue("id")))
	})
	mux.Handle("POST /login", op.NewIssuerInterceptor(provider.IssuerFromRequest).HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := p.CheckUsernamePassword(r.FormValue("name"), r.FormValue("password"), r.FormValue("id")); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		http.Redirect(w, r, op.AuthCallbackURL(provider)(r.Context(), r.FormValue("id")), http.StatusFound)
	}))
	mux.HandleFunc("POST /oauth/token", func(w http.ResponseWriter, r *http.Request) { p.token(w, r, provider) })
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		p.KeyRequests.Add(1)
		if before := p.BeforeKeys.Load(); before != nil {
			(*before)()
		}
		provider.ServeHTTP(w, r)
	})
	mux.Handle("/", provider)
	p.handler = mux
	server := &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // it ends with Close
	t.Cleanup(func() { _ = server.Close() })
	return p
}

// ServeHTTP answers unless the provider is down.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.Down.Load() {
		panic(http.ErrAbortHandler)
	}
	p.handler.ServeHTTP(w, r)
}

// Register makes a client known. An empty secret makes it a public one.
func (p *Provider) Register(id, secret, redirect string) {
	c := client{storage.WebClient(id, secret, redirect), secret}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clients[id] = c
}

// Rotate signs with a new key from now on, and forgets those before.
func (p *Provider) Rotate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = []signingKey{{rand.Text(), key}}
}

// Key is the key that signs, and its id.
func (p *Provider) Key() (*ecdsa.PrivateKey, string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.keys[len(p.keys)-1]
	return last.key, last.id
}

// signingKey is a key as the provider's library wants it.
type signingKey struct {
	id  string
	key *ecdsa.PrivateKey
}

func (k signingKey) ID() string                                  { return k.id }
func (k signingKey) Key() any                                    { return k.key }
func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }

type publicKey struct{ signingKey }

func (k publicKey) Key() any                           { return &k.key.PublicKey }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.ES256 }

// SigningKey implements the library's storage.
func (p *Provider) SigningKey(context.Context) (op.SigningKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys[len(p.keys)-1], nil
}

// SignatureAlgorithms implements the library's storage.
func (p *Provider) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.ES256}, nil
}

// KeySet implements the library's storage.
func (p *Provider) KeySet(context.Context) (out []op.Key, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.keys {
		out = append(out, publicKey{k})
	}
	return out, nil
}

// client has access tokens that are JWTs.
type client struct {
	*storage.Client
	secret string
}

func (c client) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }
func (c client) LoginURL(id string) string           { return "/login?id=" + id }
func (c client) AuthMethod() oidc.AuthMethod {
	if c.secret == "" {
		return oidc.AuthMethodNone
	}
	return oidc.AuthMethodBasic
}

// GetClientByClientID implements the library's storage.
func (p *Provider) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, found := p.clients[id]
	if !found {
		return nil, fmt.Errorf("no client %q", id)
	}
	return c, nil
}

// AuthorizeClientIDSecret implements the library's storage.
func (p *Provider) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c, found := p.clients[id]; !found || c.secret != secret {
		return fmt.Errorf("wrong secret of client %q", id)
	}
	return nil
}
