package ledger

import (
	"fmt"
	"slices"

	"github.com/identitymesh/identitymesh/sdk/secret"
)

// State is how far a ref has come.
type State string

// The states. A ref that the ledger does not know has the empty one.
const (
	// Planned: to be copied.
	Planned State = "planned"
	// Copied: the target was given the source's value; nobody has looked yet.
	Copied State = "copied"
	// Verified: the target was read back and has the source's value.
	Verified State = "verified"
	// Switched: the provider in force is the target.
	Switched State = "switched"
	// Soaking: it is being watched whether it is read from the target.
	Soaking State = "soaking"
	// Purged: it is gone from the source. There is no way back.
	Purged State = "purged"
	// Blocked: it cannot go on until somebody did something; Reason and Next say what.
	Blocked State = "blocked"
	// Drifted: the source changed after it was copied; it is to be copied again.
	Drifted State = "drifted"
	// RolledBack: the source serves it again.
	RolledBack State = "rolled back"
)

// States returns all of them, in the order of a migration.
func States() []State {
	return []State{Planned, Copied, Verified, Switched, Soaking, Purged, Blocked, Drifted, RolledBack}
}

// Step is what is done to a ref.
type Step string

// The steps. Those that change a store are recorded before and after
// ([Ledger.Begin], [Ledger.End]), the others when they are done ([Ledger.Record]).
const (
	// Plan finds out what is to be done; it changes no store.
	Plan Step = "plan"
	// Copy sets the target.
	Copy Step = "copy"
	// Verify compares both stores; it changes neither.
	Verify Step = "verify"
	// Drift notes that the source changed after the copy.
	Drift Step = "drift"
	// Block notes what is in the way.
	Block Step = "block"
	// Switch puts the target into force.
	Switch Step = "switch"
	// Soak counts reads from the target.
	Soak Step = "soak"
	// Rollback puts the source into force again; it may set the source.
	Rollback Step = "rollback"
	// Purge deletes from the source.
	Purge Step = "purge"
	// Note keeps a fact of the migration as a whole.
	Note Step = "note"
)

// transition is one row of the table of what is allowed.
type transition struct {
	step Step
	from []State
	to   State
}

// transitions is closed: what is not in it is an error.
func transitions() []transition {
	return []transition{
		{Plan, []State{"", Planned, Blocked, RolledBack}, Planned},
		{Copy, []State{Planned, Drifted}, Copied},
		{Verify, []State{Copied, Verified}, Verified},
		// The target serves it by now, and still does.
		{Verify, []State{Switched}, Switched},
		{Verify, []State{Soaking}, Soaking},
		{Drift, []State{Copied, Verified, Drifted}, Drifted},
		{Block, []State{"", Planned, Copied, Verified, Drifted, Blocked, RolledBack}, Blocked},
		{Switch, []State{Verified, Switched}, Switched},
		{Soak, []State{Switched, Soaking}, Soaking},
		{Rollback, []State{Planned, Copied, Verified, Drifted, Blocked, Switched, Soaking, RolledBack}, RolledBack},
		{Purge, []State{Soaking, Purged}, Purged},
	}
}

// Next returns the state after step, and whether step is allowed in from.
func Next(from State, step Step) (State, bool) {
	for _, t := range transitions() {
		if t.step == step && slices.Contains(t.from, from) {
			return t.to, true
		}
	}
	return "", false
}

// TransitionError is a step that the table does not allow.
type TransitionError struct {
	Ref  secret.Ref
	From State
	Step Step
}

func (e *TransitionError) Error() string {
	from := string(e.From)
	if from == "" {
		from = "not planned"
	}
	return fmt.Sprintf("%s is %s, and %s cannot follow that", e.Ref, from, e.Step)
}

// BusyError is a step on a ref whose last intent has no outcome yet. Read the
// stores to find out what became of it, then end it.
type BusyError struct {
	Ref    secret.Ref
	Intent int64
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("%s has a step without an outcome (event %d)", e.Ref, e.Intent)
}

// UnknownError is a ref that the ledger does not have.
type UnknownError struct{ Ref secret.Ref }

func (e *UnknownError) Error() string { return fmt.Sprintf("%s is not in the ledger", e.Ref) }
