// Package facade turns what travels into what the host's callers use, one type
// per contract major, and distrusts whatever a plugin returned: an answer that
// breaks the contract becomes a [*Violation] and never reaches the caller as
// data.
//
// It does not know how the plugin was started. Start reading at [Plugin].
package facade

import (
	"context"
	"slices"

	"google.golang.org/grpc"

	"github.com/identitymesh/identitymesh/sdk/configschema"
	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Plugin is a running plugin as the host's code sees it, whichever major of the
// contract it speaks. Its methods may be called concurrently and need a context
// with a deadline.
//
// Their errors are [*fault.Error]. One that wraps a [*Violation] is the plugin's
// defect. One that wraps context.DeadlineExceeded is a plugin that was silent
// until the deadline; any other TIMEOUT was told by the plugin itself.
type Plugin interface {
	// Info returns what the plugin said of itself when it was opened.
	Info() Info
	Base
	MetadataReader
	ValueReader
	Writer
}

// Base is what every plugin can be asked.
type Base interface {
	// Configure hands over the configuration, a JSON object, and returns what the
	// plugin found in it. It is configured unless the list has errors.
	Configure(ctx context.Context, config []byte) (diag.List, error)
	// Check returns what works right now.
	Check(ctx context.Context) (provider.CheckReport, error)
	// Drain asks the plugin to take no new calls.
	Drain(ctx context.Context) error
	// Probe asks for a sign of life. Any answer is one; the error says that there
	// was none.
	Probe(ctx context.Context) error
}

// MetadataReader shows secrets without their values.
type MetadataReader interface {
	// Describe returns the metadata of the current version.
	Describe(ctx context.Context, ref secret.Ref) (secret.Metadata, error)
	// List returns a page of the store's secrets.
	List(ctx context.Context, req provider.ListRequest) (secret.Page, error)
	// ListVersions returns a page of a secret's versions.
	ListVersions(ctx context.Context, ref secret.Ref, req provider.ListRequest) (secret.Page, error)
}

// ValueReader reads values.
type ValueReader interface {
	// Get returns a value, which the caller wipes.
	Get(ctx context.Context, ref secret.Ref, version secret.Version) (secret.Secret, error)
}

// Writer changes secrets.
type Writer interface {
	// Set stores a value and returns the new version's metadata.
	Set(ctx context.Context, req provider.SetRequest) (secret.Metadata, error)
	// Delete removes a secret.
	Delete(ctx context.Context, ref secret.Ref) error
	// Recover brings a deleted secret back.
	Recover(ctx context.Context, ref secret.Ref) (secret.Metadata, error)
	// Purge removes a deleted secret for ever.
	Purge(ctx context.Context, ref secret.Ref) error
}

// Major is one major of the contract that a host can speak.
type Major struct {
	// Number is the one in the proto package's name and go-plugin's protocol
	// version.
	Number int
	// Open asks the plugin at conn who it is and returns it.
	Open func(ctx context.Context, conn grpc.ClientConnInterface) (Plugin, error)
	// Ends says when a host will no longer speak it, as in "release 2.0"; empty
	// for the newest.
	Ends string
}

// Served returns the majors that the product's hosts speak, newest first.
func Served() []Major {
	return []Major{{
		Number: contract.Major,
		Open: func(ctx context.Context, conn grpc.ClientConnInterface) (Plugin, error) {
			return OpenV1(ctx, conn)
		},
	}}
}

// Info is what a plugin says of itself.
type Info struct {
	Name, Version, Commit string
	// Major and Minor of the contract that is spoken.
	Major, Minor int
	Capabilities Capabilities
	Limits       provider.Limits
	// Schema of the configuration; the zero one when the plugin does not say.
	Schema configschema.Schema
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
