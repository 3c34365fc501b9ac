package launch

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/internal/handshake"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// connect returns a connection to the address of the handshake line, which is dialled
// with the first call.
func connect(c Config, config *tls.Config, line handshake.Line) (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient("passthrough:///"+config.ServerName,
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, line.Network, line.Address)
		}),
		grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithInitialWindowSize(contract.WindowBytes),
		grpc.WithInitialConnWindowSize(contract.WindowBytes),
		grpc.WithSharedWriteBuffer(true),
		grpc.WithIdleTimeout(0),
		// Calls that may be repeated are repeated by their callers, on the next
		// process; gRPC would keep a copy of every request for it.
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithUnaryInterceptor(telemetry.ClientInterceptor(c.Tracer, c.Meter, c.Name)),
	)
	if err != nil {
		return nil, fmt.Errorf("prepare the connection to the plugin: %w", err)
	}
	return conn, nil
}

// readStdio copies what a server of go-plugin has to say into log until the
// connection ends: such a server puts a pipe in the place of its process's own
// stdout and stderr, which blocks the plugin once it is full. Other plugins do
// not implement the call, which ends it at once.
func readStdio(conn *grpc.ClientConn, log io.Writer) {
	// It lasts as long as the connection, whose end cancels it.
	stream, err := conn.NewStream(context.Background(), &grpc.StreamDesc{ServerStreams: true},
		"/plugin.GRPCStdio/StreamStdio", grpc.ForceCodecV2(rawCodec{}))
	if err != nil || stream.SendMsg(&raw{}) != nil || stream.CloseSend() != nil {
		return
	}
	for {
		var message raw
		if stream.RecvMsg(&message) != nil {
			return
		}
		_, _ = log.Write(stdioData(message.bytes))
	}
}

// stdioData is the field data of go-plugin's message StdioData; the other one
// says from which of the two it comes, which a log does not care about.
func stdioData(message []byte) []byte {
	const data = 2
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil
		}
		message = message[n:]
		if number == data && kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message)
			return value
		}
		if n = protowire.ConsumeFieldValue(number, kind, message); n < 0 {
			return nil
		}
		message = message[n:]
	}
	return nil
}

// raw is a message that is not decoded, and rawCodec carries it.
type raw struct{ bytes []byte }

type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.(*raw).bytes)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	v.(*raw).bytes = data.Materialize()
	return nil
}
