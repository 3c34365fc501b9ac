// Package outcome says how a command ended, to people and to programs: the exit
// code, and the error as text or as a JSON object.
//
// What a command found when it went well is for package command to print. Start
// reading at [Code] and [Write].
package outcome

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

// The exit codes. They are part of the program's interface.
const (
	OK            = 0
	Failed        = 1
	Usage         = 2
	NotFound      = 3
	Configuration = 4
	Unavailable   = 5
	// WorkLeft is the end of a check for the loss of the host that found secrets a
	// new one could not read.
	WorkLeft = 6
	// LevelNone and those after it are the ends of a plugin check that reached
	// less than was wanted.
	LevelNone   = 10
	LevelCore   = 11
	LevelWriter = 12
)

// Codes explains the exit codes in a few lines, for --help.
const Codes = `Exit codes:
  0  done
  1  failed, or doctor found something that does not work
  2  the command line or the value cannot be used; nothing was tried
  3  there is no such secret
  4  the configuration cannot be used
  5  the store or its plugin cannot be reached, or did not answer in time
  6  "dr check" found secrets that would have to be entered again on a new host
  10, 11, 12  "plugin check" found a plugin that reaches no level, core, or writer, and less than it claims or than was asked for`

// Reported is the end of a command that failed and has already said so.
type Reported struct{ Code int }

func (*Reported) Error() string { return "the failure was already reported" }

// UsageError is a command line, or an input, that cannot be used. Nothing was
// tried.
type UsageError struct{ Text string }

// Usagef returns a [*UsageError].
func Usagef(format string, args ...any) error {
	return &UsageError{Text: fmt.Sprintf(format, args...)}
}

func (e *UsageError) Error() string { return e.Text }

// Code returns the exit code of a command that ended with err.
func Code(err error) int {
	var usage *UsageError
	var invalid *diag.InvalidError
	var reported *Reported
	switch {
	case err == nil:
		return OK
	case errors.As(err, &reported):
		return reported.Code
	case errors.As(err, &usage):
		return Usage
	case errors.As(err, &invalid):
		return Configuration
	}
	switch fault.Of(err) {
	case fault.NotFound, fault.Deleted:
		return NotFound
	case fault.ConfigInvalid:
		return Configuration
	case fault.Unavailable, fault.Timeout, fault.Throttled:
		return Unavailable
	case fault.InvalidRef, fault.TooLarge:
		return Usage
	}
	return Failed
}

// Write tells err to w: one JSON object on one line, or text.
func Write(w io.Writer, err error, asJSON bool) {
	if reported := (*Reported)(nil); err == nil || errors.As(err, &reported) {
		return
	}
	p := problemOf(err)
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

func problemOf(err error) problem {
	p := problem{Reason: fault.Of(err).String(), Message: err.Error(), ExitCode: Code(err), text: err.Error()}
	var usage *UsageError
	var invalid *diag.InvalidError
	var failed *fault.Error
	switch {
	case errors.As(err, &usage):
		p.Reason = "USAGE"
	case errors.As(err, &invalid):
		p.Reason, p.Message = fault.ConfigInvalid.String(), "the configuration cannot be used"
		p.text = p.Message + ":"
		for _, d := range invalid.Diagnostics {
			p.Problems = append(p.Problems, diagnostic{Severity: d.Severity.String(), Diagnostic: d, text: d.String()})
		}
	case errors.As(err, &failed):
		p.Source, p.Message, p.ConfigPath = failed.Source.String(), failed.Message, failed.ConfigPath
		p.RetryAfterSeconds, p.RequestID = failed.RetryAfter.Seconds(), failed.RequestID
		if p.ExitCode == Unavailable {
			p.Next = "run secretscli doctor; it says what works and what does not"
		}
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
