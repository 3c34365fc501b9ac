// Package wire is the one codec between [fault.Error] and gRPC status. Both
// sides of the plugin boundary use it, so that an outcome reads the same on
// each. Start reading at [ToStatus] and [FromError].
package wire

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
)

// maxShort limits the request id and the config path.
const maxShort = 256

// codeOf says with which gRPC code a reason travels.
var codeOf = map[fault.Reason]codes.Code{
	fault.NotFound: codes.NotFound, fault.Deleted: codes.NotFound,
	fault.Disabled: codes.FailedPrecondition, fault.Expired: codes.FailedPrecondition,
	fault.NotYetValid:  codes.FailedPrecondition,
	fault.AccessDenied: codes.PermissionDenied, fault.AuthFailed: codes.Unauthenticated,
	fault.Throttled: codes.ResourceExhausted, fault.Unavailable: codes.Unavailable,
	fault.Timeout:       codes.DeadlineExceeded,
	fault.Undecryptable: codes.DataLoss, fault.Corrupt: codes.DataLoss,
	fault.VersionConflict: codes.Aborted, fault.AlreadyExists: codes.AlreadyExists,
	fault.InvalidRef: codes.InvalidArgument, fault.TooLarge: codes.InvalidArgument,
	fault.ConfigInvalid: codes.InvalidArgument,
	fault.Unsupported:   codes.Unimplemented, fault.Internal: codes.Internal,
	fault.Cancelled: codes.Canceled,
}

// reasonOf is how a status without our detail is understood.
var reasonOf = map[codes.Code]fault.Reason{
	codes.NotFound: fault.NotFound, codes.FailedPrecondition: fault.Disabled,
	codes.PermissionDenied: fault.AccessDenied, codes.Unauthenticated: fault.AuthFailed,
	codes.ResourceExhausted: fault.Throttled, codes.Unavailable: fault.Unavailable,
	codes.DeadlineExceeded: fault.Timeout, codes.DataLoss: fault.Corrupt,
	codes.Aborted: fault.VersionConflict, codes.AlreadyExists: fault.AlreadyExists,
	codes.InvalidArgument: fault.InvalidRef, codes.Unimplemented: fault.Unsupported,
	codes.Canceled: fault.Cancelled,
}

// Code returns the gRPC code that reason travels with.
func Code(reason fault.Reason) codes.Code {
	if c, ok := codeOf[reason]; ok {
		return c
	}
	return codes.Internal
}

// ToStatus turns an error into what travels, OK for nil. An [*fault.Error]
// keeps its fields, with texts cut to the contract's limits. A context's end
// becomes TIMEOUT or CANCELLED. The text of any other error stays on this side,
// because nobody vouches for what it holds: the receiver sees INTERNAL.
func ToStatus(err error) *status.Status {
	if err == nil {
		return nil
	}
	var e *fault.Error
	if !errors.As(err, &e) {
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			e = fault.New(fault.Timeout, fault.SourcePlugin, "the deadline of the call passed")
		case errors.Is(err, context.Canceled):
			e = fault.New(fault.Cancelled, fault.SourceHost, "the caller gave up")
		default:
			e = fault.New(fault.Internal, fault.SourcePlugin, "the plugin failed with an error whose text it withholds; its log names the error's type")
		}
	}
	detail := &pb.Fault{
		Reason:     pb.Reason(e.Reason),
		Source:     pb.Source(e.Source),
		Message:    Cut(e.Message, contract.MaxTextBytes),
		RequestId:  CutLine(e.RequestID, maxShort),
		ConfigPath: CutLine(e.ConfigPath, maxShort),
	}
	if e.RetryAfter > 0 {
		detail.RetryAfter = durationpb.New(e.RetryAfter)
	}
	s := status.New(Code(e.Reason), detail.Message)
	if with, err := s.WithDetails(detail); err == nil {
		return with
	}
	return s
}

// FromError turns the error of a gRPC call into an [*fault.Error], nil for nil.
// Without our detail the status's code decides, and the status's text is kept.
// Whatever arrives, texts are valid UTF-8 without control characters and within
// the contract's limits: an error has to come through, so nothing about one is a
// broken contract.
func FromError(err error) *fault.Error {
	if err == nil {
		return nil
	}
	s := status.Convert(err)
	if s.Code() == codes.OK {
		return fault.New(fault.Internal, fault.SourcePlugin, "a failed call came with the code OK")
	}
	for _, d := range s.Details() {
		if f, ok := d.(*pb.Fault); ok {
			return fromFault(f, s.Code())
		}
	}
	reason, ok := reasonOf[s.Code()]
	if !ok {
		reason = fault.Internal
	}
	return fault.New(reason, fault.SourcePlugin, Cut(s.Message(), contract.MaxTextBytes))
}

func fromFault(f *pb.Fault, code codes.Code) *fault.Error {
	reason := fault.Reason(f.GetReason())
	if _, known := codeOf[reason]; !known {
		// A reason of a newer minor: its code still says what it is like.
		var ok bool
		if reason, ok = reasonOf[code]; !ok {
			reason = fault.Internal
		}
	}
	source := fault.Source(f.GetSource())
	if source < fault.SourcePlugin || source > fault.SourceHost {
		source = fault.SourcePlugin
	}
	e := fault.New(reason, source, Cut(f.GetMessage(), contract.MaxTextBytes))
	e.RequestID = CutLine(f.GetRequestId(), maxShort)
	e.ConfigPath = CutLine(f.GetConfigPath(), maxShort)
	if d := f.GetRetryAfter(); d.IsValid() && d.AsDuration() > 0 {
		e.RetryAfter = min(d.AsDuration(), maxRetryAfter)
	}
	return e
}

// maxRetryAfter keeps a hostile or broken backend from parking us for ever.
const maxRetryAfter = time.Hour

// Cut returns text as people can be shown it: valid UTF-8 of at most limit bytes,
// ending in "…" when something was cut off, and without control characters but
// those that part lines and columns, which become blanks.
func Cut(text string, limit int) string {
	return cut(clean(text, func(r rune) bool { return r != '\n' && r != '\r' && r != '\t' && unicode.IsControl(r) }), limit)
}

// CutLine is [Cut] for text of one line, such as the path of a key.
func CutLine(text string, limit int) string { return cut(clean(text, unicode.IsControl), limit) }

func clean(text string, bad func(rune) bool) string {
	if utf8.ValidString(text) && !strings.ContainsFunc(text, bad) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if bad(r) {
			return ' '
		}
		return r
	}, text)
}

func cut(text string, limit int) string {
	const more = "…"
	if len(text) <= limit {
		return text
	}
	at := max(limit-len(more), 0)
	for at > 0 && !utf8.RuneStart(text[at]) {
		at--
	}
	return text[:at] + more
}
