// Package supervise keeps one plugin running: it starts it, watches it, starts
// it again with growing pauses when it dies, ends it when it no longer answers,
// gives up when that does not help, and replaces or stops it in bounded time. A
// broken plugin is a state that operators see, never a failure of the host.
//
// How a process is started is package launch's concern, which plugin it is
// package catalog's. Start reading at [Supervisor].
package supervise

import (
	"time"

	"github.com/identitymesh/identitymesh/sdk/host/facade"
)

// State of a plugin.
type State string

// The states, in the order of a life.
const (
	// Declared: known, nothing was tried yet.
	Declared State = "Declared"
	// Verifying: its file is opened and compared with its pin.
	Verifying State = "Verifying"
	// Starting: it is run, asked who it is, and configured.
	Starting State = "Starting"
	// Ready: it takes calls.
	Ready State = "Ready"
	// Degraded: it takes calls, but broke the contract or does not answer.
	Degraded State = "Degraded"
	// Draining: it finishes its calls and will be stopped.
	Draining State = "Draining"
	// Stopped: it was stopped on purpose.
	Stopped State = "Stopped"
	// Crashed: its process died, or was ended because it did not answer, and is
	// being cleaned up.
	Crashed State = "Crashed"
	// Backoff: it died or did not start; the next try is at NextTry.
	Backoff State = "Backoff"
	// Quarantined: it is not tried again until an operator reloads it, because its
	// file or configuration is wrong, or it failed or broke the contract too often.
	Quarantined State = "Quarantined"
)

// Status is what operators see of a plugin.
type Status struct {
	State State
	// Since when it is in that state.
	Since time.Time
	// Source that the process was started from, or will be.
	Source Source
	// Info is what the plugin said of itself when it was last ready.
	Info facade.Info
	PID  int
	// Restarts since the host started; reloads are none.
	Restarts int
	// Problem that the state comes from, empty when there is none.
	Problem string
	// LastLines that the process wrote, up to now or before it ended, oldest first.
	LastLines []string
	// NextTry is set in Backoff.
	NextTry time.Time
	// Warnings are what the plugin said about its configuration.
	Warnings []string
	// Reload is how the last reload went; its zero value when there was none.
	Reload Reload
	// History has the last [HistoryLength] transitions, oldest first.
	History []Transition

	cause error // of Quarantined
}

// Serves reports whether calls are let through.
func (s State) Serves() bool { return s == Ready || s == Degraded }

// Reload is the outcome of one.
type Reload struct {
	At time.Time
	// Problem says why it failed; empty when it succeeded.
	Problem string
}

// HistoryLength is how many transitions a [Status] keeps.
const HistoryLength = 20

// Transition is one change of a plugin's state.
type Transition struct {
	At    time.Time
	State State
	// Reason is the problem behind it, or what it is part of, as a reload; mostly
	// empty.
	Reason string
	// PID of the process that it is about; 0 for none.
	PID int
}
