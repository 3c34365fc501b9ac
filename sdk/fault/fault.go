// Package fault gives every failed operation on a secret a typed outcome: the
// [Reason] that callers act on, the [Source] that tells whom to call, and the
// words of the underlying system that the operator reads.
//
// Sub-package wire is the one codec between these and gRPC status. For problems
// of an input see package diag. Start reading at [Error].
package fault

import (
	"errors"
	"strings"
	"time"
)

// Error is a failed operation. Errors of the standard library and of SDKs are
// kept as Cause on the side where they happened; only the fields above it
// travel between processes.
type Error struct {
	Reason Reason
	Source Source
	// Message is the text of the underlying system as it said it, or our own
	// where there is none. It never holds a secret value.
	Message string
	// RetryAfter is how long the backend asked to wait; 0 when it did not say.
	RetryAfter time.Duration
	// RequestID is the backend's id of the failed request, for its support.
	RequestID string
	// ConfigPath names the key to change, as in Secrets:KeyVault:VaultUri.
	ConfigPath string
	// Cause is the underlying error, when it is in this process.
	Cause error
}

// New returns an error with our own words.
func New(reason Reason, source Source, message string) *Error {
	return &Error{Reason: reason, Source: source, Message: message}
}

// Wrap returns an error that keeps cause and its text, with what was tried put
// before it when that is not empty.
func Wrap(reason Reason, source Source, tried string, cause error) *Error {
	message := cause.Error()
	if tried != "" {
		message = tried + ": " + message
	}
	return &Error{Reason: reason, Source: source, Message: message, Cause: cause}
}

// Error returns the reason, the message and what else helps to act.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Reason.String())
	if e.Message != "" {
		b.WriteString(": ")
		b.WriteString(e.Message)
	}
	if e.ConfigPath != "" {
		b.WriteString(" (see ")
		b.WriteString(e.ConfigPath)
		b.WriteString(")")
	}
	if e.RetryAfter > 0 {
		b.WriteString(" (retry after ")
		b.WriteString(e.RetryAfter.String())
		b.WriteString(")")
	}
	if e.RequestID != "" {
		b.WriteString(" (request ")
		b.WriteString(e.RequestID)
		b.WriteString(")")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Of returns the reason of err: that of the outermost [*Error] in its chain, OK
// for nil, and Internal for anything else.
func Of(err error) Reason {
	if err == nil {
		return OK
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return Internal
}

// Is reports whether err has one of reasons.
func Is(err error, reasons ...Reason) bool {
	of := Of(err)
	for _, r := range reasons {
		if of == r {
			return true
		}
	}
	return false
}
