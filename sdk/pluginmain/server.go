package pluginmain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// server carries one plugin's provider across gRPC. It is made once a process
// and serves calls concurrently.
type server struct {
	pb.UnimplementedPluginServer
	pb.UnimplementedSecretMetadataServer
	pb.UnimplementedSecretValueServer
	pb.UnimplementedSecretWriteServer

	info   *pb.GetInfoResponse
	limits provider.Limits
	open   func(context.Context, provider.Environment) (provider.Provider, diag.List) // nil with errors
	tel    *telemetry.Telemetry
	// listsAll: LIST_COMPLETE is claimed.
	listsAll bool

	mu       sync.RWMutex
	provider provider.Provider // nil until configured, and again when closed
	draining bool
	grpc     *grpc.Server

	calls sync.WaitGroup // of ours, under way; only [server.count] adds
}

// newServer wires a definition to the services.
func newServer[P provider.Provider](def provider.Definition[P], tel *telemetry.Telemetry) *server {
	return &server{
		info:   describe(def),
		limits: withDefaults(def.Limits),
		tel:    tel,
		open: func(ctx context.Context, env provider.Environment) (provider.Provider, diag.List) {
			p, problems := def.Configure(ctx, env)
			if problems.HasErrors() {
				discard(p)
				return nil, problems
			}
			return p, problems
		},
		listsAll: def.Traits.ListComplete,
	}
}

// Server is a plugin's services without a process around them, for tests that
// run a provider in process.
type Server struct{ server *server }

// NewServer returns the services of def.
func NewServer[P provider.Provider](def provider.Definition[P], tel *telemetry.Telemetry) *Server {
	return &Server{newServer(def, tel)}
}

// GRPC returns a gRPC server that behaves as the plugin's process does. Transport
// security, and whatever a test wants to stand before the services, are in
// options.
func (s *Server) GRPC(options ...grpc.ServerOption) *grpc.Server {
	g := s.server.newGRPC(options)
	s.server.register(g)
	return g
}

// Close releases the provider.
func (s *Server) Close() { s.server.close() }

// streamWorkers are goroutines that stay and serve calls, because a new one grows
// its stack for each. A burst finds one for each of its calls; more calls than
// these at once get goroutines of their own.
const streamWorkers = 64

func (s *server) newGRPC(options []grpc.ServerOption) *grpc.Server {
	g := grpc.NewServer(append(options,
		grpc.MaxRecvMsgSize(contract.MaxMessageBytes),
		grpc.MaxSendMsgSize(contract.MaxMessageBytes),
		grpc.InitialWindowSize(contract.WindowBytes),
		grpc.InitialConnWindowSize(contract.WindowBytes),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.ChainUnaryInterceptor(telemetry.ServerInterceptor(s.tel.Tracer), s.guard),
	)...)
	s.mu.Lock()
	s.grpc = g
	s.mu.Unlock()
	return g
}

func (s *server) register(r grpc.ServiceRegistrar) {
	pb.RegisterPluginServer(r, s)
	pb.RegisterSecretMetadataServer(r, s)
	pb.RegisterSecretValueServer(r, s)
	pb.RegisterSecretWriteServer(r, s)
}

// guard stands around every call: it insists on a deadline, logs the outcome
// without any payload, turns errors into statuses, and a panic into INTERNAL
// with the details in the log only.
func (s *server) guard(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (answer any, err error) {
	if _, ours := info.Server.(*server); !ours {
		return handle(ctx, req) // go-plugin's own services
	}
	defer s.count()()
	start := time.Now()
	defer func() {
		if p := recover(); p != nil {
			// The panic's text could quote a value, the stack cannot.
			s.tel.Logger.ErrorContext(ctx, "call panicked", "method", info.FullMethod, "stack", string(debug.Stack()))
			err = fault.New(fault.Internal, fault.SourcePlugin, "the plugin panicked; its log has the stack")
		}
		if err != nil {
			if untyped := (*fault.Error)(nil); !errors.As(err, &untyped) && ctx.Err() == nil {
				s.tel.Logger.ErrorContext(ctx, "call failed with an error that is no fault", "method", info.FullMethod, "types", types(err))
			}
			status := wire.ToStatus(err)
			s.tel.Logger.DebugContext(ctx, "call failed", "method", info.FullMethod,
				telemetry.KeyReason, fault.Of(wire.FromError(status.Err())).String(), telemetry.KeyDuration, time.Since(start))
			answer, err = nil, status.Err()
		}
	}()
	if _, has := ctx.Deadline(); !has {
		return nil, fault.New(fault.Internal, fault.SourceHost, "the call has no deadline; the contract requires one")
	}
	return handle(ctx, req)
}

// count counts a call for as long as it lasts. One that comes while the plugin
// drains is not waited for; it will be refused.
func (s *server) count() (done func()) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.draining {
		return func() {}
	}
	s.calls.Add(1)
	return s.calls.Done
}

// types names what err is made of, outermost first, because nobody vouches for
// its text.
func types(err error) string {
	var names []string
	for ; err != nil; err = errors.Unwrap(err) {
		names = append(names, fmt.Sprintf("%T", err))
	}
	return strings.Join(names, ": ")
}

// store returns the configured provider, or why there is none.
func (s *server) store() (provider.Provider, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case s.draining:
		return nil, fault.New(fault.Unavailable, fault.SourcePlugin, "the plugin is draining and takes no new calls")
	case s.provider == nil:
		return nil, fault.New(fault.ConfigInvalid, fault.SourceHost, "the plugin has not been configured")
	}
	return s.provider, nil
}

// discard closes what a refused Open returned all the same; mostly that is
// nothing, as a nil pointer.
func discard(p provider.Provider) {
	if c, ok := p.(io.Closer); ok && !reflect.ValueOf(p).IsZero() {
		_ = c.Close() // it was never in use; the problems say more
	}
}

// close releases the provider once.
func (s *server) close() {
	s.mu.Lock()
	p := s.provider
	s.provider, s.draining = nil, true
	s.mu.Unlock()
	if c, ok := p.(io.Closer); ok {
		if err := c.Close(); err != nil {
			s.tel.Logger.Warn("closing the provider failed", slog.String(telemetry.KeyReason, fault.Of(err).String()))
		}
	}
}

// stop refuses new calls, lets those under way finish for at most limit, and
// ends the gRPC server. Its own graceful stop would wait for go-plugin's
// streams, which last as long as the host.
func (s *server) stop(limit time.Duration) {
	s.mu.Lock()
	s.draining = true
	g := s.grpc
	s.mu.Unlock()
	finished := make(chan struct{})
	go func() { defer close(finished); s.calls.Wait() }()
	select {
	case <-finished:
	case <-time.After(limit):
	}
	if g != nil {
		g.Stop()
	}
}
