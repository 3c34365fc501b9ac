package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

const canary = "canary-2f6d"

// call makes one call from a client with its provider to a server with another
// one, and returns the spans of both and the headers the server saw.
func call(t *testing.T, ctx context.Context, fail error) (client, server tracetest.SpanStubs, header metadata.MD) {
	t.Helper()
	clientSpans, serverSpans := tracetest.NewInMemoryExporter(), tracetest.NewInMemoryExporter()
	clientProvider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(clientSpans))
	serverProvider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(serverSpans))
	listener := bufconn.Listen(1 << 16)
	s := grpc.NewServer(grpc.UnaryInterceptor(telemetry.ServerInterceptor(serverProvider)))
	s.RegisterService(&grpc.ServiceDesc{ServiceName: "a.b.Svc", HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{{
		MethodName: "Get",
		Handler: func(srv any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
			in := &emptypb.Empty{}
			if err := decode(in); err != nil {
				return nil, err
			}
			return intercept(ctx, in, &grpc.UnaryServerInfo{FullMethod: "/a.b.Svc/Get"}, func(ctx context.Context, _ any) (any, error) {
				header, _ = metadata.FromIncomingContext(ctx)
				return &emptypb.Empty{}, wire.ToStatus(fail).Err()
			})
		},
	}}}, nil)
	go func() { _ = s.Serve(listener) }()
	defer s.Stop()
	conn, err := grpc.NewClient("passthrough:///x", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithUnaryInterceptor(telemetry.ClientInterceptor(clientProvider, nil, "acme")))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, span := clientProvider.Tracer("test").Start(ctx, "run")
	err = conn.Invoke(ctx, "/a.b.Svc/Get", &emptypb.Empty{}, &emptypb.Empty{})
	span.End()
	if (err != nil) != (fail != nil) {
		t.Fatalf("the call gave %v", err)
	}
	return clientSpans.GetSpans(), serverSpans.GetSpans(), header
}

func TestPluginsSpanContinuesTheHostsTrace(t *testing.T) {
	client, server, _ := call(t, t.Context(), nil)
	if len(client) != 2 || len(server) != 1 {
		t.Fatalf("%d spans at the client, %d at the server", len(client), len(server))
	}
	if server[0].SpanContext.TraceID() != client[0].SpanContext.TraceID() || server[0].Parent.SpanID() != client[0].SpanContext.SpanID() {
		t.Error("the server's span is not a child of the client's")
	}
	if server[0].Name != "Svc/Get" || server[0].SpanKind != trace.SpanKindServer || client[0].SpanKind != trace.SpanKindClient {
		t.Errorf("the spans are %s %v and %v", server[0].Name, server[0].SpanKind, client[0].SpanKind)
	}
}

func TestFailureIsShownByItsReasonAndNeverByItsText(t *testing.T) {
	client, server, _ := call(t, t.Context(), fault.New(fault.AccessDenied, fault.SourceBackend, canary))
	for _, span := range []tracetest.SpanStub{client[0], server[0]} {
		if span.Status.Code != codes.Error || span.Status.Description != "ACCESS_DENIED" {
			t.Errorf("status %+v", span.Status)
		}
		body, err := json.Marshal(span)
		if err != nil || strings.Contains(string(body), canary) {
			t.Errorf("the span holds the text of the error (%v)", err)
		}
	}
}

func TestBaggageStaysAtHome(t *testing.T) {
	member, err := baggage.NewMember("user", canary)
	if err != nil {
		t.Fatal(err)
	}
	bag, err := baggage.New(member)
	if err != nil {
		t.Fatal(err)
	}
	_, _, header := call(t, baggage.ContextWithBaggage(t.Context(), bag), nil)
	if len(header.Get("traceparent")) != 1 || len(header.Get("baggage")) != 0 {
		t.Errorf("the plugin saw %v", header)
	}
}

func TestLinesWithinASpanCarryItsIDs(t *testing.T) {
	var out bytes.Buffer
	provider := sdktrace.NewTracerProvider()
	ctx, span := provider.Tracer("test").Start(t.Context(), "x")
	logger := telemetry.NewLogger(&out, slog.LevelInfo, false).With("a", 1).WithGroup("g")
	logger.InfoContext(ctx, "within")
	logger.Info("outside")
	within, outside, _ := strings.Cut(out.String(), "\n")
	if !strings.Contains(within, span.SpanContext().TraceID().String()) || strings.Contains(outside, "trace_id") {
		t.Errorf("got %s and %s", within, outside)
	}
}

func TestDurationsHaveTheirUnit(t *testing.T) {
	for name, text := range map[string]bool{"in JSON": false, "in text": true} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			telemetry.NewLogger(&out, slog.LevelInfo, text).With("pause", 2*time.Second).WithGroup("g").
				Info("x", telemetry.KeyDuration, 1500*time.Millisecond, "n", 7)
			line := strings.NewReplacer(`"`, "", ":", "=").Replace(out.String())
			if !strings.Contains(line, "pause=2s") || !strings.Contains(line, "duration=1.5s") || !strings.Contains(line, "n=7") {
				t.Errorf("got %s", out.String())
			}
		})
	}
}

func TestNothingIsExportedUnlessTheEnvironmentAsksForIt(t *testing.T) {
	cases := []struct {
		name    string
		environ []string
		traces  bool
	}{
		{"nothing set", nil, false},
		{"an exporter", []string{"OTEL_TRACES_EXPORTER=none", "X=y"}, false},
		{"an endpoint", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1"}, true},
		{"an endpoint, but switched off", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_SDK_DISABLED=true"}, false},
		{"an empty variable", []string{"OTEL_TRACES_EXPORTER="}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			tel, err := telemetry.Start(t.Context(), telemetry.Config{Service: "s", Logs: &bytes.Buffer{}, Environ: c.environ})
			if err != nil {
				t.Fatal(err)
			}
			_, span := tel.Tracer.Tracer("t").Start(t.Context(), "x")
			if span.SpanContext().IsValid() != c.traces {
				t.Errorf("traces %v", !c.traces)
			}
			_ = tel.Stop(t.Context())
		})
	}
}

func TestTraceGoesOnWhereItIsAskedForLater(t *testing.T) {
	provider := sdktrace.NewTracerProvider()
	ctx, span := provider.Tracer("test").Start(t.Context(), "request")
	parent := telemetry.TraceParent(ctx)
	if telemetry.TraceID(parent) != span.SpanContext().TraceID().String() || len(parent) > 55 {
		t.Errorf("%q", parent)
	}
	_, later := provider.Tracer("test").Start(telemetry.WithTraceParent(t.Context(), parent), "work")
	if later.SpanContext().TraceID() != span.SpanContext().TraceID() {
		t.Error("the later work is in another trace")
	}
	for _, none := range []string{"", "00-x", telemetry.TraceParent(t.Context())} {
		if id := telemetry.TraceID(none); id != "" || telemetry.WithTraceParent(t.Context(), none) == nil {
			t.Errorf("%q has trace id %q", none, id)
		}
	}
}

func TestPluginTracesOnlyWhatItsHostSamples(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	server := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	never := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	ctx, _ := never.Tracer("test").Start(t.Context(), "run")
	ctx = metadata.NewIncomingContext(t.Context(), metadata.Pairs("traceparent", telemetry.TraceParent(ctx)))
	_, err := telemetry.ServerInterceptor(server)(ctx, nil, &grpc.UnaryServerInfo{FullMethod: "/a.b.Svc/Get"},
		func(context.Context, any) (any, error) { return nil, nil })
	if err != nil || len(spans.GetSpans()) > 0 {
		t.Errorf("%v, spans %v", err, spans.GetSpans())
	}
}
