// Package connector is the seam between a run and a connected system: what a
// connector offers, what it emits, and how its kinds are configured. The kinds
// live in sub-packages; nothing here knows a protocol.
//
// A connector only reads and emits. Staging, watermarks, history and secrets are
// the run's concern. Start reading at [Connector] and [Kind].
package connector

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/identitymesh/identitymesh/engine/identity"
	"github.com/identitymesh/identitymesh/sdk/configschema"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Connector is one connected system, opened for one run. Its methods are not
// called concurrently.
type Connector interface {
	// Test connects, signs in and reads a little. The report is for operators;
	// the error is the connected system's own.
	Test(ctx context.Context) (Report, error)
	// FullImport reads everything and emits it page by page. It returns nil only
	// when the read proved itself complete.
	FullImport(ctx context.Context, emit Emit) (Outcome, error)
	// DeltaImport reads what changed since the watermark, which is one that this
	// kind returned before. It fails with an [*FullRequiredError] when the
	// watermark can no longer be trusted.
	DeltaImport(ctx context.Context, since Watermark, emit Emit) (Outcome, error)
	// Close releases connections. It never blocks for long.
	Close() error
}

// Emit hands a page to the run and returns when the run has taken it; the page
// and all it holds belong to the run from then on. After an error the connector
// stops and returns it.
type Emit func(ctx context.Context, page Page) error

// Watermark says how far a connector has read, in a form that only its kind
// understands. Empty means that nothing was read yet.
type Watermark string

// Page is a part of what was read.
type Page struct {
	// Objects are normalized.
	Objects []identity.Object
	// Gone are anchors that the source itself reported as deleted.
	Gone []string
	// Rejected are entries that could not be understood.
	Rejected []Rejection
	// Checkpoint, when not empty, promises that everything up to it stands in
	// this page or in earlier ones, so that a run that breaks off later need not
	// read it again. Only sources that answer in watermark order can promise it.
	Checkpoint Watermark
}

// Rejection is an entry that was read but not understood.
type Rejection struct {
	// Entry names the entry in the source's terms, as in its DN.
	Entry string
	// Anchor is set when at least that is known.
	Anchor string
	Reason string
}

// Outcome is the end of a read that was complete.
type Outcome struct {
	// Watermark to continue from; empty leaves the old one in place.
	Watermark Watermark
}

// Report says what a test found.
type Report struct {
	// Server names the system that answered, as in its product and version.
	Server string `json:"server"`
	// Sample is how many objects the test read; it does not read all.
	Sample int `json:"sample"`
	// Notes are facts an operator should know, such as a missing index.
	Notes []string `json:"notes,omitempty"`
}

// FullRequiredError tells the run to do a full import instead of a delta.
type FullRequiredError struct{ Why string }

func (e *FullRequiredError) Error() string { return "a full import is required: " + e.Why }

// FullRequired returns the reason when err asks for a full import.
func FullRequired(err error) (why string, ok bool) {
	var e *FullRequiredError
	if errors.As(err, &e) {
		return e.Why, true
	}
	return "", false
}

// Kind is a type of connector, such as ldap.
type Kind interface {
	// Name is what the configuration calls it; it never changes.
	Name() string
	// Schema describes the keys of a configuration, for validation, documentation
	// and forms.
	Schema() configschema.Schema
	// Validate checks a configuration, by the schema and beyond it, without touching
	// the network, and returns every problem at once.
	Validate(config json.RawMessage) diag.List
	// Open makes a connector from a valid configuration and the values of its
	// refs. It does not connect. The connector does not keep the map.
	Open(config json.RawMessage, secrets map[secret.Ref]secret.Value, env Environment) (Connector, error)
}

// SecretRefs returns the refs that a valid configuration of kind uses.
func SecretRefs(kind Kind, config json.RawMessage) []secret.Ref {
	values, _ := kind.Schema().Read(config)
	if values == nil {
		return nil
	}
	return values.Refs()
}

// Environment is what every connector gets from its run.
type Environment struct {
	Logger *slog.Logger
	// Now is the clock.
	Now func() time.Time
}

// Kinds are the connector types a process knows, by name.
type Kinds map[string]Kind

// NewKinds returns the given kinds by name.
func NewKinds(kinds ...Kind) Kinds {
	m := make(Kinds, len(kinds))
	for _, k := range kinds {
		m[k.Name()] = k
	}
	return m
}
