package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
)

func TestErrorText(t *testing.T) {
	cause := errors.New("dial tcp: connection refused")
	tests := []struct {
		name string
		err  *fault.Error
		want string
	}{
		{"our own words", fault.New(fault.NotFound, fault.SourceBackend, "no such secret"), "NOT_FOUND: no such secret"},
		{"the underlying words are kept", fault.Wrap(fault.Unavailable, fault.SourceBackend, "", cause), "UNAVAILABLE: dial tcp: connection refused"},
		{"what was tried stands before them", fault.Wrap(fault.Unavailable, fault.SourceBackend, "read secret", cause),
			"UNAVAILABLE: read secret: dial tcp: connection refused"},
		{"only a reason", &fault.Error{Reason: fault.Timeout}, "TIMEOUT"},
		{"all that helps to act", &fault.Error{Reason: fault.Throttled, Message: "slow down", ConfigPath: "Secrets:KeyVault:VaultUri",
			RetryAfter: 3 * time.Second, RequestID: "r-1"}, "THROTTLED: slow down (see Secrets:KeyVault:VaultUri) (retry after 3s) (request r-1)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.err.Error(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTheReasonIsFoundThroughWrapping(t *testing.T) {
	inner := fault.New(fault.Deleted, fault.SourceBackend, "gone")
	tests := []struct {
		name string
		err  error
		want fault.Reason
	}{
		{"no error", nil, fault.OK},
		{"the error itself", inner, fault.Deleted},
		{"wrapped twice", fmt.Errorf("run: %w", fmt.Errorf("secret: %w", inner)), fault.Deleted},
		{"joined with another", errors.Join(errors.New("other"), inner), fault.Deleted},
		{"the outermost of two", fault.Wrap(fault.Corrupt, fault.SourcePlugin, "", fmt.Errorf("x: %w", inner)), fault.Corrupt},
		{"an error of anybody else", context.DeadlineExceeded, fault.Internal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := fault.Of(tt.err); got != tt.want {
				t.Errorf("Of = %v, want %v", got, tt.want)
			}
			for _, r := range append(fault.Reasons(), fault.OK) {
				if got := fault.Is(tt.err, r); got != (r == tt.want) {
					t.Errorf("Is %v = %v", r, got)
				}
			}
			if !fault.Is(tt.err, fault.AlreadyExists, tt.want) || fault.Is(tt.err) {
				t.Error("Is does not look at each of its reasons")
			}
		})
	}
}

func TestWrapKeepsTheCause(t *testing.T) {
	err := fmt.Errorf("outer: %w", fault.Wrap(fault.Internal, fault.SourceHost, "open", fs.ErrNotExist))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("the cause cannot be reached")
	}
	if fault.New(fault.Internal, fault.SourceHost, "x").Unwrap() != nil {
		t.Error("an error without a cause has one")
	}
}

func TestEveryReasonHasItsOwnNameAndNumber(t *testing.T) {
	// The names and numbers travel between processes: they never change.
	want := "NOT_FOUND DELETED DISABLED EXPIRED NOT_YET_VALID ACCESS_DENIED AUTH_FAILED THROTTLED UNAVAILABLE TIMEOUT UNDECRYPTABLE " +
		"CORRUPT VERSION_CONFLICT ALREADY_EXISTS INVALID_REF TOO_LARGE CONFIG_INVALID UNSUPPORTED INTERNAL CANCELLED"
	var names []string
	seen := map[string]bool{"": true, fault.OK.String(): true}
	for i, r := range fault.Reasons() {
		if int(r) != i+1 {
			t.Errorf("%v is number %d in place %d", r, r, i+1)
		}
		if seen[r.String()] {
			t.Errorf("reason %d has no name of its own: %q", r, r)
		}
		seen[r.String()] = true
		names = append(names, r.String())
	}
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got %s", got)
	}
	if fault.Reasons()[len(names)-1] != fault.Cancelled {
		t.Error("the last reason is missing")
	}
}

func TestUnknownNumbersHaveAName(t *testing.T) {
	for _, r := range []fault.Reason{-1, fault.Cancelled + 1, 1 << 30} {
		if r.String() != "INTERNAL" || r.ReadRetryable() {
			t.Errorf("reason %d: %v, retryable %v", int32(r), r, r.ReadRetryable())
		}
	}
	for _, s := range []fault.Source{-1, 0, fault.SourceHost + 1} {
		if s.String() != "UNKNOWN" {
			t.Errorf("source %d: %v", int32(s), s)
		}
	}
	got := fmt.Sprint(fault.SourcePlugin, fault.SourceBackend, fault.SourceConfig, fault.SourceHost)
	if got != "PLUGIN BACKEND CONFIG HOST" {
		t.Errorf("sources %s", got)
	}
}

func TestOnlyReadsThatMaySucceedAreRetryable(t *testing.T) {
	retryable := map[fault.Reason]bool{fault.Throttled: true, fault.Unavailable: true, fault.Timeout: true, fault.Internal: true}
	for _, r := range append(fault.Reasons(), fault.OK) {
		if r.ReadRetryable() != retryable[r] {
			t.Errorf("%v: retryable %v", r, r.ReadRetryable())
		}
	}
}
