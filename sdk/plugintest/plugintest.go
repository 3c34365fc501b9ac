// Package plugintest runs a provider in the test's own process through the real
// gRPC path, with everything that stands between a host and a plugin but the
// process and its transport security. Start reading at [Open].
package plugintest

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/pluginmain"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Client is a host's view of the provider under test.
type Client struct {
	facade.Plugin
	// Warnings that the provider gave for its configuration.
	Warnings diag.List
}

// Open serves def, configures it with config, which is marshalled to JSON, and
// returns a client. The test fails when the configuration is refused. Everything
// is closed when the test ends.
func Open[P provider.Provider](t testing.TB, def provider.Definition[P], config any) *Client {
	t.Helper()
	client, problems := Try(t, def, config)
	if err := problems.Err(); err != nil {
		t.Fatalf("the provider refused its configuration: %v", err)
	}
	return client
}

// Try is [Open] for tests of the configuration: it returns what the provider
// found instead of failing.
func Try[P provider.Provider](t testing.TB, def provider.Definition[P], config any) (*Client, diag.List) {
	t.Helper()
	body, err := json.Marshal(config)
	if err != nil {
		t.Fatalf("marshal the configuration: %v", err)
	}
	return TryLogging(t, def, body, io.Discard)
}

// TryLogging is [Try] with the configuration's own bytes and with the
// provider's log written to logs as JSON lines from level debug on.
func TryLogging[P provider.Provider](t testing.TB, def provider.Definition[P], config []byte, logs io.Writer) (*Client, diag.List) {
	t.Helper()
	server := pluginmain.NewServer(def, &telemetry.Telemetry{
		Logger: telemetry.NewLogger(logs, slog.LevelDebug, false), Tracer: tracenoop.NewTracerProvider(),
	})
	listener := bufconn.Listen(contract.WindowBytes)
	g := server.GRPC()
	served := make(chan struct{})
	go func() { defer close(served); _ = g.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///plugin",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatalf("connect to the provider: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close(); g.Stop(); <-served; server.Close() })

	v1, err := facade.OpenV1(t.Context(), withDeadline{conn})
	if err != nil {
		t.Fatalf("open the provider: %v", err)
	}
	problems, err := v1.Configure(t.Context(), config)
	if err != nil {
		t.Fatalf("configure the provider: %v", err)
	}
	return &Client{Plugin: v1, Warnings: problems.Warnings()}, problems
}

// callTimeout is generous: it only keeps a hanging provider from hanging the test.
const callTimeout = 60 * time.Second

// withDeadline gives calls without a deadline one, so that tests need not.
type withDeadline struct{ *grpc.ClientConn }

func (c withDeadline) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if _, has := ctx.Deadline(); !has {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	return c.ClientConn.Invoke(ctx, method, args, reply, opts...)
}
