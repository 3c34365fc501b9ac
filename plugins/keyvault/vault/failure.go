package vault

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

// failure is all that is known when a request failed.
type failure struct {
	op     operation
	target Target
	host   string
	trail  *trail
	ctxErr error
	took   time.Duration
}

// unknownOutcome ends the message of a write that may have been carried out.
const unknownOutcome = "; the write may or may not have happened, so read the secret back before trying again"

// fault says what an error of the SDK means. The text of the SDK follows our
// own, and the error itself stays in the chain.
func (f failure) fault(err error) *fault.Error {
	var refused *azcore.ResponseError
	var foreign *foreignHostError
	var panicked *panicError
	step, status, tokenErr := f.trail.read()
	switch {
	case errors.As(err, &refused):
		return f.refused(refused)
	case errors.As(err, &panicked):
		return f.panicked(status)
	case errors.As(err, &foreign):
		return f.because(fault.Unavailable, "the vault's answer points to another server", err)
	case f.ctxErr != nil:
		return f.ended(step, status, tokenErr, err)
	case tokenErr != nil:
		return f.unproved(err)
	case isNetwork(err):
		return f.unreachable(err)
	case status == http.StatusUnauthorized:
		out := f.because(fault.AuthFailed, "the vault's authentication challenge was refused: check that "+
			"VaultUri is the vault's own public name and that no proxy answers in its place", err)
		out.ConfigPath = "VaultUri"
		return out
	case status >= 200 && status < 300:
		return f.unreadable(err)
	}
	return f.because(fault.Internal, "", err)
}

// because makes the fault: what was tried, our words, the SDK's words.
func (f failure) because(reason fault.Reason, advice string, cause error) *fault.Error {
	message := f.op.name + " " + f.target.String()
	if advice != "" {
		message += ": " + advice
	}
	if cause != nil {
		message += ": " + cause.Error()
	}
	if len(message) > contract.MaxTextBytes {
		message = strings.ToValidUTF8(message[:contract.MaxTextBytes], "")
	}
	return &fault.Error{Reason: reason, Source: fault.SourceBackend, Message: message, Cause: cause}
}

func (f failure) doubt(advice string) string {
	if f.op.write {
		return advice + unknownOutcome
	}
	return advice
}

// ended is a call whose context is over. What the SDK was busy with is on the
// trail; what it returns is often no more than the context's error.
func (f failure) ended(step string, status int, tokenErr, err error) *fault.Error {
	if tokenErr != nil {
		err = errors.Join(err, tokenErr)
	}
	if errors.Is(f.ctxErr, context.Canceled) {
		return f.because(fault.Cancelled, f.doubt("the caller gave up while "+step), err)
	}
	advice := fmt.Sprintf("gave up after %s while %s", f.took.Round(time.Millisecond), step)
	if status >= 300 && status != http.StatusUnauthorized {
		advice += fmt.Sprintf(", the last answer was %d %s", status, http.StatusText(status))
	}
	if step == stepAnswer {
		advice = f.doubt(advice)
	}
	return f.because(fault.Timeout, advice, err)
}

// unproved is a failure to get a token. Only an endpoint that said it is out of
// order makes this something that may pass.
func (f failure) unproved(err error) *fault.Error {
	var failed *azidentity.AuthenticationFailedError
	if errors.As(err, &failed) && failed.RawResponse != nil {
		if s := failed.RawResponse.StatusCode; s >= 500 || s == http.StatusTooManyRequests {
			out := f.because(fault.Unavailable, "the endpoint that issues access tokens is out of order", err)
			out.RetryAfter = retryAfter(failed.RawResponse)
			return out
		}
	}
	return f.because(fault.AuthFailed, "no access token could be obtained for the vault", err)
}

func (f failure) unreachable(err error) *fault.Error {
	var certificate *certificateError
	var dns *net.DNSError
	switch {
	case errors.As(err, &certificate):
		return f.because(fault.Unavailable, "the certificate of "+f.host+" is not trusted: if a proxy inspects TLS, "+
			"add its authority to the trusted ones of this host", err)
	case errors.As(err, &dns):
		out := f.because(fault.Unavailable, "the name "+f.host+" cannot be resolved: the vault was deleted, "+
			"VaultUri is misspelt, or this host's DNS does not know the private endpoint", err)
		out.ConfigPath = "VaultUri"
		return out
	}
	advice := "the vault cannot be reached"
	if !repeatWrite(nil, err) {
		advice = f.doubt(advice)
	}
	return f.because(fault.Unavailable, advice, err)
}

// unreadable is a success whose body is not what the SDK expects. Its text may
// quote the body, and that may hold the value, so neither text nor cause is kept
// where a value travels.
func (f failure) unreadable(err error) *fault.Error {
	advice := "the vault's answer could not be read: something else may be answering in its place"
	if f.op.silent {
		return f.because(fault.Unavailable, f.doubt(advice), nil)
	}
	return f.because(fault.Unavailable, f.doubt(advice), err)
}

func (f failure) panicked(status int) *fault.Error {
	if status == http.StatusUnauthorized {
		return f.because(fault.Unavailable, "the Azure SDK panicked on the vault's authentication challenge, which is malformed: "+
			"something else may be answering in its place; the log of the plugin has the stack", nil)
	}
	out := f.because(fault.Internal, f.doubt("the Azure SDK panicked; the log of the plugin has the stack"), nil)
	out.Source = fault.SourcePlugin
	return out
}

func isNetwork(err error) bool {
	var network net.Error
	var certificate *certificateError
	var hostname x509.HostnameError
	return errors.As(err, &network) || errors.As(err, &certificate) || errors.As(err, &hostname) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// answer is the body of a refusal. The code that tells what is wrong is the
// innermost one; the SDK shows only the outer one.
type answer struct {
	Error struct {
		Code  string     `json:"code"`
		Inner *innerCode `json:"innererror"`
	} `json:"error"`
}

type innerCode struct {
	Code  string     `json:"code"`
	Inner *innerCode `json:"innererror"`
}

// codes returns the outer and the innermost code, empty where there is none.
func codesOf(refused *azcore.ResponseError) (outer, inner string) {
	if refused.RawResponse == nil {
		return refused.ErrorCode, ""
	}
	var a answer
	if body, err := runtime.Payload(refused.RawResponse); err != nil || json.Unmarshal(body, &a) != nil {
		return "", ""
	}
	for i := a.Error.Inner; i != nil; i = i.Inner {
		if i.Code != "" {
			inner = i.Code
		}
	}
	return a.Error.Code, inner
}
