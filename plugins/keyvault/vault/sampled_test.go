package vault_test

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
)

// started remembers the names of the spans that were asked for, and hands on the
// context's own span, sampled or not.
type started struct {
	embedded.TracerProvider
	mu    sync.Mutex
	names []string
}

func (s *started) Tracer(string, ...trace.TracerOption) trace.Tracer { return tracer{s: s} }

type tracer struct {
	embedded.Tracer
	s *started
}

func (t tracer) Start(ctx context.Context, name string, _ ...trace.SpanStartOption) (context.Context, trace.Span) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	t.s.names = append(t.s.names, name)
	return ctx, noop.Span{}
}

func TestTheSDKMakesSpansForSampledTracesOnly(t *testing.T) {
	for name, c := range map[string]struct {
		flags trace.TraceFlags
		want  []string
	}{
		"not sampled": {0, []string{"keyvault.get"}},
		"sampled":     {trace.FlagsSampled, []string{"keyvault.get", "Client.GetSecret", "HTTP GET"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, spans := &stub{}, &started{}
			client, err := vault.New(vault.Config{URL: "https://" + host, Host: host, APIVersion: "7.6", Timeout: time.Minute, Credential: s,
				HTTP: &http.Client{Transport: s}, Tracer: spans, Logger: slog.New(slog.DiscardHandler), Application: "test"})
			if err != nil {
				t.Fatal(err)
			}
			ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
				TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: c.flags}))
			for range 2 { // the first one is challenged
				spans.names = nil
				if _, _, err := client.Get(ctx, target("x"), ""); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(spans.names, c.want) {
				t.Errorf("the spans are %q, want %q", spans.names, c.want)
			}
		})
	}
}
