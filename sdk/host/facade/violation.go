package facade

import (
	"errors"
	"fmt"

	"github.com/identitymesh/identitymesh/sdk/contract/rules"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

// Violation is an answer that breaks the contract. It is the plugin's defect:
// the text names the plugin for its author and quotes nothing of the answer.
type Violation struct {
	Plugin, Version string
	// Call is the RPC, Rule the sentence of the contract that was broken, and Spec
	// where it stands, as in docs/spec/value.md#get-returns-the-ref-that-was-asked.
	Call, Rule, Spec string
}

func (v *Violation) Error() string {
	text := fmt.Sprintf("plugin %s %s broke the contract in %s: %s", v.Plugin, v.Version, v.Call, v.Rule)
	if v.Spec != "" {
		text += " (" + v.Spec + ")"
	}
	return text
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

func (f *V1) violation(call string, rule rules.Rule) error {
	return (&Violation{Plugin: f.info.Name, Version: f.info.Version, Call: call, Rule: rule.String(), Spec: rule.Spec()}).fail()
}

// hold returns the violation of rule, nil when none was broken.
func (f *V1) hold(call string, rule rules.Rule) error {
	if rule == rules.None {
		return nil
	}
	return f.violation(call, rule)
}
