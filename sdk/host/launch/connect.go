package launch

import (
	"context"
	"errors"
	"io"
	"os/exec"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/internal/handshake"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// connect lets go-plugin shake hands with the process that run starts in the given
// environment and folder, and returns the connection. Its client is there to be
// ended, whatever the error.
//
// go-plugin would do more: start the process, make keys on P-521, read its stderr
// and end it. Those are ours, see docs/design/0002-plugin-process.md.
func connect(c Config, pair *handshake.Pair, log io.Writer, run func(environment []string, place string) (runner.Runner, error)) (*plugin.Client, *grpc.ClientConn, error) {
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  plugin.HandshakeConfig{MagicCookieKey: contract.CookieKey, MagicCookieValue: contract.CookieValue},
		VersionedPlugins: offer(c.Majors),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		// To which go-plugin adds the certificate of the handshake line, as the only
		// one that is trusted.
		TLSConfig:   pair.Host(),
		SkipHostEnv: true,
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, place string) (runner.Runner, error) {
			return run(spec.Env, place)
		},
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: c.Folder.Path()},
		MinPort:          handshake.MinPort, MaxPort: handshake.MaxPort,
		GRPCDialOptions: dialOptions(c),
		Logger:          hclog.NewNullLogger(),
		// A server of go-plugin puts pipes in the place of its process's own stdout and
		// stderr, and sends here what comes out of them.
		SyncStdout: log, SyncStderr: log,
	})
	protocol, err := client.Client()
	if err != nil {
		return client, nil, err
	}
	connected, ok := protocol.(*plugin.GRPCClient)
	if !ok {
		return client, nil, errors.New("it speaks another protocol than gRPC")
	}
	return client, connected.Conn, nil
}

func dialOptions(c Config) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(contract.MaxMessageBytes), grpc.MaxCallSendMsgSize(contract.MaxMessageBytes)),
		grpc.WithInitialWindowSize(contract.WindowBytes),
		grpc.WithInitialConnWindowSize(contract.WindowBytes),
		grpc.WithIdleTimeout(0),
		// Calls that may be repeated are repeated by their callers, on the next
		// process; gRPC would keep a copy of every request for it.
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithUnaryInterceptor(telemetry.ClientInterceptor(c.Tracer, c.Meter, c.Name)),
		grpc.WithStreamInterceptor(withoutBroker),
	}
}

// withoutBroker keeps go-plugin from opening its broker's stream, over which a
// plugin could make the host remember as many connections as it likes. The
// contract has no use for it.
func withoutBroker(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if method != "/plugin.GRPCStdio/StreamStdio" {
		return nil, status.Error(codes.Unimplemented, "streams are not part of the contract")
	}
	return open(ctx, desc, conn, method, opts...)
}

func offer(majors []int) map[int]plugin.PluginSet {
	offered := map[int]plugin.PluginSet{}
	for _, major := range majors {
		offered[major] = plugin.PluginSet{contract.ServiceSet: &nothing{}}
	}
	return offered
}

// nothing satisfies go-plugin, whose dispensing we do not use: the services are
// opened on the connection itself.
type nothing struct{ plugin.NetRPCUnsupportedPlugin }
