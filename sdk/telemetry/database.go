package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Attributes of a database call, as OpenTelemetry's semantic conventions name
// them.
const (
	attrDBSystem     = attribute.Key("db.system.name")
	attrDBOperation  = attribute.Key("db.operation.name")
	attrDBCollection = attribute.Key("db.collection.name")
)

// Database makes a span for an operation on a table within the context's span.
// Call end with the outcome, whose text stays out of the span. Without a span that
// is recorded it does nothing: a poll of a table is no trace of its own.
//
// system is a value of db.system.name, such as sqlite or microsoft.sql_server.
func Database(ctx context.Context, tracer trace.Tracer, system, operation, table string) (_ context.Context, end func(error)) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, func(error) {}
	}
	ctx, span := tracer.Start(ctx, operation+" "+table, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attrDBSystem.String(system), attrDBOperation.String(operation), attrDBCollection.String(table)))
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}
