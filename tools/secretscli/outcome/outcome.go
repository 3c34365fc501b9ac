// Package outcome says how a command ended, to people and to programs: the exit
// code, and the error as text or as a JSON object.
//
// What a command found when it went well is for package command to print. Start
// reading at [Code] and [Write].
package outcome

import (
	"errors"
	"io"

	"github.com/identitymesh/identitymesh/sdk/commandline"
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

// Reported and UsageError are those of every tool.
type (
	Reported   = commandline.Reported
	UsageError = commandline.UsageError
)

// Usagef returns a [*UsageError].
func Usagef(format string, args ...any) error { return commandline.Usagef(format, args...) }

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
	e := commandline.Ending{Err: err, Code: Code(err)}
	if failed := (*fault.Error)(nil); e.Code == Unavailable && errors.As(err, &failed) {
		e.Next = "run secretscli doctor; it says what works and what does not"
	}
	commandline.Write(w, e, asJSON)
}

// Plain is [commandline.Plain].
func Plain(text string) string { return commandline.Plain(text) }
