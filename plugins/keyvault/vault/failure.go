package vault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

// failure is all that is known when a request failed.
type failure struct {
	op       operation
	target   Target
	host     string
	progress progress
	ctxErr   error
	took     time.Duration
}

// unknownOutcome ends the message of a write that may have been carried out.
const unknownOutcome = "; the write may or may not have happened, so read the secret back before trying again"

// fault says what an error of the SDK means. The text of the SDK follows our
// own, and the error itself stays in the chain.
func (f failure) fault(err error) *fault.Error {
	var refused *azcore.ResponseError
	var foreign *foreignHostError
	var challenge *challengeError
	var panicked *panicError
	var large *tooLargeError
	var pace *paceError
	var ours *fault.Error
	status := f.progress.status
	switch {
	case errors.As(err, &ours):
		ours.RequestID = f.progress.requestID
		return ours
	case errors.As(err, &refused):
		return f.refused(refused)
	case errors.As(err, &panicked):
		return f.panicked()
	case errors.As(err, &foreign):
		return f.because(fault.Unavailable, "the vault's answer points to another server", err)
	case errors.As(err, &challenge):
		return see("VaultUri", f.because(fault.AuthFailed, "the vault's authentication challenge was refused, and no token was sent: check that "+
			"VaultUri is the vault's own public name and that no proxy answers in its place", err))
	case f.ctxErr != nil, errors.Is(f.progress.tokenErr, context.DeadlineExceeded): // a credential gives up a little earlier
		return f.ended(err)
	case errors.As(err, &pace):
		return f.because(fault.Throttled, "so many requests of this process wait to stay below the vault's limit that the time would run out", err)
	case f.progress.tokenErr != nil:
		return f.unproved(err)
	case errors.As(err, &large):
		return f.because(fault.Unavailable, f.doubt("the answer is larger than any of a vault: something else may be answering in its place"), err)
	case isNetwork(err):
		return f.unreachable(err)
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
		message += ": " + inOneLine(cause.Error())
	}
	if len(message) > contract.MaxTextBytes {
		message = strings.ToValidUTF8(message[:contract.MaxTextBytes], "")
	}
	return &fault.Error{Reason: reason, Source: fault.SourceBackend, Message: message, Cause: cause, RequestID: f.progress.requestID}
}

// inOneLine makes a line of the SDK's pages of text, for logs, terminals and the
// history of runs: the same words without its rules of dashes.
func inOneLine(text string) string {
	words := slices.DeleteFunc(strings.Fields(text), func(word string) bool { return len(word) > 2 && strings.Trim(word, "-") == "" })
	return strings.Join(words, " ")
}

// see names the key to look at.
func see(key string, f *fault.Error) *fault.Error {
	f.ConfigPath = key
	return f
}

func (f failure) doubt(advice string) string {
	if f.op.write && f.progress.sent {
		return advice + unknownOutcome
	}
	return advice
}

// ended is a call whose context is over. What the SDK was busy with is on the
// trail; what it returns is often no more than the context's error.
func (f failure) ended(err error) *fault.Error {
	p := f.progress
	if p.tokenErr != nil && !errors.Is(err, p.tokenErr) {
		err = errors.Join(err, p.tokenErr)
	}
	if errors.Is(f.ctxErr, context.Canceled) {
		return f.because(fault.Cancelled, f.doubt("the caller gave up while "+p.step), err)
	}
	advice := fmt.Sprintf("gave up after %s while %s", f.took.Round(time.Millisecond), p.step)
	if p.status >= 300 && p.status != http.StatusUnauthorized {
		advice += fmt.Sprintf(", the last answer was %d %s", p.status, http.StatusText(p.status))
	}
	return f.because(fault.Timeout, f.doubt(advice), err)
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

// unreadable is a success whose body is not what the SDK expects. Its text may
// quote the body, and that may hold the value, so neither text nor cause is kept
// where a value travels.
func (f failure) unreadable(err error) *fault.Error {
	advice := f.doubt("the vault's answer could not be read: something else may be answering in its place")
	if f.op.silent {
		err = nil
	}
	return f.because(fault.Unavailable, advice, err)
}

func (f failure) panicked() *fault.Error {
	out := f.because(fault.Internal, f.doubt("the Azure SDK panicked; the log of the plugin has the stack"), nil)
	out.Source = fault.SourcePlugin
	return out
}
