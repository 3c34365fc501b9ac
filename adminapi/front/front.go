// Package front stands before everything the Admin API serves. Each request
// passes it: it gets an id, a span and a line in the log, its host, origin and
// size are checked, what is below /api needs a sign-in, and an unknown path or
// method gets a problem like every other error.
//
// The operations are package api's, the pages package web's. Start reading at
// [New].
package front

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// MaxBodyBytes is the largest body of a request: a value of 1 MiB in Base64 and
// what goes with it.
const MaxBodyBytes = 2 << 20

// RequestIDHeader carries a request's id in both directions.
const RequestIDHeader = "X-Request-Id"

// Config of the front.
type Config struct {
	// Mux has all routes.
	Mux *http.ServeMux
	// SignIn passes on only requests of signed-in operators.
	SignIn func(http.Handler) http.Handler
	// Public are the patterns below /api, as in the mux, that need no sign-in.
	Public []string
	// Done, when not nil, is told of each request that was answered; route is the
	// pattern in the mux that it matched, empty for none.
	Done func(ctx context.Context, method, route string, status int, took time.Duration)
	// Listen is host:port as configured; its host is one that requests may name.
	Listen string
	// Hosts are further ones, in lower case and without a port. Vouches, when not nil,
	// says that the server's certificate is for a name.
	Hosts   []string
	Vouches func(name string) bool
	// TrustedProxies may say in X-Forwarded-For for whom they ask. The address that
	// they name is what all others find in the request.
	TrustedProxies []netip.Prefix
	Logger         *slog.Logger
	Tracer         trace.TracerProvider
	Now            func() time.Time
	NewID          func() string
}

type front struct {
	Config
	tracer trace.Tracer
	inner  http.Handler
}

// New returns the handler of the whole server.
func New(c Config) http.Handler {
	f := &front{Config: c, tracer: c.Tracer.Tracer("github.com/identitymesh/identitymesh/adminapi")}
	routed := http.HandlerFunc(f.route)
	signedIn := c.SignIn(routed)
	f.inner = f.guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := f.Mux.Handler(r); guarded(r) && !slices.Contains(f.Public, pattern) {
			signedIn.ServeHTTP(w, r)
			return
		}
		routed.ServeHTTP(w, r)
	}))
	return f
}

func underAPI(r *http.Request) bool {
	return r.URL.Path == "/api" || strings.HasPrefix(r.URL.Path, "/api/")
}

// guarded reports whether a request needs a sign-in, unless its route is public.
func guarded(r *http.Request) bool { return underAPI(r) || r.URL.Path == "/metrics" }

var acceptableID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// ServeHTTP gives the request its id, span and log line, which never hold more of
// the URL than the route.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := f.Now()
	r = f.fromClient(r)
	_, pattern := f.Mux.Handler(r)
	route := pattern[strings.Index(pattern, " ")+1:] // without the method
	ctx, span := f.tracer.Start(r.Context(), strings.TrimSpace(method(r)+" "+route),
		trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("http.request.method", method(r)), attribute.String("http.route", route)))
	defer span.End()
	id := f.requestID(r, span)
	span.SetAttributes(attribute.String("identitymesh.request.id", id))
	w.Header().Set(RequestIDHeader, id)
	ctx = problem.WithRequestID(ctx, id)
	answer := &observed{ResponseWriter: w}
	defer func() {
		status := answer.status
		if status == 0 {
			status = http.StatusOK
		}
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if f.Done != nil {
			f.Done(ctx, method(r), route, status, f.Now().Sub(begin))
		}
		level := slog.LevelInfo
		if status >= 500 {
			level = slog.LevelWarn
			span.SetStatus(codes.Error, http.StatusText(status))
		} else if !underAPI(r) {
			level = slog.LevelDebug
		}
		f.Logger.Log(ctx, level, "request", "method", method(r), "route", route, "status", status,
			telemetry.KeyDuration, f.Now().Sub(begin), "request_id", id, "remote", r.RemoteAddr)
	}()
	r = r.WithContext(ctx)
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p == http.ErrAbortHandler { // what was answered so far must not look whole
			panic(p)
		}
		// The text of a panic could hold anything, a value too.
		f.Logger.ErrorContext(ctx, "a request panicked", "request_id", id, "stack", string(debug.Stack()))
		if answer.status == 0 {
			problem.Write(answer, r, problem.New(http.StatusInternalServerError, "internal", "A defect of the Admin API; its log has the details."))
		}
	}()
	f.inner.ServeHTTP(answer, r)
}

// requestID returns the id that the request brought along, else that of its trace,
// so that one id finds it in the log, in the audit log and in the trace.
func (f *front) requestID(r *http.Request, span trace.Span) string {
	if id := r.Header.Get(RequestIDHeader); acceptableID.MatchString(id) {
		return id
	}
	if id := span.SpanContext().TraceID(); id.IsValid() {
		return id.String()
	}
	return f.NewID()
}

// method returns the method if it is a usual one; others are free text.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "_OTHER"
}

// observed notes the status of an answer.
type observed struct {
	http.ResponseWriter
	status int
}

func (o *observed) WriteHeader(status int) {
	if o.status == 0 {
		o.status = status
	}
	o.ResponseWriter.WriteHeader(status)
}

func (o *observed) Write(b []byte) (int, error) {
	if o.status == 0 {
		o.status = http.StatusOK
	}
	return o.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController find the connection.
func (o *observed) Unwrap() http.ResponseWriter { return o.ResponseWriter }
