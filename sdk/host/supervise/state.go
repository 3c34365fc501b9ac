// Package supervise keeps one plugin running: it starts it, watches it, starts
// it again with growing pauses when it dies, gives up for good when that does not
// help, and stops it in bounded time. A broken plugin is a state that operators
// see, never a failure of the host.
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
	// Starting: its file is being verified and run, it is being configured.
	Starting State = "Starting"
	// Ready: it takes calls.
	Ready State = "Ready"
	// Draining: it finishes its calls and will be stopped.
	Draining State = "Draining"
	// Stopped: it was stopped on purpose.
	Stopped State = "Stopped"
	// Crashed: its process died and is being cleaned up.
	Crashed State = "Crashed"
	// Backoff: it died or did not start; the next try is at NextTry.
	Backoff State = "Backoff"
	// Quarantined: it is not tried again until an operator acts, because its file
	// or configuration is wrong, it broke the contract, or it died too often.
	Quarantined State = "Quarantined"
)

// Status is what operators see of a plugin.
type Status struct {
	State State
	// Since when it is in that state.
	Since time.Time
	// Info is what the plugin said of itself when it was last ready.
	Info facade.Info
	PID  int
	// Restarts since the host started.
	Restarts int
	// Problem of the last start or end, empty when there is none.
	Problem string
	// LastLines that the process wrote before it ended.
	LastLines []string
	// NextTry is set in Backoff.
	NextTry time.Time
	// Warnings are what the plugin said about its configuration.
	Warnings []string

	cause error // of Quarantined
}
