package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traceParent is the header of the W3C trace context.
const traceParent = "traceparent"

// TraceParent returns the context's span as the header traceparent of the W3C
// trace context has it, for work that goes on later or in another process; empty
// when there is none. It is at most 55 bytes long and holds no data.
func TraceParent(ctx context.Context) string {
	c := propagation.MapCarrier{}
	propagator.Inject(ctx, c)
	return c[traceParent]
}

// WithTraceParent returns a context whose spans continue the one that
// [TraceParent] returned. What is no such text has no effect.
func WithTraceParent(ctx context.Context, parent string) context.Context {
	return propagator.Extract(ctx, propagation.MapCarrier{traceParent: parent})
}

// TraceID returns the trace id in what [TraceParent] returned, in hexadecimal
// digits; empty when there is none.
func TraceID(parent string) string {
	if c := trace.SpanContextFromContext(WithTraceParent(context.Background(), parent)); c.HasTraceID() {
		return c.TraceID().String()
	}
	return ""
}
