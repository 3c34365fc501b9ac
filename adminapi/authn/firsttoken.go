package authn

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/engine/store"
)

const (
	// FileName of the first token within the data folder.
	FileName = "admin-token"
	// Name of the token that the product makes by itself. No other may have it.
	Name = "administrator"

	// lockLimit is how long another process may take to make the file.
	lockLimit = 30 * time.Second
	lockPoll  = 20 * time.Millisecond
)

// State says what became of the token at a start.
type State string

// The states.
const (
	// Created: there was none; the file is new.
	Created State = "created"
	// Present: the token in the file signs in.
	Present State = "present"
	// Lost: there is a token, but not in the file.
	Lost State = "lost"
)

// File returns the path of the token's file.
func (t *Tokens) File() string { return filepath.Join(t.Folder, FileName) }

// Prepare makes the first token. Where there is one it only reports whether the
// file still holds it.
func (t *Tokens) Prepare(ctx context.Context) (State, error) {
	found, err := t.exists(ctx)
	if err != nil {
		return "", err
	}
	if !found {
		switch made, err := t.createFirst(ctx); {
		case errors.Is(err, store.ErrNameTaken):
			return Lost, nil // an Admin API with another data folder was faster
		case made || err != nil:
			return Created, err
		}
	}
	text, err := os.ReadFile(t.File())
	if errors.Is(err, fs.ErrNotExist) {
		return Lost, nil
	}
	if err != nil {
		return "", fmt.Errorf("read the token's file: %w", err)
	}
	_, err = t.Store.FindToken(ctx, hash(strings.TrimSpace(string(text))))
	if errors.Is(err, store.ErrNotFound) {
		return Lost, nil
	}
	return Present, err
}

func (t *Tokens) exists(ctx context.Context) (bool, error) {
	n, err := t.Store.CountTokens(ctx)
	if err != nil {
		return false, fmt.Errorf("count the administrator tokens: %w", err)
	}
	return n > 0, nil
}

// createFirst makes a token unless another process just did.
func (t *Tokens) createFirst(ctx context.Context) (made bool, err error) {
	unlock, err := t.lock(ctx)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if found, err := t.exists(ctx); found || err != nil {
		return false, err
	}
	return true, t.create(ctx)
}

// Reset makes a new token in place of the one that the product made before.
func (t *Tokens) Reset(ctx context.Context) (err error) {
	unlock, err := t.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	list, err := t.List(ctx)
	if err != nil {
		return fmt.Errorf("find the old token: %w", err)
	}
	for _, old := range list {
		if !strings.EqualFold(old.Name, Name) {
			continue
		}
		if err := t.Delete(ctx, old.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("delete the old token: %w", err)
		}
	}
	return t.create(ctx)
}

// lock keeps other processes from the token's file: they would replace it by one
// whose token is not kept, and remove it.
func (t *Tokens) lock(ctx context.Context) (unlock func() error, err error) {
	if err := os.MkdirAll(t.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the token's file: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockLimit)
	defer cancel()
	lock := flock.New(t.File()+".lock", flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return nil, fmt.Errorf("wait for another process that makes the token's file %s: %w", t.File(), err)
	}
	return lock.Close, nil
}

// create is called with the lock held. It writes the file before the hash, so that
// a crash in between leaves a file that signs in nobody instead of a token that
// nobody has.
func (t *Tokens) create(ctx context.Context) error {
	token, err := t.random()
	if err != nil {
		return err
	}
	if err := t.write(token + "\n"); err != nil {
		return fmt.Errorf("write the token's file: %w", err)
	}
	if _, err := t.Store.AddToken(ctx, store.AdminToken{Name: Name, Hint: hint(token), Role: string(authz.Admin)}, hash(token)); err != nil {
		return errors.Join(fmt.Errorf("store the token's hash: %w", err), os.Remove(t.File()))
	}
	return nil
}

// write replaces the file. The new one is created exclusively with its mode, so
// that nobody else can have it open or read it in between.
func (t *Tokens) write(text string) (err error) {
	if err := os.Remove(t.File()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(t.File(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.Sync()
}
