package filestore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

var _ provider.Recoverer = (*Store)(nil)

// Recover brings a deleted secret back with all its versions.
func (s *Store) Recover(ctx context.Context, ref secret.Ref) (secret.Metadata, error) {
	var r record
	err := s.exclusively(ctx, func() error {
		e, err := s.look(naming.Name(string(ref)))
		if err != nil {
			return err
		}
		if err := e.mustBeDeleted(ref); err != nil {
			return err
		}
		folder := filepath.Join(s.folder, e.name)
		if r, err = readRecord(folder, e.current(), false); err != nil {
			return err
		}
		if err := os.Remove(filepath.Join(folder, markDeleted)); err != nil {
			return err
		}
		return syncFolder(folder)
	})
	if err != nil {
		return secret.Metadata{}, diskFault(ctx, "recover "+string(ref), err)
	}
	m := r.metadata()
	s.log.InfoContext(ctx, "secret recovered", telemetry.KeyRef, string(ref), telemetry.KeyName, m.Name)
	return m, nil
}

// Purge removes a deleted secret for ever.
func (s *Store) Purge(ctx context.Context, ref secret.Ref) error {
	name := naming.Name(string(ref))
	err := s.exclusively(ctx, func() error {
		e, err := s.look(name)
		if err != nil {
			return err
		}
		missing := e.mustBeDeleted(ref)
		if missing != nil && !e.purged {
			return missing
		}
		if err := s.destroy(e); err != nil {
			return err
		}
		return missing
	})
	if err != nil {
		return diskFault(ctx, "purge "+string(ref), err)
	}
	s.log.InfoContext(ctx, "secret purged", telemetry.KeyRef, string(ref), telemetry.KeyName, name)
	return nil
}

// mustBeDeleted returns why there is nothing to recover or to purge, or nil.
func (e entry) mustBeDeleted(ref secret.Ref) error {
	switch {
	case e.recoverable():
		return nil
	case e.there():
		return fault.New(fault.AlreadyExists, fault.SourceBackend, fmt.Sprintf("%s is there and not deleted", ref))
	}
	return fault.New(fault.NotFound, fault.SourceBackend, fmt.Sprintf("%s: there is no deleted secret", ref))
}
