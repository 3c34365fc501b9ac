package telemetry

import (
	"context"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// Keys of log fields. They are part of the product's interface: log searches and
// alerts depend on them.
const (
	KeyTraceID   = "trace_id"
	KeySpanID    = "span_id"
	KeyError     = "error"
	KeyReason    = "reason"
	KeyPlugin    = "plugin"
	KeyVersion   = "version"
	KeyPID       = "pid"
	KeyState     = "state"
	KeyRef       = "ref"
	KeyName      = "name"
	KeyConnector = "connector"
	KeyRun       = "run_id"
	KeyInstance  = "instance"
	KeyPath      = "path"
	KeyDuration  = "duration"
)

// NewLogger returns a logger that writes JSON lines, or text lines for people,
// and adds the ids of the context's span to each. Both forms write a duration
// with its unit, as 1.5s. Every record goes to also too.
func NewLogger(w io.Writer, level slog.Level, text bool, also ...slog.Handler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	var h slog.Handler
	if text {
		h = slog.NewTextHandler(w, options)
	} else {
		options.ReplaceAttr = spellDuration
		h = slog.NewJSONHandler(w, options)
	}
	if len(also) > 0 {
		h = slog.NewMultiHandler(append([]slog.Handler{h}, also...)...)
	}
	return slog.New(traceHandler{h})
}

// spellDuration replaces slog's bare number of nanoseconds, which no reader of a
// log can tell from any other unit.
func spellDuration(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

// traceHandler adds trace and span id to records logged within a span.
type traceHandler struct{ slog.Handler }

func (h traceHandler) Handle(ctx context.Context, r slog.Record) error {
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		r.AddAttrs(slog.String(KeyTraceID, sc.TraceID().String()), slog.String(KeySpanID, sc.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

func (h traceHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return traceHandler{h.Handler.WithAttrs(attrs)}
}

func (h traceHandler) WithGroup(name string) slog.Handler {
	return traceHandler{h.Handler.WithGroup(name)}
}
