// Package stores opens the two stores of a migration, each behind its own plugin and
// through the same contract as the engine: the one that secrets come from and the one
// that they go to, which must be another.
//
// It says which store is which and compares values without keeping anything of them.
// What is done with the stores is for others. Start reading at [Open].
package stores

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/boot"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/pace"
)

// Selection says which store.
type Selection struct {
	// Provider as Secrets:Provider would call it; empty for the one that the
	// configuration puts into force.
	Provider string
	// Config is the settings file that configures it; empty for the program's own.
	Config string
	// File has what Config had when a switch wrote over it; empty while Config has it.
	File string
	// Store is what the store must call itself; empty for anything.
	Store string
}

// Of returns the selection of a side that the ledger knows.
func Of(s ledger.Side) Selection {
	return Selection{Provider: s.Provider, Config: s.Config, Store: s.Store}
}

// Caller is a store's plugin as a migration calls it.
type Caller interface {
	facade.ValueReader
	// Describe returns what may be shown of a secret.
	Describe(ctx context.Context, ref secret.Ref) (secret.Metadata, error)
	// List returns a page of the store's secrets.
	List(ctx context.Context, req provider.ListRequest) (secret.Page, error)
	Changer
}

// Changer changes a store.
type Changer interface {
	// Set stores a value, which the caller wipes afterwards.
	Set(ctx context.Context, req provider.SetRequest) (secret.Metadata, error)
	// Delete removes a secret.
	Delete(ctx context.Context, ref secret.Ref) error
	// Close stops the plugin.
	Close() error
}

// Store is one open side. It is safe for concurrent use.
type Store struct {
	Caller
	// Side is how the ledger calls it.
	Side ledger.Side
	// Info is what its plugin says of itself, Check what works right now.
	Info  facade.Info
	Check provider.CheckReport
	// Pacer keeps calls that set below what the store takes.
	Pacer *pace.Pacer
	// File is the settings file that it was configured by; empty for the program's own.
	File string
	// Sleep waits between two tries; nil for the system's clock.
	Sleep func(context.Context, time.Duration) error

	config []byte
}

// Pair is both stores of a migration.
type Pair struct{ From, To *Store }

// Close stops the plugins.
func (p *Pair) Close() error {
	var errs []error
	for _, s := range []*Store{p.From, p.To} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}

// SameStoreError is a migration from a store to itself.
type SameStoreError struct{ From, To ledger.Side }

func (e *SameStoreError) Error() string {
	return fmt.Sprintf("%s and %s are the same store, %s: say with --to or --to-config where the secrets are to go "+
		"(a variable such as Secrets__KeyVault__VaultUri changes both configurations)", e.From.Provider, e.To.Provider, e.From.Store)
}

// OtherStoreError is a store that is not the one of the plan.
type OtherStoreError struct {
	Side    ledger.Side
	Planned string
}

func (e *OtherStoreError) Error() string {
	return fmt.Sprintf("%s is %s now, but the migration was planned with %s: put the configuration back, or plan another migration",
		e.Side.Provider, e.Side.Store, e.Planned)
}

// Open opens both stores and waits until their plugins are ready. All problems of
// both configurations come as one [*diag.InvalidError]; stores that are one give a
// [*SameStoreError], and one that is not the selection's an [*OtherStoreError].
func Open(ctx context.Context, program *boot.Program, environ []string, from, to Selection) (_ *Pair, err error) {
	a, problems := choose(program, environ, from)
	b, more := choose(program, environ, to)
	problems = append(problems, more...)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	pair := &Pair{}
	defer func() {
		if err != nil {
			err = errors.Join(err, pair.Close())
		}
	}()
	if pair.From, err = open(ctx, program, a, from); err != nil {
		return pair, err
	}
	if pair.To, err = open(ctx, program, b, to); err != nil {
		return pair, err
	}
	if pair.From.same(pair.To) {
		return pair, &SameStoreError{pair.From.Side, pair.To.Side}
	}
	return pair, nil
}

// choose finds the provider.
func choose(program *boot.Program, environ []string, s Selection) (catalog.Choice, diag.List) {
	var problems diag.List
	settings, inForce, all := program.Settings, program.Choice, program.Plugins()
	file := cmp.Or(s.File, s.Config)
	if file != "" {
		executable, err := os.Executable()
		if err != nil {
			problems.Errorf("", "find the program's own file: %v", err)
			return catalog.Choice{}, problems
		}
		o := catalog.Options{Executable: executable, Environ: environ}
		var found diag.List
		settings, found = appsettings.Load(appsettings.Options{File: file, Environ: environ})
		problems.Append("", found)
		if problems.HasErrors() {
			return catalog.Choice{}, problems
		}
		inForce, found = catalog.Choose(settings, o)
		if s.Provider == "" {
			problems.Append("", found)
		}
		all = catalog.All(settings, o)
	}
	if s.Provider == "" {
		return inForce, problems
	}
	var known []string
	for _, c := range all {
		if strings.EqualFold(c.Provider, s.Provider) {
			if c.Provider == catalog.AzureKeyVault {
				problems.Append("", settings.Secrets.KeyVaultProblems)
			}
			return c, problems
		}
		known = append(known, c.Provider)
	}
	where := cmp.Or(file, "the configuration")
	problems.Errorf("", "%s has no provider %q; it has: %s", where, s.Provider, strings.Join(known, ", "))
	return catalog.Choice{}, problems
}

func open(ctx context.Context, program *boot.Program, choice catalog.Choice, s Selection) (*Store, error) {
	// The other configuration's data folder is its own; sockets belong to us.
	config := program.Host()
	config.Choice = choice
	carrier, err := host.OpenCarrier(config)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, fault.SourceHost, "start the secret provider "+choice.Provider, err)
	}
	store := &Store{Caller: carrier, Side: ledger.Side{Provider: choice.Provider, Config: s.Config}, File: cmp.Or(s.File, s.Config), config: choice.Plugin.Config.Reveal()}
	if store.Info, err = carrier.Info(ctx); err == nil {
		store.Pacer = pace.New(pace.Config{PerSecond: store.Info.Limits.CallsPerSecond})
		err = store.check(ctx, carrier)
	}
	if err == nil && s.Store != "" && s.Store != store.Side.Store {
		err = &OtherStoreError{store.Side, s.Store}
	}
	if err != nil {
		return nil, errors.Join(err, carrier.Close())
	}
	return store, nil
}

// check asks what works, and for the store's own name. A provider need not know.
func (s *Store) check(ctx context.Context, carrier *host.Carrier) error {
	report, err := carrier.Check(ctx)
	if err != nil && !fault.Is(err, fault.Unsupported) {
		return fmt.Errorf("check the store of %s: %w", s.Side.Provider, err)
	}
	s.Check = report
	s.Side.Store = report.Target
	if s.Side.Store == "" {
		s.Side.Store = s.Info.Name
		if s.Side.Config != "" {
			s.Side.Store += " of " + filepath.Base(s.Side.Config)
		}
	}
	return nil
}

// same reports whether both are one store: the same plugin with the same
// configuration, or one that gives both the same name.
func (s *Store) same(other *Store) bool {
	if s.Info.Name != other.Info.Name {
		return false
	}
	return string(s.config) == string(other.config) || s.Check.Target != "" && strings.EqualFold(s.Check.Target, other.Check.Target)
}

// Settings returns what the plugin is configured with.
func (s *Store) Settings() []byte { return s.config }

// Has reports whether the store's plugin claims c.
func (s *Store) Has(c facade.Capability) bool { return s.Info.Capabilities.Has(c) }

// Find returns what the check said of "read", "write" or "list", and whether it tried.
func (s *Store) Find(name string) (provider.CheckResult, bool) {
	for _, r := range s.Check.Results {
		if r.Name == name && !r.Skipped {
			return r, true
		}
	}
	return provider.CheckResult{}, false
}
