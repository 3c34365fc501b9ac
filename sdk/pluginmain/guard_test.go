package pluginmain

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Every public way to a plugin sets a deadline, so this one test is inside.
func TestCallWithoutADeadlineIsRefused(t *testing.T) {
	s := &server{tel: &telemetry.Telemetry{Logger: slog.New(slog.DiscardHandler), Tracer: tracenoop.NewTracerProvider()}}
	called := false
	_, err := s.guard(context.Background(), nil, &grpc.UnaryServerInfo{Server: s, FullMethod: "/x/Get"},
		func(context.Context, any) (any, error) { called = true; return nil, nil })
	if called || err == nil {
		t.Fatalf("the call went through: %v", err)
	}
	if got := wire.FromError(err); got.Source != fault.SourceHost || !strings.Contains(got.Message, "deadline") {
		t.Errorf("got %v", got)
	}
}
