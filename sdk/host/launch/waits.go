package launch

import (
	"time"

	"github.com/identitymesh/identitymesh/sdk/contract"
)

// Every wait of a start and of an end.
const (
	// LeaveWait is how long a plugin may take to leave by itself once its lifeline
	// closed.
	LeaveWait = contract.LeaveGrace + time.Second
	// KillWait comes after it: how long the system may take to end the process.
	KillWait = 5 * time.Second
	// PipeGrace is how long the pipes of an ended process are still read, in case
	// something it forked holds them open.
	PipeGrace = 500 * time.Millisecond
	// EscapeLimit bounds the search for processes that left the plugin's group, for
	// which a machine full of processes takes some 10 ms; a plugin that forks faster
	// than it is ended is given up on.
	EscapeLimit = time.Second
	// LockLimit bounds the wait for another host that opens a folder in the same
	// base, which takes it milliseconds.
	LockLimit = 5 * time.Second
)
