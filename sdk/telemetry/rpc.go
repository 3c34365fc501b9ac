package telemetry

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
)

// Two small interceptors stand here instead of the OpenTelemetry gRPC stats
// handlers: on this hop, which every run pays for, those cost about 1.5 times the
// CPU of the whole call even when nothing is sampled (see docs/design). Baggage is
// not forwarded, and spans carry neither refs nor error texts.

const (
	instrumentation = "github.com/identitymesh/identitymesh/sdk/telemetry"
	attrReason      = attribute.Key("identitymesh.reason")
	attrPlugin      = attribute.Key("identitymesh.plugin")
)

var propagator = propagation.TraceContext{}

// ClientInterceptor makes a client span for each call to the plugin, sends its
// context along, and measures the call where somebody reads that. meter may be nil.
func ClientInterceptor(provider trace.TracerProvider, meter *PluginMeter, plugin string) grpc.UnaryClientInterceptor {
	tracer := provider.Tracer(instrumentation)
	kind := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient)}
	return func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		if strings.HasPrefix(method, "/plugin.") { // go-plugin's own, at the end of a process
			return invoke(ctx, method, req, reply, conn, opts...)
		}
		span := trace.SpanFromContext(ctx)
		if !leftOut(span.SpanContext()) {
			ctx, span = tracer.Start(ctx, spanName(method), kind...)
			defer span.End()
		}
		if span.SpanContext().IsValid() {
			var headers outgoing
			propagator.Inject(ctx, &headers)
			ctx = metadata.AppendToOutgoingContext(ctx, headers...)
		}
		var begin time.Time
		measuring := meter.Measuring(ctx)
		if measuring {
			begin = time.Now()
		}
		err := invoke(ctx, method, req, reply, conn, opts...)
		if measuring {
			meter.Call(ctx, plugin, method, err, time.Since(begin))
		}
		if span.IsRecording() {
			span.SetAttributes(attrPlugin.String(plugin))
			recordOutcome(span, err)
		}
		return err
	}
}

// ServerInterceptor continues the host's trace within the plugin.
func ServerInterceptor(provider trace.TracerProvider) grpc.UnaryServerInterceptor {
	tracer := provider.Tracer(instrumentation)
	kind := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)}
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		ctx = propagator.Extract(ctx, incoming{ctx})
		if leftOut(trace.SpanContextFromContext(ctx)) {
			return handle(ctx, req)
		}
		ctx, span := tracer.Start(ctx, spanName(info.FullMethod), kind...)
		defer span.End()
		answer, err := handle(ctx, req)
		if span.IsRecording() {
			recordOutcome(span, err)
		}
		return answer, err
	}
}

// leftOut reports whether the trace that the context belongs to is one that is not
// sampled. Then nobody sees a span, and making one that records nothing would cost
// as much as the rest of the interceptor. Its id goes on to logs and to the plugin.
func leftOut(c trace.SpanContext) bool { return c.IsValid() && !c.IsSampled() }

func recordOutcome(span trace.Span, err error) {
	if err == nil {
		return
	}
	if _, isStatus := status.FromError(err); !isStatus {
		err = wire.ToStatus(err).Err()
	}
	reason := fault.Of(wire.FromError(err)).String()
	span.SetAttributes(attrReason.String(reason))
	span.SetStatus(codes.Error, reason)
}

// spanName turns /identitymesh.secretprovider.v1.SecretValue/Get into
// SecretValue/Get.
func spanName(method string) string {
	if i := strings.LastIndexByte(method, '.'); i >= 0 {
		return method[i+1:]
	}
	return strings.TrimPrefix(method, "/")
}

// outgoing takes the headers of a trace, as key and value in turn. Both carriers
// spare the copy of all headers that every call would pay for.
type outgoing []string

func (o *outgoing) Get(string) string     { return "" }
func (o *outgoing) Set(key, value string) { *o = append(*o, key, value) }
func (o *outgoing) Keys() []string        { return nil }

// incoming looks headers up where gRPC has them.
type incoming struct{ context.Context }

func (i incoming) Get(key string) string {
	if v := metadata.ValueFromIncomingContext(i, key); len(v) > 0 {
		return v[0]
	}
	return ""
}

func (i incoming) Set(string, string) {}
func (i incoming) Keys() []string     { return nil }
