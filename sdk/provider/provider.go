// Package provider is what the author of a secret provider implements: the
// small core [Provider] and as many of the optional interfaces as the store can
// do. What is implemented is what hosts are told, so a claim cannot disagree
// with the code.
//
// A provider's main calls pluginmain.Main with a [Definition]; nothing else of
// the plugin machinery is the author's concern. Start reading at [Definition].
//
// # Rules for every method
//
//   - The context always has a deadline; give up when it ends.
//   - Methods are called concurrently.
//   - Fail with an [*fault.Error] that keeps the underlying system's own words.
//     Any other error reaches the host as INTERNAL with its text withheld.
//   - Never put a value, or anything computed from one, into an error, a log
//     line, a span or metadata.
//   - An answer that breaks a rule of docs/spec does not leave the plugin: the host
//     is told INTERNAL, and the plugin's log names the rule.
//   - Refs arrive checked as [secret.ParseRef] checks them. The name of a ref in
//     the store is naming.Name(ref).
package provider

import (
	"context"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/identitymesh/identitymesh/sdk/configschema"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Provider is the core: one configured store. If it also has Close() error, that
// is called once when the process drains.
type Provider interface {
	// Describe returns the metadata of the current version, or NOT_FOUND,
	// DELETED. It succeeds for secrets that Get would refuse to serve.
	Describe(ctx context.Context, ref secret.Ref) (secret.Metadata, error)
	// Get returns the value at version, or at the newest one for
	// [secret.Current]. It never answers from a cache. The caller wipes the value.
	Get(ctx context.Context, ref secret.Ref, version secret.Version) (secret.Secret, error)
}

// Lister is a provider that can enumerate what is stored.
type Lister interface {
	// List returns a page of at most req.Size secrets. Items carry no values.
	List(ctx context.Context, req ListRequest) (secret.Page, error)
}

// Versioner is a provider that keeps earlier versions.
type Versioner interface {
	// ListVersions returns the versions of ref, newest first where the store
	// knows an order.
	ListVersions(ctx context.Context, ref secret.Ref, req ListRequest) (secret.Page, error)
}

// Writer is a provider that can change secrets.
type Writer interface {
	// Set stores a value and returns the new version's metadata. It must not
	// keep req.Value. Sent twice after an unknown outcome it must do no harm
	// beyond a further version.
	Set(ctx context.Context, req SetRequest) (secret.Metadata, error)
	// Delete removes the secret, recoverably where the store has that.
	// NOT_FOUND when there is none.
	Delete(ctx context.Context, ref secret.Ref) error
}

// Recoverer is a provider whose deletes can be undone or made final.
type Recoverer interface {
	// Recover brings a deleted secret back with its old value.
	Recover(ctx context.Context, ref secret.Ref) (secret.Metadata, error)
	// Purge removes a deleted secret for ever.
	Purge(ctx context.Context, ref secret.Ref) error
}

// Checker is a provider that can say what works right now.
type Checker interface {
	// Check tries what the store allows without changing or revealing a secret.
	// A check that failed is part of the report, not an error.
	Check(ctx context.Context) (CheckReport, error)
}

// ListRequest asks for a page.
type ListRequest struct {
	// Size is the most items wanted, 1 to [MaxPageSize].
	Size int
	// Token is the Next of the page before; empty for the first.
	Token string
}

// MaxPageSize is the largest page of a listing.
const MaxPageSize = 1000

// SetRequest is what to store.
type SetRequest struct {
	Ref   secret.Ref
	Value secret.Value
	// Expected, when not nil, makes the set conditional: the secret must be at
	// that version, or must not exist when it points to an empty version.
	// VERSION_CONFLICT or ALREADY_EXISTS otherwise. Only sent to providers with
	// the trait ConditionalSet.
	Expected *secret.Version
	// Expires is zero for never. Only sent with the trait Expiry.
	Expires time.Time
	// Tags are labels. Only sent with the trait Tags.
	Tags map[string]string
}

// CheckReport says what works. Its texts are shown to operators.
type CheckReport struct {
	// Target names the store, for example the vault's host or the database.
	Target string
	// Identity names who the store says we are, for example which credential of
	// a chain won; empty when the store has no such notion.
	Identity string
	Results  []CheckResult
}

// CheckResult is one thing that was tried.
type CheckResult struct {
	// Name is "read", "write", "list", or a word of the provider's own.
	Name string
	OK   bool
	// Skipped is true when it was not tried; Message says why.
	Skipped bool
	Message string
	Latency time.Duration
}

// Definition declares a provider plugin. P is the concrete type that Open
// returns; its methods decide what hosts are told the plugin can do.
type Definition[P Provider] struct {
	// Name is short and lower case, as in "dpapi". It must stay the same for ever.
	Name string
	// Version is a semantic version without a leading v; when it is empty, package
	// buildinfo says it.
	Version string
	// Commit of the source; when it is empty, package buildinfo says it.
	Commit string
	Traits Traits
	Limits Limits
	// Schema declares the keys of the configuration. With one, Open is called only
	// with a configuration that is right by it; what is wrong by it was reported
	// before, all at once. Without one, everything is Open's concern.
	Schema configschema.Schema
	// Open makes the provider from its configuration. It returns every problem
	// of the configuration at once, with key paths relative to it, and must not
	// wait for the network: what cannot be reached is for Check and the first
	// call to say.
	Open func(ctx context.Context, env Environment) (P, diag.List)
}

// Configure checks the configuration by the schema, if there is one, and opens
// the provider when it is right. The problems are those of both.
func (d Definition[P]) Configure(ctx context.Context, env Environment) (P, diag.List) {
	var problems diag.List
	if d.Schema.Declared() {
		if env.Settings, problems = d.Schema.ReadSettings(env.Config); problems.HasErrors() {
			var none P
			return none, problems
		}
	}
	p, more := d.Open(ctx, env)
	return p, append(problems, more...)
}

// Environment is all that a provider gets from its host.
type Environment struct {
	// Config is a JSON object; it may contain credentials and is never logged.
	Config []byte
	// Settings is Config as the definition's Schema reads it; nil without one.
	Settings *configschema.Values
	// Logger reaches the host's log. Fixed messages, data in fields.
	Logger *slog.Logger
	// Tracer makes spans that continue the host's trace.
	Tracer trace.TracerProvider
}

// Traits are abilities that no method shows.
type Traits struct {
	// ListComplete: a listing without error holds every secret of the store.
	ListComplete bool
	// ConditionalSet: Set honours Expected.
	ConditionalSet bool
	// SoftDelete: deleted secrets can be recovered for a while.
	SoftDelete bool
	// Expiry and Tags: Set honours them.
	Expiry, Tags bool
	// HostBound: secrets open only on the host that wrote them.
	HostBound bool
}

// Limits of the store. Zero fields mean the limits of the contract.
type Limits struct {
	MaxValueBytes int
	MaxRefBytes   int
	// CallsPerSecond is what the backend allows, 0 when unknown. Where kinds of calls
	// have limits of their own, it is that for setting; a migration stays below it.
	CallsPerSecond float64
}
