package vault

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/identitymesh/identitymesh/sdk/fault"
)

// refused says what a refusal of the vault means. The codes are documented under
// "Common error codes" of the service; those of the data plane are known from
// its answers.
func (f failure) refused(r *azcore.ResponseError) *fault.Error {
	outer, code := f.progress.outer, f.progress.inner
	if code == "" {
		code = outer
	}
	reason, advice := f.meaning(r.StatusCode, code, r.Error())
	out := f.because(reason, advice, r)
	if r.RawResponse != nil {
		out.RetryAfter = retryAfter(r.RawResponse)
	}
	switch {
	case code == "VaultNotFound", r.StatusCode >= 300 && r.StatusCode < 400, r.StatusCode == http.StatusNotFound && outer == "":
		out.ConfigPath = "VaultUri"
	}
	return out
}

// withoutRequest takes out of a refusal that is kept what it holds of the request:
// the access token, a write's value, the secret that was signed in with.
func withoutRequest(err error) {
	var refused *azcore.ResponseError
	var unproved *azidentity.AuthenticationFailedError
	var response *http.Response
	switch {
	case errors.As(err, &refused):
		response = refused.RawResponse
	case errors.As(err, &unproved):
		response = unproved.RawResponse
	}
	if response != nil && response.Request != nil {
		response.Request = &http.Request{Method: response.Request.Method, URL: response.Request.URL}
	}
}

// meaning of the innermost code: the outer one is the same for a disabled secret,
// a missing role and a firewall. words are the whole refusal.
func (f failure) meaning(status int, code, words string) (fault.Reason, string) {
	switch code {
	case "SecretDisabled":
		return fault.Disabled, "the current version is disabled; enable it in the vault or set the secret again"
	case "ForbiddenByRbac":
		return fault.AccessDenied, fmt.Sprintf("the identity lacks the right to %s secrets: assign it the role %s on the vault "+
			"(a new assignment takes several minutes)", f.op.name, roleFor(f.op))
	case "ForbiddenByPolicy":
		return fault.AccessDenied, fmt.Sprintf("the vault's access policy does not give the identity the secret permission %q; "+
			"a vault with role-based access needs the role %s", f.op.name, roleFor(f.op))
	case "AccessDenied":
		return fault.AccessDenied, fmt.Sprintf("the vault denies the identity to %s secrets: it needs the role %s, or in a vault with "+
			"access policies the secret permission %q", f.op.name, roleFor(f.op), f.op.name)
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
	case "VaultNotFound":
		return fault.Unavailable, "there is no such vault"
	}
	switch {
	case status == http.StatusTooManyRequests:
		return fault.Throttled, "the vault refuses for now because of the rate of requests"
	case status == http.StatusUnauthorized:
		return fault.AuthFailed, tokenComplaint(words)
	case status == http.StatusForbidden:
		return fault.AccessDenied, fmt.Sprintf("the identity may not %s secrets; the role for that is %s", f.op.name, roleFor(f.op))
	case status == http.StatusNotFound && code != "":
		return fault.NotFound, "the vault has no such secret"
	case status == http.StatusNotFound:
		// Without the vault's own code it is no statement about the secret.
		return fault.Unavailable, "the answer is not that of a vault: something else may be answering in its place"
	case status == http.StatusProxyAuthRequired:
		return fault.Unavailable, "a proxy wants credentials of its own: check HTTPS_PROXY"
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

// tokenComplaint says what the vault finds wrong with the token. It has no inner
// code for that and puts one before its words.
func tokenComplaint(words string) string {
	switch {
	case strings.Contains(words, "AKV10000"):
		return "the vault got no access token: a proxy may take the header Authorization away"
	case strings.Contains(words, "AKV10022"):
		return "the access token is for another service: check that the identity signs in to the cloud of the vault (AuthorityHost)"
	case strings.Contains(words, "AKV10032"):
		return "the access token is from another tenant than the vault's: sign in to the vault's tenant, or name it in AdditionallyAllowedTenants"
	}
	return "the vault does not accept the access token: check tenant and cloud of the identity"
}

// roleFor names the built-in role that allows an operation.
func roleFor(op operation) string {
	if op.write {
		return "Key Vault Secrets Officer"
	}
	return "Key Vault Secrets User"
}
