package persona

import (
	"context"
	"os"
	"strconv"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/naming"
)

// scene is one call, with the good plugin behind it.
type scene struct {
	context.Context
	good any
}

func (s scene) get(ref, version string) (*pb.GetResponse, error) {
	return s.good.(pb.SecretValueServer).Get(s, &pb.GetRequest{Ref: ref, Version: version})
}

func (s scene) describe(ref string) (*pb.DescribeResponse, error) {
	return s.good.(pb.SecretMetadataServer).Describe(s, &pb.DescribeRequest{Ref: ref})
}

// versions returns up to 100 versions, the newest first.
func (s scene) versions(ref string) []*pb.Metadata {
	page, err := s.good.(pb.SecretMetadataServer).ListVersions(s, &pb.ListVersionsRequest{Ref: ref, PageSize: 100})
	if err != nil {
		return nil
	}
	return page.GetItems()
}

func (s scene) set(ref string, value []byte) (*pb.SetResponse, error) {
	return s.good.(pb.SecretWriteServer).Set(s, &pb.SetRequest{Ref: ref, Value: append([]byte{}, value...)})
}

func (s scene) delete(ref string) error {
	_, err := s.good.(pb.SecretWriteServer).Delete(s, &pb.DeleteRequest{Ref: ref})
	return err
}

func (s scene) purge(ref string) error {
	_, err := s.good.(pb.SecretWriteServer).Purge(s, &pb.PurgeRequest{Ref: ref})
	return err
}

// statuses turns the faults of calls that a persona makes to the good plugin
// itself into what travels.
func statuses(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	got, err := handle(ctx, req)
	if _, travels := status.FromError(err); err != nil && !travels {
		err = wire.ToStatus(err).Err()
	}
	return got, err
}

// ownPID answers for the ref [PID].
func ownPID(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if get, ok := req.(*pb.GetRequest); ok && get.GetRef() == PID {
		m := &pb.Metadata{Ref: PID, Name: naming.Name(PID), Version: "1"}
		return &pb.GetResponse{Metadata: m, Value: []byte(strconv.Itoa(os.Getpid()))}, nil
	}
	return handle(ctx, req)
}

// afterConfigure calls do once, when Configure has found no error.
func afterConfigure(do func()) grpc.UnaryServerInterceptor {
	var once sync.Once
	return answer(func(resp *pb.ConfigureResponse) {
		for _, d := range resp.GetDiagnostics() {
			if d.GetSeverity() != pb.Diagnostic_SEVERITY_WARNING {
				return
			}
		}
		once.Do(func() { go do() })
	})
}
