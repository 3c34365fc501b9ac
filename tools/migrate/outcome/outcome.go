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
	"github.com/identitymesh/identitymesh/tools/migrate/handover"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/purge"
	"github.com/identitymesh/identitymesh/tools/migrate/soak"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
)

// The exit codes. They are part of the program's interface.
const (
	OK     = 0
	Failed = 1
	Usage  = 2
	// NoMigration: nothing was planned here.
	NoMigration   = 3
	Configuration = 4
	Unavailable   = 5
	// WorkLeft is the end of a command that did what it could: refs are left that need
	// an operator, or another run.
	WorkLeft = 6
	// Locked: another process works with the migration.
	Locked = 7
	// HalfWay is a switch or a rollback that began and did not come to its end.
	HalfWay = 8
	// SoakFailed is a soak that met a run which failed because of a secret.
	SoakFailed = 9
)

// Codes explains the exit codes in a few lines, for --help.
const Codes = `Exit codes:
  0  done; after "plan": a run can succeed completely
  1  failed
  2  the command line cannot be used; nothing was tried
  3  there is no migration: plan one first
  4  the configuration cannot be used, or is not the one of the plan
  5  a store or its plugin cannot be reached, or did not answer in time
  6  refs are left that need an operator, another run or a soak; "status" names them
  7  another process works with the migration, or with another one of this product
  8  a switch or a rollback stopped half way: repeat it; a switch can be rolled back too
  9  a soak met a run that failed because of a secret`

// Code returns the exit code of a command that ended with err.
func Code(err error) int {
	var usage *commandline.UsageError
	var invalid *diag.InvalidError
	var reported *commandline.Reported
	var locked *ledger.LockedError
	var same *stores.SameStoreError
	var other *stores.OtherStoreError
	var half *handover.PartError
	var left *handover.LeftError
	var unready *handover.NotReadyError
	var soaked *soak.FailedError
	switch {
	case err == nil:
		return OK
	case errors.As(err, &reported):
		return reported.Code
	case errors.As(err, &usage):
		return Usage
	case errors.As(err, &locked):
		return Locked
	case errors.Is(err, ledger.ErrNone):
		return NoMigration
	case errors.As(err, &half):
		return HalfWay
	case errors.As(err, &soaked):
		return SoakFailed
	case errors.As(err, &left), errors.As(err, &unready), errors.Is(err, soak.ErrUnproved), errors.Is(err, soak.ErrUnfinished), errors.Is(err, purge.ErrNothing), errors.Is(err, ledger.ErrNotInForce):
		return WorkLeft
	case errors.As(err, &invalid), errors.As(err, &same), errors.As(err, &other):
		return Configuration
	}
	switch fault.Of(err) {
	case fault.ConfigInvalid:
		return Configuration
	case fault.Unavailable, fault.Timeout, fault.Throttled:
		return Unavailable
	}
	return Failed
}

// Write tells err to w: one JSON object on one line, or text.
func Write(w io.Writer, err error, asJSON bool) {
	e := commandline.Ending{Err: err, Code: Code(err)}
	if unready := (*handover.NotReadyError)(nil); errors.As(err, &unready) {
		e.About = unready.What
	}
	switch e.Code {
	case NoMigration:
		e.Next = "identitymesh-migrate plan --to PROVIDER"
	case Unavailable:
		e.Next = "run secretscli doctor, which says what works and what does not; then the same command again: it goes on where it was"
	case HalfWay:
		e.Next = "the same command again goes on where it was; from a switch, identitymesh-migrate rollback goes back to the source"
	case SoakFailed:
		e.Next = "mend what the words say and soak again, which begins anew; or identitymesh-migrate rollback"
	case Locked:
		e.Next = "identitymesh-migrate status shows how far it is"
	}
	commandline.Write(w, e, asJSON)
}
