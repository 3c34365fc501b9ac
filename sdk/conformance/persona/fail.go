package persona

import (
	"context"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"

	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
)

// refused makes an interceptor that alters the detail of failed calls, and the
// status around it.
func refused(alter func(s *status.Status, f *pb.Fault) *status.Status) part {
	return part{call: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		resp, err := handle(ctx, req)
		if err == nil {
			return resp, nil
		}
		s := status.Convert(err)
		for _, d := range s.Details() {
			if f, ok := d.(*pb.Fault); ok {
				return nil, alter(s, f).Err()
			}
		}
		return nil, err
	}}
}

// with makes a status with one detail.
func with(code codes.Code, text string, detail proto.Message) *status.Status {
	s, err := status.New(code, text).WithDetails(protoadapt.MessageV1Of(detail))
	if err != nil {
		return status.New(codes.Internal, "the detail could not be made")
	}
	return s
}

// failers fail in the wrong way, or serve where they should fail.
func failers() []Persona {
	return []Persona{
		{Name: "wrong-code", About: "Sends reasons with a code that is not theirs.",
			Breaks: []string{"reason-travels-with-its-code"},
			part: refused(func(s *status.Status, f *pb.Fault) *status.Status {
				return with(codes.Unknown, s.Message(), f)
			})},
		{Name: "wordless", About: "Fails without a word.",
			Breaks: []string{"message-keeps-the-words-of-the-backend", "refusal-names-what-to-do"},
			part: refused(func(s *status.Status, f *pb.Fault) *status.Status {
				f.Message = ""
				return with(s.Code(), "", f)
			})},
		{Name: "untyped", About: "Fails every call in the same words, without a reason.",
			part: refused(func(*status.Status, *pb.Fault) *status.Status {
				return status.New(codes.Unknown, "an error occurred")
			})},
		{Name: "quotes-value", About: "Quotes the value in the text of a Set that it refuses.",
			Breaks: []string{"error-holds-no-value"},
			part: onSet(func(_ scene, req *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
				quote := tagText(req.GetValue())
				resp, err := next()
				if f := wire.FromError(err); f != nil {
					f.Message += ": " + quote
					err = f
				}
				return resp, err
			})},
		{Name: "blames-itself", About: "Says that it is itself away when its store is.",
			Breaks: []string{"unreachable-backend-has-the-source-backend"},
			part: refused(func(s *status.Status, f *pb.Fault) *status.Status {
				if f.Source == pb.Source_SOURCE_BACKEND {
					f.Source = pb.Source_SOURCE_PLUGIN
				}
				return with(s.Code(), s.Message(), f)
			})},
		{Name: "no-deadline", About: "Serves calls without a deadline.",
			Breaks: []string{"every-call-has-a-deadline"},
			part: part{call: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
				ctx, cancel := context.WithTimeout(ctx, time.Hour)
				defer cancel()
				return handle(ctx, req)
			}}},
		{Name: "dies-without-deadline", About: "Ends its process when a call has no deadline.",
			Breaks: []string{"every-call-has-a-deadline", "defect-ends-the-call-and-not-the-process"},
			part: part{call: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
				if _, has := ctx.Deadline(); !has {
					os.Exit(12)
				}
				return handle(ctx, req)
			}}},
		{Name: "one-at-a-time", About: "Serves one call after the other, and takes a while for each.",
			Breaks: []string{"calls-come-concurrently", "running-plugin-answers-getinfo"}, part: oneAtATime()},
		{Name: "late", About: "Answers the trigger a minute after it was asked, whatever the deadline.",
			part: part{call: on(func(_ scene, req *pb.GetRequest, next func() (*pb.GetResponse, error)) (*pb.GetResponse, error) {
				if req.GetRef() == Trigger {
					time.Sleep(time.Minute)
				}
				return next()
			})}},
		{Name: "keeps-its-lock", About: "Never gives back the lock of a secret whose Set was given up by its caller.",
			Breaks: []string{"plugin-gives-up-with-its-caller"}, part: keepsItsLock()},
		{Name: "small-messages", About: "Takes messages of up to 1 MiB and a little more.",
			Breaks: []string{"messages-are-within-four-mebibytes"},
			part: part{call: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
				if m, ok := req.(proto.Message); ok && proto.Size(m) > 2<<20 {
					return nil, status.Error(codes.ResourceExhausted, "received message larger than max")
				}
				return handle(ctx, req)
			}}},
	}
}

// oneAtATime holds a lock over each call, so that a slow one holds up the others.
func oneAtATime() part {
	var mu sync.Mutex
	return part{call: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		mu.Lock()
		defer mu.Unlock()
		if _, reads := req.(*pb.GetRequest); reads {
			time.Sleep(2 * moment)
		}
		return handle(ctx, req)
	}}
}

// keepsItsLock locks each secret for its writers.
func keepsItsLock() part {
	var locks sync.Map // ref to a channel with room for the one who holds it
	return onSet(func(s scene, req *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
		lock, _ := locks.LoadOrStore(req.GetRef(), make(chan struct{}, 1))
		select {
		case lock.(chan struct{}) <- struct{}{}:
		case <-s.Done():
			return nil, s.Err()
		}
		resp, err := next()
		if s.Err() == nil {
			<-lock.(chan struct{})
		}
		return resp, err
	})
}
