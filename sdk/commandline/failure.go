package commandline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

// Reported is the end of a command that failed and has already said so.
type Reported struct{ Code int }

// Error implements error; nobody is shown it.
func (*Reported) Error() string { return "the failure was already reported" }

// UsageError is a command line, or an input, that cannot be used. Nothing was
// tried.
type UsageError struct{ Text string }

// Usagef returns a [*UsageError].
func Usagef(format string, args ...any) error {
	return &UsageError{Text: fmt.Sprintf(format, args...)}
}

// Error returns the text.
func (e *UsageError) Error() string { return e.Text }

// Ending is how a command ended that failed.
type Ending struct {
	Err error
	// Code is the exit code.
	Code int
	// About is what the problems of a [*diag.InvalidError] keep from being done; empty
	// where they are those of the configuration.
	About string
	// Next is what to do; empty when the error says it.
	Next string
}

// Write tells e to w: one JSON object on one line, or text. It tells nothing of no
// error, and of a [*Reported].
func Write(w io.Writer, e Ending, asJSON bool) {
	if reported := (*Reported)(nil); e.Err == nil || errors.As(e.Err, &reported) {
		return
	}
	p := problemOf(e)
	if asJSON {
		// Texts and numbers only: this cannot fail, and there is nobody to tell.
		_ = json.NewEncoder(w).Encode(map[string]problem{"error": p})
		return
	}
	fmt.Fprintf(w, "error: %s\n", Plain(p.text))
	for _, d := range p.Problems {
		fmt.Fprintf(w, "  %s\n", Plain(d.text))
	}
	if p.Next != "" {
		fmt.Fprintf(w, "next: %s\n", Plain(p.Next))
	}
}

// problem is the JSON form of an error.
type problem struct {
	Reason            string       `json:"reason"`
	Source            string       `json:"source,omitempty"`
	Message           string       `json:"message"`
	ConfigPath        string       `json:"configPath,omitempty"`
	RetryAfterSeconds float64      `json:"retryAfterSeconds,omitempty"`
	RequestID         string       `json:"requestId,omitempty"`
	Problems          []diagnostic `json:"problems,omitempty"`
	Next              string       `json:"next,omitempty"`
	ExitCode          int          `json:"exitCode"`

	text string
}

type diagnostic struct {
	Severity string `json:"severity"`
	diag.Diagnostic

	text string
}

func problemOf(e Ending) problem {
	err := e.Err
	p := problem{Reason: fault.Of(err).String(), Message: err.Error(), Next: e.Next, ExitCode: e.Code, text: err.Error()}
	var usage *UsageError
	var invalid *diag.InvalidError
	var failed *fault.Error
	switch {
	case errors.As(err, &usage):
		p.Reason = "USAGE"
	case errors.As(err, &invalid):
		p.Reason, p.Message = fault.ConfigInvalid.String(), "the configuration cannot be used"
		if e.About != "" {
			p.Reason, p.Message = "FAILED", e.About
		}
		p.text = p.Message + ":"
		for _, d := range invalid.Diagnostics {
			p.Problems = append(p.Problems, diagnostic{Severity: d.Severity.String(), Diagnostic: d, text: d.String()})
		}
	case errors.As(err, &failed):
		p.Source, p.Message, p.ConfigPath = failed.Source.String(), failed.Message, failed.ConfigPath
		p.RetryAfterSeconds, p.RequestID = failed.RetryAfter.Seconds(), failed.RequestID
	case errors.Is(err, context.Canceled):
		p.Reason, p.Message, p.text = fault.Cancelled.String(), "interrupted", "interrupted"
	case errors.Is(err, context.DeadlineExceeded):
		p.Reason = fault.Timeout.String()
	default:
		p.Reason = "FAILED"
	}
	return p
}

// Plain returns text without control characters, so that what a store or a plugin
// said cannot steer the terminal that shows it.
func Plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '\uFFFD'
		}
		return r
	}, text)
}
