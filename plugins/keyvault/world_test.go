package keyvault_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/identitymesh/identitymesh/plugins/keyvault"
	"github.com/identitymesh/identitymesh/plugins/keyvault/credential"
	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/logtest"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const (
	ref = secret.Ref("secret://ad/svc/password")
	// canary is the value of every secret whose value does not matter. It must
	// never be seen outside of a value.
	canary = "Canary-7f3a9-Passw0rd!"
)

// world is a provider in front of a fake vault, with everything that it says to
// the outside kept, and searched for the canary when the test ends.
type world struct {
	*keyvault.Provider
	fake  *fakevault.Server
	clock *clock
	logs  *logtest.Buffer
	spans *tracetest.InMemoryExporter
	t     *testing.T
	said  []string
}

// clock is the time of vault and provider: it goes on by itself, and at once by
// as much as the provider would sleep.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
	slept []time.Duration
	// asleep is called in each sleep.
	asleep func()
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.advance(d)
	c.mu.Lock()
	c.slept = append(c.slept, d)
	c.mu.Unlock()
	if c.asleep != nil {
		c.asleep()
	}
	return ctx.Err()
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// total is how long the provider slept.
func (c *clock) total() (total time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.slept {
		total += d
	}
	return total
}

// setting changes the configuration or the environment of a world.
type setting struct {
	config map[string]any
	env    map[string]string
	fake   fakevault.Config
	// strangers makes the provider trust no authority of the fake.
	strangers bool
	dial      dialler
	// now is the provider's clock; the world's when nil.
	now func() time.Time
}

type dialler func(*fakevault.Server) func(context.Context, string, string) (net.Conn, error)

func newWorldDialling(t *testing.T, d dialler) *world {
	t.Helper()
	return newWorld(t, setting{dial: d})
}

func newWorld(t *testing.T, c setting) *world {
	t.Helper()
	w, problems := tryWorld(t, c)
	if err := problems.Err(); err != nil {
		t.Fatalf("the provider refused its configuration: %v", err)
	}
	return w
}

func tryWorld(t *testing.T, c setting) (*world, diag.List) {
	t.Helper()
	now := &clock{}
	if c.fake.Now == nil {
		c.fake.Now = now.Now
	}
	if c.now == nil {
		c.now = now.Now
	}
	fake, err := fakevault.Start(c.fake)
	if err != nil {
		t.Fatalf("start the fake vault: %v", err)
	}
	t.Cleanup(fake.Close)
	clearEnvironment(t)
	if c.env == nil {
		c.env = map[string]string{"AZURE_TENANT_ID": fake.Tenant, "AZURE_CLIENT_ID": fake.ClientID, "AZURE_CLIENT_SECRET": fake.ClientSecret}
	}
	for k, v := range c.env {
		t.Setenv(k, strings.NewReplacer("{identity}", fake.IdentityEndpoint(), "{header}", fake.IdentityHeader,
			"{tenant}", fake.Tenant, "{client}", fake.ClientID, "{secret}", fake.ClientSecret, "{managed}", fake.ManagedClientID).Replace(v))
	}
	config := map[string]any{"VaultUri": "https://contoso-im.vault.azure.net/", "Credential": "environment"}
	for k, v := range c.config {
		config[k] = v
	}
	w := &world{fake: fake, clock: now, logs: &logtest.Buffer{}, spans: tracetest.NewInMemoryExporter(), t: t}
	network := vault.Network{Dial: fake.Dial, RootCAs: fake.RootCAs()}
	if c.strangers {
		network.RootCAs = nil
	}
	if c.dial != nil {
		network.Dial = c.dial(fake)
	}
	def := keyvault.Define(keyvault.Options{Version: "0.1.0", Network: network, Watch: watch, RetryDelay: time.Millisecond,
		Now: c.now, Sleep: now.Sleep})
	body, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	tracer := trace.NewTracerProvider(trace.WithSyncer(w.spans))
	p, problems := def.Configure(t.Context(), provider.Environment{
		Config: body, Logger: slog.New(slog.NewJSONHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})), Tracer: tracer})
	if problems.HasErrors() {
		return nil, problems
	}
	w.Provider = p
	t.Cleanup(func() {
		_ = p.Close()
		w.findNo(canary, base64.StdEncoding.EncodeToString([]byte(canary)), fake.ClientSecret, tokenStart)
	})
	return w, problems
}

// tokenStart is how every access token of the fake begins.
const tokenStart = "eyJhbGci"

// watch is the process's one listener to the SDK's log; see credential.Listen.
var watch *credential.Watch

func TestMain(m *testing.M) {
	watch = credential.Listen()
	os.Exit(m.Run())
}

func clearEnvironment(t *testing.T) {
	t.Helper()
	for _, name := range credential.Variables(os.Environ()) {
		before := os.Getenv(name)
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Setenv(name, before) })
	}
}

// findNo searches all that was said to the outside.
func (w *world) findNo(values ...string) {
	w.t.Helper()
	spans, err := json.Marshal(w.spans.GetSpans())
	if err != nil {
		spans = fmt.Appendf(nil, "%+v", w.spans.GetSpans())
	}
	for place, text := range map[string]string{"the log": w.logs.String(), "a span": string(spans), "an error or metadata": strings.Join(w.said, "\n")} {
		for _, value := range values {
			if strings.Contains(text, value) {
				w.t.Errorf("%s holds a secret value", place)
			}
		}
	}
}

// note keeps an error in every printed form, with its whole chain.
func (w *world) note(err error) error {
	for e := err; e != nil; e = errors.Unwrap(e) {
		w.said = append(w.said, e.Error(), fmt.Sprintf("%+v", e))
	}
	return err
}

func (w *world) ctx() context.Context { return within(w.t, 20*time.Second) }

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func (w *world) set(ref secret.Ref, value string) (secret.Metadata, error) {
	m, err := w.Set(w.ctx(), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte(value))})
	w.said = append(w.said, fmt.Sprintf("%+v", m))
	return m, w.note(err)
}

func (w *world) mustSet(ref secret.Ref, value string) secret.Metadata {
	w.t.Helper()
	m, err := w.set(ref, value)
	if err != nil {
		w.t.Fatalf("set %s: %v", ref, err)
	}
	return m
}

func (w *world) get(ref secret.Ref) (secret.Secret, error) {
	s, err := w.Get(w.ctx(), ref, secret.Current)
	w.said = append(w.said, fmt.Sprintf("%+v", s))
	return s, w.note(err)
}

func (w *world) describe(ref secret.Ref) (secret.Metadata, error) {
	m, err := w.Describe(w.ctx(), ref)
	w.said = append(w.said, fmt.Sprintf("%+v", m))
	return m, w.note(err)
}

// requests counts what the vault received with a token.
func (w *world) requests(method string) int {
	n := 0
	for _, r := range w.fake.Requests() {
		if r.Service == "vault" && r.HasToken && r.Method == method {
			n++
		}
	}
	return n
}

func nameOf(ref secret.Ref) string { return naming.Name(string(ref)) }

func wantReason(t *testing.T, err error, want fault.Reason, says ...string) *fault.Error {
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
	return f
}
