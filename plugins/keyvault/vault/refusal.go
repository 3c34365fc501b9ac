package vault

import (
	"fmt"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/identitymesh/identitymesh/sdk/fault"
)

// refused says what a refusal of the vault means. The codes are documented under
// "Common error codes" of the service; those of the data plane are known from
// its answers.
func (f failure) refused(r *azcore.ResponseError) *fault.Error {
	outer, inner := codesOf(r)
	reason, advice := f.meaning(r.StatusCode, outer, inner)
	out := f.because(reason, advice, r)
	if r.RawResponse != nil {
		out.RequestID = r.RawResponse.Header.Get("x-ms-request-id")
		out.RetryAfter = retryAfter(r.RawResponse)
	}
	switch {
	case outer == "VaultNotFound", r.StatusCode >= 300 && r.StatusCode < 400, r.StatusCode == http.StatusNotFound && outer == "":
		out.ConfigPath = "VaultUri"
	}
	return out
}

// meaning looks at the inner code first: the outer one is the same for a
// disabled secret, a missing role and a firewall.
func (f failure) meaning(status int, outer, inner string) (fault.Reason, string) {
	switch inner {
	case "SecretDisabled":
		return fault.Disabled, "the current version is disabled; enable it in the vault or set the secret again"
	case "ForbiddenByRbac":
		return fault.AccessDenied, fmt.Sprintf("the identity lacks the right to %s secrets: assign it the role %s on the vault "+
			"(a new assignment takes several minutes)", f.op.name, roleFor(f.op))
	case "ForbiddenByPolicy", "AccessDenied":
		return fault.AccessDenied, fmt.Sprintf("the vault's access policy does not give the identity the secret permission %q; "+
			"a vault with role-based access needs the role %s", f.op.name, roleFor(f.op))
	case "ForbiddenByFirewall":
		return fault.AccessDenied, "the vault's firewall does not admit this host's address"
	case "ForbiddenByConnection":
		return fault.AccessDenied, "the vault does not admit public access; this host must reach it through its private endpoint"
	case "ObjectIsDeletedButRecoverable":
		return fault.Deleted, "a deleted secret still holds this name; recover it (az keyvault secret recover --name " + f.target.Name +
			"), wait until it can be read, then set it again"
	case "ObjectIsBeingDeleted":
		return fault.Unavailable, "the secret is being deleted; try again in a minute"
	case "ObjectIsBeingRecovered":
		return fault.Unavailable, "the secret is being recovered; try again in a minute"
	}
	switch {
	case status == http.StatusTooManyRequests:
		return fault.Throttled, "the vault refuses for now because of the rate of requests"
	case status == http.StatusUnauthorized:
		return fault.AuthFailed, "the vault does not accept the access token: check tenant and cloud of the identity"
	case status == http.StatusForbidden:
		return fault.AccessDenied, fmt.Sprintf("the identity may not %s secrets; the role for that is %s", f.op.name, roleFor(f.op))
	case outer == "VaultNotFound":
		return fault.Unavailable, "there is no such vault"
	case status == http.StatusNotFound && outer != "":
		return fault.NotFound, "the vault has no such secret"
	case status == http.StatusNotFound:
		// Without the vault's own code it is no statement about the secret.
		return fault.Unavailable, "the answer is not that of a vault: something else may be answering in its place"
	case status == http.StatusConflict:
		return fault.Unavailable, "the secret is in transition; try again in a minute"
	case status == http.StatusRequestEntityTooLarge:
		return fault.TooLarge, "the vault refuses the value for its size"
	case status == http.StatusRequestTimeout, status >= 500:
		return fault.Unavailable, f.doubt("the vault is out of order")
	case status >= 300 && status < 400:
		return fault.Unavailable, "the answer is a redirect, which a vault never sends and we do not follow"
	}
	return fault.Internal, "the vault refuses the request"
}

// roleFor names the built-in role that allows an operation.
func roleFor(op operation) string {
	if op.write {
		return "Key Vault Secrets Officer"
	}
	return "Key Vault Secrets User"
}
