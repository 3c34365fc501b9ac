package vault

import (
	"errors"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/identitymesh/identitymesh/sdk/fault"
)

// Uncertain reports whether a change that failed with err may have been made all
// the same, so that it has to be read back before it is tried again. In doubt it
// says so: reading back does no harm.
func Uncertain(err error) bool {
	var refused *azcore.ResponseError
	if errors.As(err, &refused) {
		return refused.StatusCode >= 500 || refused.StatusCode == http.StatusRequestTimeout
	}
	var untrusted *certificateError
	var foreign *foreignHostError
	var unproved *azidentity.AuthenticationFailedError
	if errors.As(err, &untrusted) || errors.As(err, &foreign) || errors.As(err, &unproved) {
		return false
	}
	return fault.Is(err, fault.Unavailable, fault.Timeout, fault.Cancelled, fault.Internal, fault.Corrupt) && !repeatWrite(nil, err)
}

// Changing is the transition that a vault does not name.
const Changing = "being changed"

// Transition returns what a vault is doing with a secret for whose end a caller
// has to wait, as in "being recovered". It is empty when err is anything else.
func Transition(err error) string {
	var refused *azcore.ResponseError
	if !errors.As(err, &refused) || refused.StatusCode != http.StatusConflict {
		return ""
	}
	switch _, inner := codesOf(refused); inner {
	case "ObjectIsDeletedButRecoverable":
		return "" // this lasts until somebody recovers or purges it
	case "ObjectIsBeingDeleted":
		return "being deleted"
	case "ObjectIsBeingRecovered":
		return "being recovered"
	}
	return Changing
}
