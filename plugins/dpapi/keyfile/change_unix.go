//go:build unix

package keyfile

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/identitymesh/identitymesh/sdk/wholefile"
)

// Open returns the keys of this host. The first use creates the file; processes
// that do so at the same time end up with the same keys. Errors are [*Error].
func (f Folder) Open(ctx context.Context) (*Keys, error) {
	if err := ensureFolder(f.path()); err != nil {
		return nil, err
	}
	keys, err := f.read()
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	unlock, err := f.lock(ctx, exclusive)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if keys, err = f.read(); !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	if err := f.create(); err != nil {
		return nil, err
	}
	return f.read()
}

// Use returns the keys as they are, with the promise that the file does not change
// until done is called. Whoever seals and stores holds it meanwhile, so that no
// key is retired in between. known are keys that were read before, or nil; they
// are returned when they are still those of the file.
func (f Folder) Use(ctx context.Context, known *Keys) (keys *Keys, done func(), err error) {
	if known == nil {
		if known, err = f.Open(ctx); err != nil { // it may create the file, which takes the whole lock
			return nil, nil, err
		}
	}
	unlock, err := f.lock(ctx, shared)
	if err != nil {
		return nil, nil, err
	}
	changed, err := f.Changed(known)
	if err == nil && changed {
		known, err = f.read()
	}
	if err != nil {
		unlock()
		return nil, nil, err
	}
	return known, unlock, nil
}

// AddPrimary makes a new key and lets it seal from now on; the others still open.
// When an earlier rotation was not finished, it changes nothing and says so: what
// is left of that one comes first.
func (f Folder) AddPrimary(ctx context.Context) (keys *Keys, unfinished bool, err error) {
	err = f.change(ctx, func(k *Keys) (*Keys, error) {
		if unfinished = k.Rotating; unfinished {
			return nil, nil
		}
		m := keyset.NewManagerFromHandle(k.handle)
		id, err := m.Add(aead.AES256GCMKeyTemplate())
		if err == nil {
			err = m.SetPrimary(id)
		}
		if err != nil {
			return nil, err
		}
		return k.with(m, true)
	})
	if err != nil {
		return nil, false, err
	}
	keys, err = f.Open(ctx)
	return keys, unfinished, err
}

// FinishRotation records that everything was sealed again, as far as it opened.
// primary is the key that it was sealed with.
func (f Folder) FinishRotation(ctx context.Context, primary string) error {
	return f.change(ctx, func(k *Keys) (*Keys, error) {
		if !k.Rotating || k.Primary() != primary {
			return nil, nil
		}
		return k.with(keyset.NewManagerFromHandle(k.handle), false)
	})
}

// Retire removes every key but the primary one that inUse does not name, and
// returns the ids of those. inUse is called while nobody seals.
func (f Folder) Retire(ctx context.Context, inUse func() (ids []string, err error)) (retired []string, err error) {
	err = f.change(ctx, func(k *Keys) (*Keys, error) {
		used, err := inUse()
		if err != nil {
			return nil, err
		}
		m := keyset.NewManagerFromHandle(k.handle)
		for _, id := range k.IDs() {
			if id == k.Primary() || slices.Contains(used, id) {
				continue
			}
			n, err := strconv.ParseUint(id, 10, 32)
			if err == nil {
				err = m.Delete(uint32(n))
			}
			if err != nil {
				return nil, err
			}
			retired = append(retired, id)
		}
		if len(retired) == 0 {
			return nil, nil
		}
		return k.with(m, k.Rotating)
	})
	if err != nil {
		return nil, err
	}
	return retired, nil
}

func (k *Keys) with(m *keyset.Manager, rotating bool) (*Keys, error) {
	handle, err := m.Handle()
	if err != nil {
		return nil, err
	}
	return &Keys{HostID: k.HostID, Rotating: rotating, handle: handle}, nil
}

// change replaces the file by what edit returns, while nobody else uses it; nil
// leaves it as it is. It is replaced whole or not at all.
func (f Folder) change(ctx context.Context, edit func(*Keys) (*Keys, error)) error {
	if _, err := f.Open(ctx); err != nil {
		return err
	}
	unlock, err := f.lock(ctx, exclusive)
	if err != nil {
		return err
	}
	defer unlock()
	keys, err := f.read()
	if err != nil {
		return err
	}
	next, err := edit(keys)
	if err != nil || next == nil {
		return err
	}
	return f.write(next, wholefile.Replace)
}

func (f Folder) create() error {
	id := make([]byte, 16)
	if _, err := io.ReadFull(f.Random, id); err != nil {
		return &Error{Path: f.Path(), Problem: "cannot be made", Err: err}
	}
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return &Error{Path: f.Path(), Problem: "cannot be made", Err: err}
	}
	// A key file is never replaced by a new one.
	return f.write(&Keys{HostID: hex.EncodeToString(id), handle: handle}, wholefile.Create)
}

// write makes the file, 0600 and flushed to the disk, and puts it in place. The
// whole lock must be held.
func (f Folder) write(k *Keys, put func(path string, mode fs.FileMode, write func(io.Writer) error) error) error {
	leftovers, _ := filepath.Glob(f.Path() + ".*.tmp") // of processes that were killed right here
	for _, old := range leftovers {
		_ = os.Remove(old)
	}
	raw, err := f.marshal(k)
	if err != nil {
		return &Error{Path: f.Path(), Problem: "cannot be made", Err: err, Wrapping: f.Source != nil}
	}
	defer clear(raw)
	if err := put(f.Path(), 0o600, func(w io.Writer) error { _, err := w.Write(raw); return err }); err != nil {
		return &Error{Path: f.Path(), Problem: "cannot be written", Err: err}
	}
	return nil
}
