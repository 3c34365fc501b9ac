package ledger

import (
	"strings"

	"github.com/identitymesh/identitymesh/sdk/commandline"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Verdict is what a plan found about a ref.
type Verdict string

// The verdicts.
const (
	// Create: the target does not have it.
	Create Verdict = "create"
	// Same: the target has the same value already.
	Same Verdict = "same"
	// Differs: the target has another value.
	Differs Verdict = "differs"
	// SoftDeleted: the target has it among its deleted ones; it is recovered and set.
	SoftDeleted Verdict = "soft-deleted"
	// TooLarge: the target cannot hold it, its value or its ref.
	TooLarge Verdict = "too-large"
	// NameCollision: another secret has its name in the target.
	NameCollision Verdict = "name-collision"
	// NoPermission: the target does not let us.
	NoPermission Verdict = "no-permission"
	// Unreadable: the source does not give its value.
	Unreadable Verdict = "unreadable-at-source"
)

// Verdicts returns all of them, in the order in which they are shown.
func Verdicts() []Verdict {
	return []Verdict{Create, Same, SoftDeleted, Differs, TooLarge, NameCollision, NoPermission, Unreadable}
}

// Runnable reports whether a run takes a ref of this verdict to the target.
func (v Verdict) Runnable() bool { return v == Create || v == Same || v == SoftDeleted }

// Decide is what an operator does about a ref that has another value in each store, to be
// copied and typed: whatever the ref is called, it names that one and nothing else.
func Decide(ref secret.Ref) string {
	glob := strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`).Replace(string(ref))
	return "find out which value is right; if the source's is: identitymesh-migrate run --replace " + commandline.Quote(glob) +
		"; if the target's is: set it in the source too, then plan and run again"
}
