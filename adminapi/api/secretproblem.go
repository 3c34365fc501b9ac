package api

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

// statusOf a secret provider's reason. A store that refuses is not a client that
// may not: what the backend does to us is a bad gateway, never 401 or 403.
func statusOf(reason fault.Reason) int {
	switch reason {
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Deleted:
		return http.StatusGone
	case fault.VersionConflict, fault.AlreadyExists, fault.Disabled, fault.Expired, fault.NotYetValid:
		return http.StatusConflict
	case fault.InvalidRef, fault.Unsupported:
		return http.StatusUnprocessableEntity
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.Unavailable, fault.Throttled, fault.Cancelled:
		return http.StatusServiceUnavailable
	case fault.Timeout:
		return http.StatusGatewayTimeout
	}
	return http.StatusBadGateway
}

// nextStep says what an operator can do about a reason whose text may not.
func nextStep(reason fault.Reason) string {
	switch reason {
	case fault.NotFound:
		return "Set it, or check the ref's spelling: refs differ by case and by every character."
	case fault.Deleted:
		return "Recover it, or purge it before setting it anew."
	case fault.VersionConflict, fault.AlreadyExists:
		return "Describe it and decide anew."
	case fault.AccessDenied:
		return "Grant the identity of the Admin API that right in the store."
	case fault.AuthFailed:
		return "Give the Admin API a credential for the store; GET /api/provider/check says what was tried."
	case fault.Unavailable:
		return "GET /api/status says how the provider is."
	case fault.Undecryptable, fault.Corrupt:
		return "Set it again on this host."
	case fault.Unsupported:
		return "Leave out what the store cannot do; GET /api/status lists what it can."
	}
	return ""
}

// secretProblem returns the problem of a secret provider's outcome, nil if err is
// none.
func secretProblem(err error) *problem.Problem {
	var f *fault.Error
	if !errors.As(err, &f) {
		return nil
	}
	code := "secret-" + strings.ReplaceAll(strings.ToLower(f.Reason.String()), "_", "-")
	p := problem.New(statusOf(f.Reason), code, strings.TrimSpace(strings.TrimSuffix(f.Message, ".")+". "+nextStep(f.Reason)))
	p.Reason, p.Source = f.Reason.String(), f.Source.String()
	p.BackendRequestID, p.ConfigPath = f.RequestID, f.ConfigPath
	p.RetryAfterSeconds = int((f.RetryAfter + time.Second - 1) / time.Second)
	return p
}
