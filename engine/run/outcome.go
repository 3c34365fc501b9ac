package run

import (
	"context"
	"errors"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

// Codes of a run's reason beside the names of [fault.Reason], which a run has
// when its secrets could not be read.
const (
	// ReasonSource: the connected system refused or failed; the text is its own.
	ReasonSource = "CONNECTED_SYSTEM"
	// ReasonConfig: the connector's configuration is wrong.
	ReasonConfig = "CONFIG_INVALID"
	// ReasonDatabase: the product database failed.
	ReasonDatabase = "DATABASE"
	// ReasonTimeout: the run took longer than Engine:RunTimeout, or a test longer
	// than its own limit.
	ReasonTimeout = "RUN_TIMEOUT"
	// ReasonEmpty: a full import found nothing where there was something.
	ReasonEmpty = "EMPTY_SOURCE"
	// ReasonFenced: another instance holds the connector now.
	ReasonFenced = "LEASE_LOST"
	// ReasonDefect: a defect of the product; its log has the details.
	ReasonDefect = "INTERNAL"
)

// Error is a failed run with its reason.
type Error struct {
	Reason string
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// sourced marks an error that came out of a connector as the connected system's,
// unless it came from our own side of its emit.
func sourced(err error) error {
	var own *Error
	if errors.As(err, &own) {
		return err
	}
	return &Error{Reason: ReasonSource, Err: err}
}

var errPanic = &Error{Reason: ReasonDefect, Err: errors.New("the connector failed in a way it should not; the engine's log has the details")}

// errTooLong is the cause with which a time limit ends a run.
type errTooLong struct{ text string }

func (e errTooLong) Error() string { return e.text }

// errCancelled is the cause with which the wish of an operator ends a run.
type errCancelled struct{ by string }

func (e errCancelled) Error() string { return "cancelled by " + e.by }

// outcomeOf says how a failed run stands in the history.
func outcomeOf(err error) store.Result {
	result := store.Result{Status: store.Failed, Error: err.Error(), Reason: ReasonDatabase}
	var own *Error
	var secret *fault.Error
	var late errTooLong
	var cancelled errCancelled
	switch {
	case errors.As(err, &cancelled):
		result.Status, result.Reason, result.Error = store.Cancelled, store.ReasonCancelled, cancelled.Error()
	case errors.Is(err, ErrStopping), err == context.Canceled: // not a source that cancelled something of its own
		result.Status, result.Reason, result.Error = store.Interrupted, store.ReasonInterrupted, ErrStopping.Error()
	case errors.As(err, &late):
		result.Reason = ReasonTimeout
	case errors.Is(err, store.ErrFenced):
		result.Reason = ReasonFenced
	case errors.As(err, &own):
		result.Reason = own.Reason
	case errors.As(err, &secret):
		result.Reason = secret.Reason.String()
	}
	return result
}
