package facade

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/contract/rules"
)

// DialOptions are what a connection to a plugin needs for its facade to tell an
// answer that nobody can take, because it is too large or no message, from one
// that the plugin meant. They set the contract's limit of a message: of a larger
// one no more than a window is ever read.
func DialOptions() []grpc.DialOption {
	limits := []grpc.CallOption{
		grpc.MaxCallRecvMsgSize(contract.MaxMessageBytes), grpc.MaxCallSendMsgSize(contract.MaxMessageBytes),
	}
	unary := &grpc.StreamDesc{}
	// This is what gRPC does for a unary call, with the stream in hand. The limits
	// are no default call options, which would be copied twice for each call.
	invoke := func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, _ grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		stream, err := conn.NewStream(ctx, unary, method, append(opts[:len(opts):len(opts)], limits...)...)
		if err != nil {
			return err
		}
		if err := stream.SendMsg(req); err != nil {
			return err
		}
		if err := stream.RecvMsg(reply); err != nil {
			return judge(stream, err)
		}
		return nil
	}
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(invoke)}
}

// unreadable is an answer that gRPC gave up on.
type unreadable struct {
	rule   rules.Rule
	status *status.Status
}

func (u *unreadable) Error() string              { return u.status.Message() }
func (u *unreadable) GRPCStatus() *status.Status { return u.status }

// judge finds out who made the status of a failed call. gRPC makes one of its own
// for an answer that it does not take, and nothing in it says so; but then the
// headers of an answer have come, and a server that refuses a call sends none
// before its status. A status with our detail is the plugin's in any case.
func judge(stream grpc.ClientStream, err error) error {
	s := status.Convert(err)
	rule := rules.None
	switch s.Code() {
	case codes.ResourceExhausted:
		rule = rules.MessageTooLarge
	case codes.Internal:
		rule = rules.MessageUnreadable
	default:
		return err
	}
	if len(s.Proto().GetDetails()) > 0 {
		return err
	}
	if header, _ := stream.Header(); header == nil {
		return err
	}
	return &unreadable{rule, status.New(codes.Internal, rule.String())}
}
