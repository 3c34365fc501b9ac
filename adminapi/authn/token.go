// Package authn signs operators in to the Admin API: by a bearer token that is
// made at the first start, written once to a file that only the service's
// account can read, and stored as a hash.
//
// What a signed-in operator may do is not decided here. Start reading at
// [Tokens.Prepare] and [Guard].
package authn

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/identitymesh/identitymesh/engine/store"
)

const (
	// FileName of the token within the data folder.
	FileName = "admin-token"
	// Name of the token that the product makes by itself.
	Name = "administrator"
	// Prefix begins every token, so that scanners for leaked credentials and
	// people recognise one.
	Prefix = "imat_"

	randomBytes = 32
)

// Store keeps the hashes of tokens.
type Store interface {
	AddToken(ctx context.Context, name string, hash store.TokenHash) (store.AdminToken, error)
	FindToken(ctx context.Context, hash store.TokenHash) (store.AdminToken, error)
	DeleteToken(ctx context.Context, name string) error
	CountTokens(ctx context.Context) (int64, error)
}

// Tokens makes tokens.
type Tokens struct {
	Store Store
	// Folder in which the file is written; created, for its owner only.
	Folder string
	// Random is where tokens come from; nil means crypto/rand.
	Random io.Reader
}

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
func (t Tokens) File() string { return filepath.Join(t.Folder, FileName) }

// Prepare makes the first token. Where there is one it only reports whether the
// file still holds it.
func (t Tokens) Prepare(ctx context.Context) (State, error) {
	n, err := t.Store.CountTokens(ctx)
	if err != nil {
		return "", fmt.Errorf("count the administrator tokens: %w", err)
	}
	if n == 0 {
		err := t.create(ctx)
		if !errors.Is(err, store.ErrNameTaken) {
			return Created, err
		}
		return Lost, nil // another Admin API on the same database was faster
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

// Reset makes a new token in place of the one that the product made before.
func (t Tokens) Reset(ctx context.Context) error {
	if err := t.Store.DeleteToken(ctx, Name); err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("delete the old token: %w", err)
	}
	return t.create(ctx)
}

// create writes the file before the hash, so that a crash in between leaves a
// file that signs in nobody instead of a token that nobody has.
func (t Tokens) create(ctx context.Context) error {
	random := t.Random
	if random == nil {
		random = rand.Reader
	}
	bytes := make([]byte, randomBytes)
	if _, err := io.ReadFull(random, bytes); err != nil {
		return fmt.Errorf("make a token: %w", err)
	}
	token := Prefix + base64.RawURLEncoding.EncodeToString(bytes)
	if err := t.write(token + "\n"); err != nil {
		return fmt.Errorf("write the token's file: %w", err)
	}
	if _, err := t.Store.AddToken(ctx, Name, hash(token)); err != nil {
		return errors.Join(fmt.Errorf("store the token's hash: %w", err), os.Remove(t.File()))
	}
	return nil
}

// write replaces the file. The new one is created exclusively with its mode, so
// that nobody else can have it open or read it in between.
func (t Tokens) write(text string) (err error) {
	if err := os.MkdirAll(t.Folder, 0o700); err != nil {
		return err
	}
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

func hash(token string) store.TokenHash { return sha256.Sum256([]byte(token)) }
