package filestore

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

var _ provider.Writer = (*Store)(nil)

// Set stores a further version. Comparing with req.Expected and writing are one
// step, because nobody else writes meanwhile.
func (s *Store) Set(ctx context.Context, req provider.SetRequest) (secret.Metadata, error) {
	var r record
	err := s.exclusively(ctx, func() error {
		e, err := s.look(naming.Name(string(req.Ref)))
		if err != nil {
			return err
		}
		if err := e.mayBeSet(req); err != nil {
			return err
		}
		if err := s.clean(e); err != nil {
			return err
		}
		r, err = s.nextRecord(e, req)
		if err != nil {
			return err
		}
		return s.write(e.name, r)
	})
	if err != nil {
		return secret.Metadata{}, diskFault(ctx, "set "+string(req.Ref), err)
	}
	m := r.metadata()
	s.log.InfoContext(ctx, "secret set", telemetry.KeyRef, string(m.Ref), telemetry.KeyName, m.Name, telemetry.KeyVersion, string(m.Version))
	return m, nil
}

// Delete removes a secret: in such a way that Recover can bring it back when the
// store has that, which is in recover.go, else for ever.
func (s *Store) Delete(ctx context.Context, ref secret.Ref) error {
	_, undoable := any(s).(provider.Recoverer)
	name := naming.Name(string(ref))
	err := s.exclusively(ctx, func() error {
		e, err := s.look(name)
		if err != nil {
			return err
		}
		missing := e.mustBeThere(ref)
		switch {
		case missing != nil && !e.purged:
			return missing
		case missing == nil && undoable:
			return writeWhole(filepath.Join(s.folder, name), markDeleted)
		}
		if err := s.destroy(e); err != nil {
			return err
		}
		return missing
	})
	if err != nil {
		return diskFault(ctx, "delete "+string(ref), err)
	}
	s.log.InfoContext(ctx, "secret deleted", telemetry.KeyRef, string(ref), telemetry.KeyName, name)
	return nil
}

// mayBeSet compares what is there with what the caller expects.
func (e entry) mayBeSet(req provider.SetRequest) error {
	if e.recoverable() {
		return fault.New(fault.Deleted, fault.SourceBackend,
			fmt.Sprintf("%s was deleted and still holds its name: recover or purge it first", req.Ref))
	}
	current := ""
	if e.there() {
		current = e.current()
	}
	switch {
	case req.Expected == nil || string(*req.Expected) == current:
		return nil
	case *req.Expected == secret.Current:
		return fault.New(fault.AlreadyExists, fault.SourceBackend, fmt.Sprintf("%s exists, at version %s", req.Ref, current))
	case current == "":
		return fault.New(fault.VersionConflict, fault.SourceBackend, fmt.Sprintf("%s does not exist, version %s was expected", req.Ref, *req.Expected))
	}
	return fault.New(fault.VersionConflict, fault.SourceBackend,
		fmt.Sprintf("%s is at version %s, %s was expected", req.Ref, current, *req.Expected))
}

// nextRecord is the version to write.
func (s *Store) nextRecord(e entry, req provider.SetRequest) (record, error) {
	end := make([]byte, 4)
	if _, err := rand.Read(end); err != nil {
		return record{}, err
	}
	now := s.now().UTC()
	r := record{
		version: fmt.Sprintf("%010d-%s", e.nextNumber(), hex.EncodeToString(end)),
		head:    head{Ref: req.Ref, Created: now, Updated: now, Expires: utc(req.Expires), Tags: req.Tags},
		value:   req.Value.Reveal(),
	}
	r.head.SHA256 = digest(r.value)
	if e.there() {
		// A version that cannot be read must not keep a new one from being set.
		if old, err := readRecord(filepath.Join(s.folder, e.name), e.current(), false); err == nil {
			r.head.Created = old.head.Created
		}
	}
	return r, nil
}

// write puts r into the folder name, which it makes when there is none.
func (s *Store) write(name string, r record) error {
	line, err := json.Marshal(r.head)
	if err != nil {
		return err
	}
	folder := filepath.Join(s.folder, name)
	switch err := os.Mkdir(folder, 0o700); {
	case err == nil:
		if err := syncFolder(s.folder); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	return writeWhole(folder, r.version, append(line, '\n'), r.value)
}

// utc leaves the zero time, which means never, as it is.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}
