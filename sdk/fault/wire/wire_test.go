package wire_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
)

func TestEveryReasonSurvivesTheWayThereAndBack(t *testing.T) {
	for _, reason := range fault.Reasons() {
		t.Run(reason.String(), func(t *testing.T) {
			sent := &fault.Error{
				Reason: reason, Source: fault.SourceBackend, Message: "the store said: no",
				RetryAfter: 3 * time.Second, RequestID: "req-1", ConfigPath: "VaultUri",
				Cause: errors.New("stays here"),
			}
			got := wire.FromError(wire.ToStatus(fmt.Errorf("get: %w", sent)).Err())
			want := *sent
			want.Cause = nil
			if *got != want {
				t.Errorf("got %+v, want %+v", *got, want)
			}
		})
	}
}

func TestReasonsOfTheProtoAndOfThePackageAreTheSame(t *testing.T) {
	for number, name := range pb.Reason_name {
		if number == 0 {
			continue
		}
		if got := "REASON_" + fault.Reason(number).String(); got != name {
			t.Errorf("reason %d is %s in the proto and %s in the package", number, name, got)
		}
	}
	if len(pb.Reason_name)-1 != len(fault.Reasons()) {
		t.Errorf("the proto has %d reasons, the package %d", len(pb.Reason_name)-1, len(fault.Reasons()))
	}
}

func TestTextOfAnUntypedErrorStaysOnItsSide(t *testing.T) {
	got := wire.FromError(wire.ToStatus(errors.New("password is hunter2")).Err())
	if got.Reason != fault.Internal || strings.Contains(got.Error(), "hunter2") {
		t.Errorf("got %v", got)
	}
}

func TestEndOfAContextHasItsOwnReason(t *testing.T) {
	if got := wire.FromError(wire.ToStatus(context.DeadlineExceeded).Err()); got.Reason != fault.Timeout {
		t.Errorf("deadline: got %v", got)
	}
	if got := wire.FromError(wire.ToStatus(fmt.Errorf("x: %w", context.Canceled)).Err()); got.Reason != fault.Cancelled {
		t.Errorf("cancel: got %v", got)
	}
}

func TestStatusWithoutDetailIsUnderstoodByItsCode(t *testing.T) {
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		got := wire.FromError(status.Error(code, "plain words"))
		if got.Message != "plain words" || got.Source != fault.SourcePlugin {
			t.Errorf("%v: got %+v", code, got)
		}
		if code == codes.Unavailable && got.Reason != fault.Unavailable {
			t.Errorf("%v: got reason %v", code, got.Reason)
		}
	}
}

func TestUnknownReasonFallsBackToTheCode(t *testing.T) {
	s, err := status.New(codes.PermissionDenied, "x").WithDetails(&pb.Fault{Reason: 999, Source: 77, Message: "m"})
	if err != nil {
		t.Fatal(err)
	}
	got := wire.FromError(s.Err())
	if got.Reason != fault.AccessDenied || got.Source != fault.SourcePlugin {
		t.Errorf("got %+v", got)
	}
}

func TestLongTextIsCutToTheLimitAndStaysValid(t *testing.T) {
	long := strings.Repeat("ä", contract.MaxTextBytes)
	got := wire.FromError(wire.ToStatus(fault.New(fault.Internal, fault.SourcePlugin, long)).Err())
	if len(got.Message) > contract.MaxTextBytes || !utf8.ValidString(got.Message) || !strings.HasSuffix(got.Message, "…") {
		t.Errorf("got %d bytes", len(got.Message))
	}
}

func TestErrorComesThroughWhateverItHolds(t *testing.T) {
	s, err := status.New(codes.NotFound, "x").WithDetails(&pb.Fault{
		Reason: pb.Reason_REASON_ACCESS_DENIED, Source: pb.Source_SOURCE_BACKEND,
		Message: "two\nlines\tand \x1b[2Jmore\u009b", RequestId: "a\nb" + strings.Repeat("x", 300), ConfigPath: "a\x00b",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := wire.FromError(s.Err())
	if got.Reason != fault.AccessDenied || got.Source != fault.SourceBackend {
		t.Errorf("the reason counts, not the code: %+v", got)
	}
	if got.Message != "two\nlines\tand  [2Jmore " || got.ConfigPath != "a b" {
		t.Errorf("got %q and %q", got.Message, got.ConfigPath)
	}
	if !strings.HasPrefix(got.RequestID, "a bx") || len(got.RequestID) > 256 {
		t.Errorf("the request id has %d bytes: %q", len(got.RequestID), got.RequestID)
	}
}

func FuzzFromError(f *testing.F) {
	seed, err := proto.Marshal(&pb.Fault{Reason: 1, Source: 2, Message: "m", RequestId: "r"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(5), "text", seed)
	f.Add(uint32(99), "\xff", []byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, code uint32, text string, raw []byte) {
		s := status.New(codes.Code(code), text)
		detail := &pb.Fault{}
		if proto.Unmarshal(raw, detail) == nil && code != 0 {
			if with, err := s.WithDetails(detail); err == nil {
				s = with
			}
		}
		if code == 0 {
			return
		}
		got := wire.FromError(s.Err())
		if got == nil || got.Reason == fault.OK {
			t.Fatalf("a failed call came back as success: %v", got)
		}
		if len(got.Message) > contract.MaxTextBytes || !utf8.ValidString(got.Message) {
			t.Fatalf("message of %d bytes, valid %v", len(got.Message), utf8.ValidString(got.Message))
		}
		for _, text := range []string{got.Message, got.RequestID, got.ConfigPath} {
			if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\n\r\t", r) }) {
				t.Fatalf("a control character in %q", text)
			}
		}
		if len(got.RequestID) > 256 || len(got.ConfigPath) > 256 || strings.ContainsAny(got.RequestID+got.ConfigPath, "\r\n\t") {
			t.Fatalf("request id %q, path %q", got.RequestID, got.ConfigPath)
		}
		if got.RetryAfter < 0 {
			t.Fatalf("retry after %v", got.RetryAfter)
		}
		if again := wire.FromError(wire.ToStatus(got).Err()); *again != *got {
			t.Fatalf("not stable: %+v, then %+v", got, again)
		}
	})
}
