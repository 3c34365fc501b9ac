// Package facade turns what travels into what the host's callers use, one type
// per contract major, and distrusts whatever a plugin returned: an answer that
// breaks the contract becomes a [*Violation] and never reaches the caller as
// data.
//
// It does not know how the plugin was started. Start reading at [V1].
package facade

import (
	"errors"
	"fmt"
	"slices"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

// Info is what a plugin says of itself.
type Info struct {
	Name, Version, Commit string
	// Major and Minor of the contract that is spoken.
	Major, Minor int
	Capabilities Capabilities
	Limits       provider.Limits
}

// Capability is one thing a plugin can do.
type Capability string

// The capabilities that this host knows; a plugin may have others.
const (
	List           Capability = "LIST"
	ListComplete   Capability = "LIST_COMPLETE"
	Versions       Capability = "VERSIONS"
	Write          Capability = "WRITE"
	ConditionalSet Capability = "CONDITIONAL_SET"
	Delete         Capability = "DELETE"
	SoftDelete     Capability = "SOFT_DELETE"
	Recover        Capability = "RECOVER"
	Purge          Capability = "PURGE"
	Expiry         Capability = "EXPIRY"
	Tags           Capability = "TAGS"
	HostBound      Capability = "HOST_BOUND"
)

// Capabilities is what a plugin claims.
type Capabilities []Capability

// Has reports whether c is among them.
func (cs Capabilities) Has(c Capability) bool { return slices.Contains(cs, c) }

// Violation is an answer that breaks the contract. It is the plugin's defect:
// the text names the plugin for its author and quotes nothing of the answer.
type Violation struct {
	Plugin, Version string
	// Call is the RPC, Rule the sentence of the contract that was broken.
	Call, Rule string
}

func (v *Violation) Error() string {
	return fmt.Sprintf("plugin %s %s broke the contract in %s: %s", v.Plugin, v.Version, v.Call, v.Rule)
}

// IsViolation reports whether err comes from a broken contract.
func IsViolation(err error) bool {
	var v *Violation
	return errors.As(err, &v)
}

// fail wraps a violation as the outcome that callers see.
func (v *Violation) fail() error {
	return &fault.Error{Reason: fault.Internal, Source: fault.SourcePlugin, Message: v.Error(), Cause: v}
}
