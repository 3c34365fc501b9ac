// Package bareplugin is go-plugin with nothing of ours: a plugin with one unary
// call and a host that starts it as go-plugin's documentation has it, with
// AutoMTLS and SecureConfig. The benchmark of starts holds our plugins against it.
// Start reading at [Start].
package bareplugin

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os/exec"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	service = "bench.Plugin"
	call    = "Name"
)

func handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "BENCH_PLUGIN", MagicCookieValue: "bare"}
}

// Serve is the plugin's main.
func Serve() {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: handshake(),
		Plugins:         plugin.PluginSet{service: names{}},
		GRPCServer:      plugin.DefaultGRPCServer,
		Logger:          hclog.NewNullLogger(),
	})
}

// Start starts the file at path, whose SHA-256 is sum, and returns when it has
// answered a call.
func Start(ctx context.Context, path string, sum []byte) (stop func(), err error) {
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: handshake(),
		Plugins:         plugin.PluginSet{service: names{}},
		Cmd:             exec.Command(path), Managed: false,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		SecureConfig:     &plugin.SecureConfig{Checksum: sum, Hash: sha256.New()},
		Logger:           hclog.NewNullLogger(),
	})
	protocol, err := client.Client()
	if err == nil {
		var answer wrapperspb.StringValue
		err = protocol.(*plugin.GRPCClient).Conn.Invoke(ctx, "/"+service+"/"+call, wrapperspb.String(""), &answer)
	}
	if err != nil {
		client.Kill()
		return nil, fmt.Errorf("start the bare plugin: %w", err)
	}
	return client.Kill, nil
}

// names answers the call.
type names struct{ plugin.NetRPCUnsupportedPlugin }

func (names) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: service, HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: call, Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			return wrapperspb.String("bare"), decode(&wrapperspb.StringValue{})
		}}},
	}, nil)
	return nil
}

func (names) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}
