// Package filestore is a small provider that does everything the contract has,
// over files of the local disk: a template to copy, and an example to read.
//
// It is no store for production: values stand in the files in the clear, and
// nothing but the permissions of the files protects them.
//
// Each ability has a file of its own: list.go, versions.go, write.go, recover.go
// and check.go can be deleted when the store behind your provider cannot do it,
// and hosts are told so without a further line. How a secret lies on the disk is
// in entry.go and record.go. Start reading at [Definition], then [Open].
package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Definition returns the plugin under a name of your own, short and lower case,
// that stays for ever. version is a semantic version without a leading v.
func Definition(name, version string) provider.Definition[*Store] {
	return provider.Definition[*Store]{
		Name:    name,
		Version: version,
		Traits:  provider.Traits{ListComplete: true, ConditionalSet: true, SoftDelete: true, Expiry: true, Tags: true},
		Schema:  schema(),
		Open:    Open,
	}
}

// Store keeps secrets as files below one folder, which several processes may use
// at the same time. It is safe for concurrent use.
type Store struct {
	folder string
	log    *slog.Logger
	now    func() time.Time
	// turn is held by the one call of this process that may write.
	turn chan struct{}
}

// Open returns the store that env.Settings describes. It does not look at the disk:
// whether the folder can be used is for the first call and for [Store.Check] to
// say.
func Open(_ context.Context, env provider.Environment) (*Store, diag.List) {
	return &Store{
		folder: filepath.Clean(env.Settings.Text(keyFolder)), log: env.Logger, now: time.Now, turn: make(chan struct{}, 1),
	}, nil
}

// Describe returns the metadata of the newest version.
func (s *Store) Describe(ctx context.Context, ref secret.Ref) (secret.Metadata, error) {
	r, err := s.read(ctx, ref, secret.Current, false)
	if err != nil {
		return secret.Metadata{}, err
	}
	return r.metadata(), nil
}

// Get returns the value at version, or the newest. A value past its expiry is
// still served: expiry informs here.
func (s *Store) Get(ctx context.Context, ref secret.Ref, version secret.Version) (secret.Secret, error) {
	r, err := s.read(ctx, ref, version, true)
	if err != nil {
		return secret.Secret{}, err
	}
	return secret.Secret{Metadata: r.metadata(), Value: secret.NewValue(r.value)}, nil
}

// maxTries bounds how often a reader looks again because what it saw was purged
// before it could open it.
const maxTries = 10

// read needs no lock: versions are never changed once they have their name.
func (s *Store) read(ctx context.Context, ref secret.Ref, version secret.Version, withValue bool) (record, error) {
	tried := "read " + string(ref)
	for range maxTries {
		if ctx.Err() != nil {
			break
		}
		e, err := s.look(naming.Name(string(ref)))
		if err != nil {
			return record{}, diskFault(ctx, tried, err)
		}
		if err := e.mustBeThere(ref); err != nil {
			return record{}, err
		}
		chosen, ok := e.choose(version)
		if !ok {
			return record{}, fault.New(fault.NotFound, fault.SourceBackend, fmt.Sprintf("%s has no version %s", ref, version))
		}
		r, err := readRecord(filepath.Join(s.folder, e.name), chosen, withValue)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return record{}, diskFault(ctx, tried, err)
		case r.head.Ref != ref:
			return record{}, fault.New(fault.Corrupt, fault.SourceBackend, "the folder "+e.name+" holds a secret of another ref")
		}
		return r, nil
	}
	return record{}, diskFault(ctx, tried, errors.New("it was purged again and again while it was read"))
}
