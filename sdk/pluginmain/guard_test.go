package pluginmain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

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

func newServerForTest(logs *bytes.Buffer) *server {
	return &server{tel: &telemetry.Telemetry{Logger: telemetry.NewLogger(logs, slog.LevelInfo, false), Tracer: tracenoop.NewTracerProvider()}}
}

func TestCallsThatComeWhileThePluginLeavesAreRefusedInPeace(t *testing.T) {
	var logs bytes.Buffer
	s := newServerForTest(&logs)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	call := func(handle grpc.UnaryHandler) { _, _ = s.guard(ctx, nil, &grpc.UnaryServerInfo{Server: s}, handle) }
	under, leave := make(chan struct{}), make(chan struct{})
	go call(func(context.Context, any) (any, error) { close(under); <-leave; return nil, nil })
	<-under
	stopped := make(chan struct{})
	go func() { defer close(stopped); s.stop(5 * time.Second) }()
	late := make(chan struct{})
	go func() {
		defer close(late)
		<-leave
		for range 2000 {
			call(func(context.Context, any) (any, error) { return s.store() })
		}
	}()
	time.Sleep(20 * time.Millisecond)
	close(leave)
	<-stopped
	<-late
}

func TestUntypedErrorIsInThePluginsLogByTypeAlone(t *testing.T) {
	var logs bytes.Buffer
	s := newServerForTest(&logs)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := s.guard(ctx, nil, &grpc.UnaryServerInfo{Server: s, FullMethod: "/x/Get"},
		func(context.Context, any) (any, error) { return nil, fmt.Errorf("open: %w", errors.New("canary-77")) })
	if got := wire.FromError(err); got.Reason != fault.Internal || strings.Contains(got.Error(), "canary") {
		t.Errorf("got %v", got)
	}
	if text := logs.String(); !strings.Contains(text, "*errors.errorString") || !strings.Contains(text, "/x/Get") || strings.Contains(text, "canary") {
		t.Errorf("the log says %q", text)
	}
}
