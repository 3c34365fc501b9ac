package persona

import (
	"context"
	"os"

	"google.golang.org/grpc"

	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/template/filestore"
)

// part is how a persona departs from the good plugin. What is not set is as in
// the good one.
type part struct {
	// first runs before anything else.
	first func(*stage)
	// door changes how the process shakes hands.
	door func(*door)
	// define changes what the plugin says of itself.
	define func(*provider.Definition[*filestore.Store])
	// call stands before every call.
	call grpc.UnaryServerInterceptor
	// configured runs in a goroutine of its own once Configure went well.
	configured func(*stage)
	// bare serves in the place of the good plugin's services, without the SDK.
	bare func(*grpc.Server)
	// stays is true when the end of stdin is ignored.
	stays bool
	// shameless is true when a missing cookie is ignored.
	shameless bool
}

// stage is the process that a persona plays in.
type stage struct {
	stdout, stderr *os.File
}

// on makes an interceptor for the one call whose request is a Req. It decides
// what becomes of the call; next is the good plugin's conduct.
func on[Req, Resp any](do func(c scene, req *Req, next func() (*Resp, error)) (*Resp, error)) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		mine, ok := req.(*Req)
		if !ok {
			return handle(ctx, req)
		}
		return do(scene{Context: ctx, good: info.Server}, mine, func() (*Resp, error) {
			got, err := handle(ctx, mine)
			resp, _ := got.(*Resp)
			return resp, err
		})
	}
}

// answer makes an interceptor that alters the successful answers of a Resp.
func answer[Resp any](alter func(*Resp)) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		got, err := handle(ctx, req)
		if resp, ok := got.(*Resp); ok && err == nil {
			alter(resp)
		}
		return got, err
	}
}

// both makes one interceptor of two, the first around the second.
func both(outer, inner grpc.UnaryServerInterceptor) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		return outer(ctx, req, info, func(ctx context.Context, req any) (any, error) {
			return inner(ctx, req, info, handle)
		})
	}
}
