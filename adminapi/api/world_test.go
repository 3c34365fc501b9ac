package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/adminapi/api"
	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/front"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/connector/builtin"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/buildinfo"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
	"github.com/identitymesh/identitymesh/sdk/logtest"
	"github.com/identitymesh/identitymesh/sdk/plugintest"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// now is the time in every world.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// token signs in to every world.
const token = "imat_test"

// world is the whole Admin API but its process, with a provider behind the real
// gRPC path and a real database.
type world struct {
	t   *testing.T
	url string
	// handler is what answers at url.
	handler http.Handler
	store   *store.Store
	audit   *audit.Log
	vault   *vault
	status  host.Status
	reload  func(ctx context.Context, trigger string) error
	shelf   shelved
	api     *api.API
	// signedOut is what streams hear when they ask.
	signedOut atomic.Bool
	settings  *appsettings.Settings
	witness   audit.Witness
	logs      *logtest.Buffer
	tokens    *authn.Tokens
	sessions  *authn.Sessions
	mu        sync.Mutex
	replies   bytes.Buffer // everything that was ever answered
	statuses  statuses
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{DB: productdb.Config{DataFolder: t.TempDir()}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	hash := store.TokenHash{}
	copy(hash[:], sum(token))
	if _, err := db.AddToken(t.Context(), store.AdminToken{Name: authn.Name, Role: string(authz.Admin)}, hash); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: db, vault: &vault{}, logs: &logtest.Buffer{}}
	w.status = host.Status{Provider: "DPAPI", Why: "it is the default", Plugin: supervise.Status{State: supervise.Ready}}
	w.reload = func(context.Context, string) error { return nil }
	w.settings, _ = appsettings.Load(appsettings.Options{Folder: t.TempDir(), Environ: []string{"HOME=/nowhere"}})
	client := plugintest.Open(t, w.vault.definition(), map[string]any{})
	logger := slog.New(slog.NewJSONHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	mux := http.NewServeMux()
	log, err := audit.Open(t.Context(), db.DB(), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	w.audit = log
	clock := func() time.Time { return now }
	w.tokens = authn.NewTokens(authn.TokensConfig{Store: db, Logger: logger, Now: clock})
	t.Cleanup(w.tokens.Close)
	w.sessions = authn.NewSessions(authn.SessionsConfig{Store: db, Idle: 30 * time.Minute, Absolute: 12 * time.Hour, Logger: logger, Now: clock})
	t.Cleanup(w.sessions.Close)
	operations, err := api.New(mux, api.Config{
		Tokens: w.tokens, Sessions: w.sessions, SignIns: authn.NewLockout(clock),
		Store: db, Audit: log, Heads: func() (*audit.Heads, error) { return w.witness.Heads() }, Kinds: builtin.Kinds(), Secrets: administrator{client.Plugin}, Provider: administered{client.Plugin, w}, Reload: func(ctx context.Context, trigger string) error { return w.reload(ctx, trigger) },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("metric 1\n")) }),
		Streams: api.Streams{Poll: 5 * time.Millisecond, Linger: 200 * time.Millisecond, Heartbeat: 20 * time.Millisecond, Recheck: 20 * time.Millisecond,
			Still: func(*http.Request, authz.Permission) bool { return !w.signedOut.Load() }},
		NewID:   uuid.NewString,
		Plugins: shelf{w}, Settings: func() *appsettings.Settings { return w.settings }, Self: self, System: "Test OS 1", UI: true,
		Build:  buildinfo.Info{Version: "1.2.3", Commit: "0123456789ab", Date: "2026-02-01T00:00:00Z", Go: "go1.26.0", Platform: "linux/amd64"},
		Logger: logger, Now: func() time.Time { return now }, Version: "1.2.3", TestWait: 5 * time.Second, TestPoll: 5 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	// An hour passes between two failed sign-ins, so that none is one too many.
	var hours atomic.Int64
	guard := authn.NewGuard(authn.GuardConfig{Ways: []authn.Way{w.tokens, w.sessions}, Logger: logger, Now: func() time.Time {
		return now.Add(time.Duration(hours.Add(1)) * time.Hour)
	}})
	var ids atomic.Int64
	w.handler = front.New(front.Config{
		Mux: mux, SignIn: guard.Require, Public: operations.Public(), Listen: "127.0.0.1:5100", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Logger: logger, Tracer: noop.NewTracerProvider(), Now: time.Now,
		NewID: func() string { return fmt.Sprintf("request-%d", ids.Add(1)) },
	})
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)
	t.Cleanup(operations.Close)
	w.api = operations
	w.url = server.URL
	return w
}

// answer is a response that was read.
type answer struct {
	*http.Response
	body []byte
}

// send makes a signed-in request; header holds pairs.
func (w *world) send(method, path, body string, header ...string) answer {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintln(&w.replies, response.Header, string(content))
	w.agreed(response)
	return answer{response, content}
}

// is decodes an answer of that status into out, which may be nil.
func (a answer) is(t *testing.T, status int, out any) answer {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s: status %d instead of %d: %s", a.Request.Method, a.Request.URL, a.StatusCode, status, a.body)
	}
	if out != nil {
		if err := json.Unmarshal(a.body, out); err != nil {
			t.Fatalf("%s: %v", a.body, err)
		}
	}
	return a
}

// problem checks that the answer is the problem of that code and returns it.
func (a answer) problem(t *testing.T, status int, code string) problem.Problem {
	t.Helper()
	var p problem.Problem
	a.is(t, status, &p)
	if a.Header.Get("Content-Type") != problem.MediaType || p.Type != problem.Prefix+code || p.Status != status {
		t.Errorf("%s %s: %s %s, expected problem %s", a.Request.Method, a.Request.URL, a.Header.Get("Content-Type"), a.body, code)
	}
	if p.Detail == "" || p.Title == "" || p.RequestID == "" || p.RequestID != a.Header.Get(front.RequestIDHeader) {
		t.Errorf("the problem lacks a title, a detail or the request's id: %s", a.body)
	}
	return p
}

// paths returns where a problem's items are.
func paths(p problem.Problem) string {
	var all []string
	for _, i := range p.Errors {
		all = append(all, i.Path)
	}
	return strings.Join(all, " ")
}

// administrator is what the Admin API gets of a client: no way to a value.
type administrator struct{ plugin facade.Plugin }

func (a administrator) Describe(ctx context.Context, ref secret.Ref) (secret.Metadata, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return a.plugin.Describe(ctx, ref)
}

func (a administrator) List(ctx context.Context, req provider.ListRequest) (secret.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return a.plugin.List(ctx, req)
}

func (a administrator) Set(ctx context.Context, req provider.SetRequest) (secret.Metadata, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return a.plugin.Set(ctx, req)
}

func (a administrator) Delete(ctx context.Context, ref secret.Ref) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return a.plugin.Delete(ctx, ref)
}

func (a administrator) ListVersions(ctx context.Context, ref secret.Ref, req provider.ListRequest) (secret.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return a.plugin.ListVersions(ctx, ref, req)
}

func (a administrator) Recover(ctx context.Context, ref secret.Ref) (secret.Metadata, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return a.plugin.Recover(ctx, ref)
}

func (a administrator) Purge(ctx context.Context, ref secret.Ref) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return a.plugin.Purge(ctx, ref)
}

// administered is the provider in force; the world says how it is.
type administered struct {
	plugin facade.Plugin
	w      *world
}

func (a administered) Status() host.Status                       { return a.w.status }
func (a administered) Info(context.Context) (facade.Info, error) { return a.plugin.Info(), nil }
func (a administered) Check(ctx context.Context) (provider.CheckReport, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return a.plugin.Check(ctx)
}
