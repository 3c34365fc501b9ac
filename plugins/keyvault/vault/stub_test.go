package vault_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const (
	host      = "contoso-im.vault.azure.net"
	challenge = `Bearer authorization="https://login.windows.net/00000000-0000-0000-0000-00000000000a", resource="https://vault.azure.net"`
	token     = "canary-token-4711"
	value     = "Q2FuYXJ5"
)

// stub is a vault without a network, so that its tests run on the clock of a
// synctest bubble: waits of a minute take no time and are measured exactly.
type stub struct {
	// answer is for requests with a token, challenge for those without; the usual
	// ones when nil.
	answer, challenge func(*http.Request) (*http.Response, error)
	// connect fails before a request with a token is sent; nil for never.
	connect func() error
	// getToken is the credential; one that answers at once when nil.
	getToken func(context.Context) error

	mu     sync.Mutex
	seen   []seen
	tokens []policy.TokenRequestOptions
	logs   bytes.Buffer
}

// seen is one request, and when it came.
type seen struct {
	method, host, path, apiVersion string
	withToken                      bool
	at                             time.Time
}

func (s *stub) RoundTrip(r *http.Request) (*http.Response, error) {
	withToken := r.Header.Get("Authorization") == "Bearer "+token
	s.mu.Lock()
	s.seen = append(s.seen, seen{r.Method, r.URL.Host, r.URL.Path, r.URL.Query().Get("api-version"), withToken, time.Now()})
	s.mu.Unlock()
	if !withToken {
		if s.challenge != nil {
			return s.challenge(r)
		}
		return respond(401, refusal("Unauthorized", ""), "WWW-Authenticate", challenge), nil
	}
	if s.connect != nil {
		if err := s.connect(); err != nil {
			return nil, err
		}
	}
	if t := httptrace.ContextClientTrace(r.Context()); t != nil {
		t.GotConn(httptrace.GotConnInfo{})
	}
	if s.answer != nil {
		return s.answer(r)
	}
	return secretNamed(r, value), nil
}

func (s *stub) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	s.mu.Lock()
	s.tokens = append(s.tokens, o)
	s.mu.Unlock()
	if s.getToken != nil {
		if err := s.getToken(ctx); err != nil {
			return azcore.AccessToken{}, err
		}
	}
	return azcore.AccessToken{Token: token, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// count returns how many requests came with a token, or without one.
func (s *stub) count(withToken bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.seen {
		if r.withToken == withToken {
			n++
		}
	}
	return n
}

// pauses are the times between the requests with a token.
func (s *stub) pauses() (pauses []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := time.Time{}
	for _, r := range s.seen {
		if r.withToken {
			if !last.IsZero() {
				pauses = append(pauses, r.at.Sub(last))
			}
			last = r.at
		}
	}
	return pauses
}

// client returns a client of the stub; timeout is that of its configuration.
func (s *stub) client(t testing.TB, timeout time.Duration) *vault.Client {
	t.Helper()
	c, err := vault.New(vault.Config{URL: "https://" + host, Host: host, APIVersion: "7.6", Timeout: timeout, Credential: s,
		HTTP:   &http.Client{Transport: s, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		Tracer: noop.NewTracerProvider(), Application: "test",
		Logger: slog.New(slog.NewTextHandler(&s.logs, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// warm returns a client that is signed in.
func (s *stub) warm(t testing.TB, timeout time.Duration) *vault.Client {
	t.Helper()
	answer := s.answer
	s.answer = nil
	c := s.client(t, timeout)
	if _, _, err := c.Get(t.Context(), target("warm"), ""); err != nil {
		t.Fatal(err)
	}
	s.answer, s.seen, s.tokens = answer, nil, nil
	return c
}

func target(name string) vault.Target {
	return vault.Target{Ref: secret.Ref("secret://test/" + name), Name: name}
}

func respond(status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status, " ", http.StatusText(status)), Header: h,
		Body: io.NopCloser(strings.NewReader(body))}
}

func refusal(code, inner string) string {
	body, _ := json.Marshal(map[string]any{"error": map[string]any{"code": code, "message": "said by the vault",
		"innererror": map[string]any{"code": inner}}})
	return string(body)
}

// secretNamed answers with the secret that was asked for.
func secretNamed(r *http.Request, value string) *http.Response {
	name := strings.Split(r.URL.Path, "/")[2]
	return respond(200, fmt.Sprintf(`{"value":%q,"id":"https://%s/secrets/%s/0123456789abcdef0123456789abcdef"}`, value, host, name))
}

func wantFault(t *testing.T, err error, want fault.Reason, says ...string) *fault.Error {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a fault with reason %s", err, want)
	}
	if f.Reason != want {
		t.Errorf("got reason %s, want %s: %v", f.Reason, want, f)
	}
	for _, s := range says {
		if !strings.Contains(f.Message, s) {
			t.Errorf("message does not say %q: %s", s, f.Message)
		}
	}
	if strings.Contains(fmt.Sprintf("%v %+v", f, f), token) {
		t.Error("the message holds the token")
	}
	return f
}

func containsDoubt(err error) bool {
	return strings.Contains(err.Error(), "may or may not have happened")
}
