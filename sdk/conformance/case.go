package conformance

import (
	"context"

	"github.com/identitymesh/identitymesh/sdk/host/facade"
)

// Case checks one rule of the specification.
type Case struct {
	// Name is the anchor of the rule, Page the file of docs/spec that has it.
	Name, Page string
	// Level that a plugin does not reach when it fails; None for advice.
	Level Level
	// Needs are the capabilities without which the rule does not concern a plugin.
	Needs []facade.Capability
	// About says in a few words what is tried.
	About string

	phase phase
	again bool // it was tried before
	run   func(context.Context, *trial) error
}

// Spec is where the rule stands, as in docs/spec/value.md#set-never-cuts-a-value.
func (c Case) Spec() string { return "docs/spec/" + c.Page + "#" + c.Name }

// phase says beside what else a case may run.
type phase int

const (
	together   phase = iota // beside any other
	alone                   // while nothing else asks or changes anything
	afterwards              // over all that was seen, when every process has ended
)

// Cases that others refer to.
const (
	caseStart       = "handshake-line-is-the-first-line-of-stdout"
	caseMajor       = "protocol-version-is-one-that-the-host-offers"
	caseSocket      = "socket-is-in-the-folder-of-the-host"
	caseConnection  = "connection-is-mutually-authenticated"
	caseInfo        = "getinfo-needs-no-configuration"
	caseConfigure   = "configure-takes-what-is-right"
	caseClaims      = "claimed-capability-is-served"
	caseDeath       = "defect-ends-the-call-and-not-the-process"
	caseReasons     = "reason-travels-with-its-code"
	caseWords       = "message-keeps-the-words-of-the-backend"
	caseErrors      = "error-holds-no-value"
	caseMetadata    = "metadata-holds-no-value"
	caseDiagnostics = "diagnostics-quote-no-configuration"
	caseCheck       = "check-changes-and-reveals-nothing"
	caseWhere       = "value-stays-where-it-belongs"
	caseLeft        = "plugin-leaves-no-process-behind"
)

// Cases returns all cases, in the order of the report.
func Cases() []Case {
	var all []Case
	for _, group := range [][]Case{
		startCases(), configureCases(), callCases(), refCases(), readCases(), listCases(),
		setCases(), conditionalCases(), deleteCases(), versionCases(), killCases(), endCases(), heardCases(), overallCases(),
	} {
		all = append(all, group...)
	}
	return all
}
