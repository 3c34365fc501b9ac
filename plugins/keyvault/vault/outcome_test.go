package vault_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

func refusedWith(status int, body string) error {
	return &azcore.ResponseError{StatusCode: status, RawResponse: &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body))}}
}

func failed(reason fault.Reason, cause error) error {
	return &fault.Error{Reason: reason, Source: fault.SourceBackend, Message: "said", Cause: cause}
}

func TestUncertainIsWhatMayHaveBeenCarriedOut(t *testing.T) {
	tests := map[string]struct {
		err  error
		want bool
	}{
		"success":                        {nil, false},
		"no connection came about":       {failed(fault.Unavailable, &net.OpError{Op: "dial", Err: errors.New("refused")}), false},
		"the connection broke":           {failed(fault.Unavailable, &net.OpError{Op: "read", Err: errors.New("reset")}), true},
		"the connection ended":           {failed(fault.Unavailable, io.ErrUnexpectedEOF), true},
		"a gateway gave up":              {failed(fault.Unavailable, refusedWith(504, "")), true},
		"the vault took too long":        {failed(fault.Unavailable, refusedWith(408, "")), true},
		"the vault is out of order":      {failed(fault.Unavailable, refusedWith(500, "")), true},
		"the vault refuses its state":    {failed(fault.Unavailable, refusedWith(409, "")), false},
		"the vault refuses for its rate": {failed(fault.Throttled, refusedWith(429, "")), false},
		"no right":                       {failed(fault.AccessDenied, refusedWith(403, "")), false},
		"no identity":                    {failed(fault.AuthFailed, nil), false},
		"the sign-in is out of order":    {failed(fault.Unavailable, &azidentity.AuthenticationFailedError{}), false},
		"the deadline":                   {failed(fault.Timeout, context.DeadlineExceeded), true},
		"the caller left":                {failed(fault.Cancelled, context.Canceled), true},
		"the answer made no sense":       {failed(fault.Unavailable, nil), true},
		"the answer was another's":       {failed(fault.Corrupt, nil), true},
		"the SDK panicked":               {failed(fault.Internal, nil), true},
		"there is no such secret":        {failed(fault.NotFound, nil), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := vault.Uncertain(tt.err); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestTransitionIsWhatEndsByItself(t *testing.T) {
	body := func(inner string) string {
		return `{"error":{"code":"Conflict","message":"said","innererror":{"code":"` + inner + `"}}}`
	}
	tests := map[string]struct {
		err  error
		want string
	}{
		"success":               {nil, ""},
		"being deleted":         {failed(fault.Unavailable, refusedWith(409, body("ObjectIsBeingDeleted"))), "being deleted"},
		"being recovered":       {failed(fault.Unavailable, refusedWith(409, body("ObjectIsBeingRecovered"))), "being recovered"},
		"deleted":               {failed(fault.Deleted, refusedWith(409, body("ObjectIsDeletedButRecoverable"))), ""},
		"another conflict":      {failed(fault.Unavailable, refusedWith(409, body("SomethingNew"))), vault.Changing},
		"a conflict of no name": {failed(fault.Unavailable, refusedWith(409, "<html>")), vault.Changing},
		"no conflict":           {failed(fault.Unavailable, refusedWith(503, body("ObjectIsBeingDeleted"))), ""},
		"no answer":             {failed(fault.Unavailable, io.EOF), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := vault.Transition(tt.err); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
