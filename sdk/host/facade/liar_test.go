package facade_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/test/bufconn"

	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// liar is a plugin that answers whatever the test says, and counts what reaches it.
type liar struct {
	pb.UnimplementedPluginServer
	pb.UnimplementedSecretMetadataServer
	pb.UnimplementedSecretValueServer
	pb.UnimplementedSecretWriteServer

	info      *pb.GetInfoResponse
	configure *pb.ConfigureResponse
	check     *pb.CheckResponse
	describe  *pb.DescribeResponse
	get       *pb.GetResponse
	list      *pb.ListResponse
	versions  *pb.ListVersionsResponse
	set       *pb.SetResponse
	recover   *pb.RecoverResponse
	err       error
	silent    bool
	garble    bool // its answers are bytes that are no message
	headers   bool // sent before the error

	calls atomic.Int32 // but for GetInfo
	read  atomic.Int64 // bytes that the host took from the connection
}

const ref = "secret://a"

var expires = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func honest() *liar {
	l := &liar{
		info:      &pb.GetInfoResponse{Name: "liar", Version: "1.0.0", Capabilities: []pb.Capability{999, 0}},
		configure: &pb.ConfigureResponse{Diagnostics: []*pb.Diagnostic{{Severity: pb.Diagnostic_SEVERITY_WARNING, Path: "Key", Summary: "is odd", Detail: "two\nlines"}}},
		check:     &pb.CheckResponse{Target: "the store", Results: []*pb.CheckResult{{Name: "read", Ok: true}}},
		describe:  &pb.DescribeResponse{Metadata: entry()},
		get:       &pb.GetResponse{Metadata: entry(), Value: []byte("v")},
		list:      &pb.ListResponse{Items: []*pb.Metadata{entry()}},
		versions:  &pb.ListVersionsResponse{Items: []*pb.Metadata{entry()}},
		set:       &pb.SetResponse{Metadata: entry()},
		recover:   &pb.RecoverResponse{Metadata: entry()},
	}
	for c := range pb.Capability_name {
		if c != 0 && c != int32(pb.Capability_CAPABILITY_LIST_COMPLETE) {
			l.info.Capabilities = append(l.info.Capabilities, pb.Capability(c))
		}
	}
	return l
}

func entry() *pb.Metadata {
	return &pb.Metadata{Ref: ref, Name: naming.Name(ref), Version: "1", Tags: map[string]string{"k": "v"}}
}

func answer[T any](ctx context.Context, l *liar, what T) (T, error) {
	l.calls.Add(1)
	if l.silent {
		<-ctx.Done()
		time.Sleep(100 * time.Millisecond) // the host's own clock is first
	}
	if l.headers {
		_ = grpc.SendHeader(ctx, nil)
	}
	return what, l.err
}

func (l *liar) GetInfo(context.Context, *pb.GetInfoRequest) (*pb.GetInfoResponse, error) {
	return l.info, nil
}
func (l *liar) Configure(ctx context.Context, _ *pb.ConfigureRequest) (*pb.ConfigureResponse, error) {
	return answer(ctx, l, l.configure)
}
func (l *liar) Check(ctx context.Context, _ *pb.CheckRequest) (*pb.CheckResponse, error) {
	return answer(ctx, l, l.check)
}
func (l *liar) Drain(ctx context.Context, _ *pb.DrainRequest) (*pb.DrainResponse, error) {
	return answer(ctx, l, &pb.DrainResponse{})
}
func (l *liar) Describe(ctx context.Context, _ *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	return answer(ctx, l, l.describe)
}
func (l *liar) Get(ctx context.Context, _ *pb.GetRequest) (*pb.GetResponse, error) {
	return answer(ctx, l, l.get)
}
func (l *liar) List(ctx context.Context, _ *pb.ListRequest) (*pb.ListResponse, error) {
	return answer(ctx, l, l.list)
}
func (l *liar) ListVersions(ctx context.Context, _ *pb.ListVersionsRequest) (*pb.ListVersionsResponse, error) {
	return answer(ctx, l, l.versions)
}
func (l *liar) Set(ctx context.Context, _ *pb.SetRequest) (*pb.SetResponse, error) {
	return answer(ctx, l, l.set)
}
func (l *liar) Delete(ctx context.Context, _ *pb.DeleteRequest) (*pb.DeleteResponse, error) {
	return answer(ctx, l, &pb.DeleteResponse{})
}
func (l *liar) Recover(ctx context.Context, _ *pb.RecoverRequest) (*pb.RecoverResponse, error) {
	return answer(ctx, l, l.recover)
}
func (l *liar) Purge(ctx context.Context, _ *pb.PurgeRequest) (*pb.PurgeResponse, error) {
	return answer(ctx, l, &pb.PurgeResponse{})
}

func open(t testing.TB, l *liar) (*facade.V1, error) {
	t.Helper()
	listener := bufconn.Listen(1 << 16)
	options := []grpc.ServerOption{grpc.MaxSendMsgSize(128 << 20)}
	if l.garble {
		options = append(options, grpc.ForceServerCodecV2(garbler{encoding.GetCodecV2("proto")}))
	}
	server := grpc.NewServer(options...)
	pb.RegisterPluginServer(server, l)
	pb.RegisterSecretMetadataServer(server, l)
	pb.RegisterSecretValueServer(server, l)
	pb.RegisterSecretWriteServer(server, l)
	go func() { _ = server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///liar", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			c, err := listener.DialContext(ctx)
			return &counted{Conn: c, read: &l.read}, err
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); server.Stop() })
	return facade.OpenV1(deadline(t), conn)
}

// garbler sends bytes that are no message for any answer but that to GetInfo.
type garbler struct{ encoding.CodecV2 }

func (g garbler) Marshal(v any) (mem.BufferSlice, error) {
	if _, info := v.(*pb.GetInfoResponse); info {
		return g.CodecV2.Marshal(v)
	}
	return mem.BufferSlice{mem.SliceBuffer{0xff, 0xff, 0xff}}, nil
}

type counted struct {
	net.Conn
	read *atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.read.Add(int64(n))
	return n, err
}

func opened(t testing.TB, l *liar) *facade.V1 {
	t.Helper()
	f, err := open(t, l)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func deadline(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// calls are all that a facade can be asked; each returns what came, for a look
// whether something came through.
func calls() map[string]func(context.Context, *facade.V1) (any, error) {
	size := provider.ListRequest{Size: 2, Token: "here"}
	return map[string]func(context.Context, *facade.V1) (any, error){
		"Configure":    func(ctx context.Context, f *facade.V1) (any, error) { return f.Configure(ctx, []byte("{}")) },
		"Check":        func(ctx context.Context, f *facade.V1) (any, error) { return f.Check(ctx) },
		"Drain":        func(ctx context.Context, f *facade.V1) (any, error) { return nil, f.Drain(ctx) },
		"Describe":     func(ctx context.Context, f *facade.V1) (any, error) { return f.Describe(ctx, ref) },
		"List":         func(ctx context.Context, f *facade.V1) (any, error) { return f.List(ctx, size) },
		"ListVersions": func(ctx context.Context, f *facade.V1) (any, error) { return f.ListVersions(ctx, ref, size) },
		"Get":          func(ctx context.Context, f *facade.V1) (any, error) { return f.Get(ctx, ref, "1") },
		"Set": func(ctx context.Context, f *facade.V1) (any, error) {
			return f.Set(ctx, provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte("v"))})
		},
		"Delete":  func(ctx context.Context, f *facade.V1) (any, error) { return nil, f.Delete(ctx, ref) },
		"Recover": func(ctx context.Context, f *facade.V1) (any, error) { return f.Recover(ctx, ref) },
		"Purge":   func(ctx context.Context, f *facade.V1) (any, error) { return nil, f.Purge(ctx, ref) },
	}
}
