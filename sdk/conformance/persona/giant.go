package persona

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // the answer of inflating travels as a few kilobytes
	"google.golang.org/grpc/status"

	"github.com/identitymesh/identitymesh/sdk/contract"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/naming"
)

// hugeBytes is the size of an answer of a giant.
const hugeBytes = 64 << 20

// giants answer more than a message may hold. The SDK would not let them, so they
// do without.
func giants() []Persona {
	bare := func(g giant) part {
		return part{bare: func(s *grpc.Server) {
			pb.RegisterPluginServer(s, &g)
			pb.RegisterSecretMetadataServer(s, &g)
			pb.RegisterSecretValueServer(s, &g)
		}}
	}
	return []Persona{
		{Name: "huge-info", About: "Answers GetInfo with 64 MiB.", part: bare(giant{info: true})},
		{Name: "huge-get", About: "Answers Get with 64 MiB.",
			part: bare(giant{get: true})},
		{Name: "huge-list", About: "Answers List with 64 MiB.",
			part: bare(giant{list: true})},
		{Name: "inflating", About: "Answers Get with 64 MiB that travel as a few kilobytes.",
			part: bare(giant{get: true, squeezed: true})},
		{Name: "huge-error", About: "Fails Get with a text of 1 MiB.", part: bare(giant{fail: true})},
	}
}

// giant is a plugin with an empty store and one huge answer.
type giant struct {
	pb.UnimplementedPluginServer
	pb.UnimplementedSecretMetadataServer
	pb.UnimplementedSecretValueServer
	info, get, list, fail, squeezed bool
}

func (g *giant) GetInfo(context.Context, *pb.GetInfoRequest) (*pb.GetInfoResponse, error) {
	info := &pb.GetInfoResponse{Name: "persona", Version: version, Capabilities: []pb.Capability{pb.Capability_CAPABILITY_LIST}}
	if g.info {
		info.Commit = strings.Repeat("c", hugeBytes)
	}
	return info, nil
}

func (g *giant) Configure(context.Context, *pb.ConfigureRequest) (*pb.ConfigureResponse, error) {
	return &pb.ConfigureResponse{}, nil
}

func (g *giant) Check(context.Context, *pb.CheckRequest) (*pb.CheckResponse, error) {
	return &pb.CheckResponse{Target: "nothing"}, nil
}

func (g *giant) Drain(context.Context, *pb.DrainRequest) (*pb.DrainResponse, error) {
	return &pb.DrainResponse{}, nil
}

func (g *giant) Describe(_ context.Context, req *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	return nil, status.Error(codes.NotFound, "nothing is here")
}

func (g *giant) List(context.Context, *pb.ListRequest) (*pb.ListResponse, error) {
	if !g.list {
		return &pb.ListResponse{}, nil
	}
	item := &pb.Metadata{Name: strings.Repeat("n", contract.MaxNameBytes), Version: "1"}
	resp := &pb.ListResponse{}
	for range hugeBytes / contract.MaxNameBytes {
		resp.Items = append(resp.Items, item)
	}
	return resp, nil
}

func (g *giant) Get(ctx context.Context, req *pb.GetRequest) (*pb.GetResponse, error) {
	switch {
	case g.fail:
		return nil, status.Error(codes.Internal, strings.Repeat("sorry ", 1<<20/6))
	case !g.get:
		return nil, status.Error(codes.NotFound, "nothing is here")
	}
	if g.squeezed {
		if err := grpc.SetSendCompressor(ctx, "gzip"); err != nil {
			return nil, err
		}
	}
	m := &pb.Metadata{Ref: req.GetRef(), Name: naming.Name(req.GetRef()), Version: "1"}
	return &pb.GetResponse{Metadata: m, Value: make([]byte, hugeBytes)}, nil
}
