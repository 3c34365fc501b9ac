package facade_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/identitymesh/identitymesh/sdk/contract/rules"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func TestAnswerThatIsTooLargeIsAViolationAndIsNotRead(t *testing.T) {
	l := honest()
	l.get.Value = make([]byte, 64<<20)
	f := opened(t, l)
	_, err := f.Get(deadline(t), ref, secret.Current)
	assertViolation(t, err, "Get", rules.MessageTooLarge)
	if n := l.read.Load(); n > 4<<20 {
		t.Errorf("the host read %d bytes of it", n)
	}
	if _, err := f.Describe(deadline(t), ref); err != nil {
		t.Errorf("the connection is of no more use: %v", err)
	}
}

func TestAnswerThatIsNoMessageIsAViolation(t *testing.T) {
	l := honest()
	l.describe.Metadata.Version = "\xff\xfe" // the server's library refuses it
	_, err := opened(t, l).Describe(deadline(t), ref)
	if fault.Of(err) != fault.Internal || facade.IsViolation(err) {
		t.Errorf("the plugin could not send it: %v", err)
	}
	l = honest()
	l.garble = true
	_, err = opened(t, l).Describe(deadline(t), ref)
	assertViolation(t, err, "Describe", rules.MessageUnreadable)
}

func TestStatusOfThePluginIsToldFromOneOfTheTransport(t *testing.T) {
	detail := fault.New(fault.Throttled, fault.SourceBackend, "the vault's words")
	cases := []struct {
		name   string
		err    error
		first  bool // headers go out before the error
		reason fault.Reason
	}{
		{"throttled without the detail", status.Error(codes.ResourceExhausted, "grpc: received message larger than max (67108864 vs. 4194304)"), false, fault.Throttled},
		{"throttled with the detail", wire.ToStatus(detail).Err(), false, fault.Throttled},
		{"throttled with the detail, after headers", wire.ToStatus(detail).Err(), true, fault.Throttled},
		{"internal without the detail", status.Error(codes.Internal, "x"), false, fault.Internal},
		{"another one without the detail, after headers", status.Error(codes.PermissionDenied, "x"), true, fault.AccessDenied},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := honest()
			l.err, l.headers = c.err, c.first
			_, err := opened(t, l).Get(deadline(t), ref, secret.Current)
			if facade.IsViolation(err) || fault.Of(err) != c.reason || !strings.Contains(err.Error(), status.Convert(c.err).Message()) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestWhatIsClaimedIsServed(t *testing.T) {
	for name, unserved := range map[string]error{
		"the plain code": status.Error(codes.Unimplemented, "no such call"),
		"the detail":     wire.ToStatus(fault.New(fault.Unsupported, fault.SourcePlugin, canary)).Err(),
	} {
		for call, ask := range calls() {
			t.Run(call+" with "+name, func(t *testing.T) {
				l := honest()
				l.err = unserved
				_, err := ask(deadline(t), opened(t, l))
				if call == "Check" { // every plugin may be without one
					if facade.IsViolation(err) || fault.Of(err) != fault.Unsupported {
						t.Errorf("got %v", err)
					}
					return
				}
				assertViolation(t, err, call, rules.ClaimNotServed)
			})
		}
	}
}

func TestSilenceOfAPluginIsToldFromATimeoutOfItsBackend(t *testing.T) {
	l := honest()
	l.silent = true
	f := opened(t, l)
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := f.Get(soon, ref, secret.Current)
	var e *fault.Error
	if !errors.As(err, &e) || e.Reason != fault.Timeout || e.Source != fault.SourcePlugin ||
		!errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "liar 1.0.0 did not answer Get") {
		t.Errorf("silence: %v", err)
	}

	gone, leave := context.WithCancel(deadline(t))
	time.AfterFunc(50*time.Millisecond, leave)
	if _, err = f.Get(gone, ref, secret.Current); !errors.As(err, &e) || e.Reason != fault.Cancelled || e.Source != fault.SourceHost {
		t.Errorf("a caller who left: %v", err)
	}

	for name, told := range map[string]*fault.Error{
		"the backend's": fault.New(fault.Timeout, fault.SourceBackend, "the vault did not answer"),
		"its own":       fault.New(fault.Timeout, fault.SourcePlugin, "the deadline of the call passed"),
	} {
		l := honest()
		l.err = wire.ToStatus(told).Err()
		_, err := opened(t, l).Get(deadline(t), ref, secret.Current)
		if !errors.As(err, &e) || e.Reason != fault.Timeout || e.Source != told.Source || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStatusWithoutDetailKeepsItsText(t *testing.T) {
	l := honest()
	l.err = status.Error(codes.PermissionDenied, "the vault says no")
	_, err := opened(t, l).Get(deadline(t), ref, secret.Current)
	if fault.Of(err) != fault.AccessDenied || !strings.Contains(err.Error(), "the vault says no") {
		t.Errorf("got %v", err)
	}
}
