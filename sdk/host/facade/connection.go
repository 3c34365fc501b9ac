package facade

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/contract/rules"
)

// connection sets the contract's limit of a message, of which no more than a
// window is read when it is larger, and tells an answer that nobody can take,
// because it is too large or no message, from one that the plugin meant.
type connection struct {
	grpc.ClientConnInterface
	receive, send grpc.CallOption
}

func limited(conn grpc.ClientConnInterface) connection {
	return connection{conn, grpc.MaxCallRecvMsgSize(contract.MaxMessageBytes), grpc.MaxCallSendMsgSize(contract.MaxMessageBytes)}
}

// Invoke is a unary call. The limits are no default options of the connection,
// because joining those with the others costs an allocation for each call.
func (c connection) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	var header metadata.MD
	opts = append(opts[:len(opts):len(opts)], c.receive, c.send, grpc.Header(&header))
	err := c.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
	if err == nil || header == nil {
		return err
	}
	return judge(err)
}

// unreadable is an answer that gRPC gave up on.
type unreadable struct {
	rule   rules.Rule
	status *status.Status
}

func (u *unreadable) Error() string              { return u.status.Message() }
func (u *unreadable) GRPCStatus() *status.Status { return u.status }

// judge finds out who made the status of a call that failed after the headers of
// an answer had come. gRPC makes one of its own for an answer that it does not
// take, and nothing in it says so; but a server that refuses a call sends no
// headers before its status. A status with our detail is the plugin's in any case.
func judge(err error) error {
	s := status.Convert(err)
	rule := rules.None
	switch s.Code() {
	case codes.ResourceExhausted:
		rule = rules.MessageTooLarge
	case codes.Internal:
		rule = rules.MessageUnreadable
	}
	if rule == rules.None || len(s.Proto().GetDetails()) > 0 {
		return err
	}
	return &unreadable{rule, status.New(codes.Internal, rule.String())}
}
