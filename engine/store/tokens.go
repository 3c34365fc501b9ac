package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// TokenHash is the SHA-256 of an operator's token; the token itself is never
// stored. Tokens are long and random, so that a plain hash is enough.
type TokenHash [sha256.Size]byte

// AdminToken is a token that signs in to the Admin API.
type AdminToken struct {
	// Name is unique without regard to case; it is who audit records name.
	Name    string
	Created time.Time
}

// AddToken adds a token. [ErrNameTaken].
func (s *Store) AddToken(ctx context.Context, name string, hash TokenHash) (AdminToken, error) {
	name = strings.TrimSpace(name)
	if name == "" || len(name) > MaxNameBytes {
		return AdminToken{}, fmt.Errorf("the name must have 1 to %d bytes", MaxNameBytes)
	}
	token := AdminToken{Name: name, Created: s.now()}
	err := s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		_, err := s.exec(ctx, tx, "insert token", "INSERT INTO IM_AdminTokens (token_hash, name, name_key, created) VALUES (@p1, @p2, @p3, @p4)",
			hex.EncodeToString(hash[:]), name, key(name), token.Created)
		return nameTaken(err)
	})
	if err != nil {
		return AdminToken{}, err
	}
	return token, nil
}

// FindToken returns the token of that hash. [ErrNotFound].
func (s *Store) FindToken(ctx context.Context, hash TokenHash) (t AdminToken, err error) {
	err = s.row(ctx, s.db.Read, "find token", "SELECT name, created FROM IM_AdminTokens WHERE token_hash = @p1",
		[]any{hex.EncodeToString(hash[:])}, []any{&t.Name, &productTime{&t.Created}})
	return t, err
}

// DeleteToken removes the token of that name. [ErrNotFound].
func (s *Store) DeleteToken(ctx context.Context, name string) error {
	return s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		n, err := s.exec(ctx, tx, "delete token", "DELETE FROM IM_AdminTokens WHERE name_key = @p1", key(name))
		if err == nil && n == 0 {
			return ErrNotFound
		}
		return err
	})
}

// CountTokens returns how many tokens there are.
func (s *Store) CountTokens(ctx context.Context) (n int64, err error) {
	err = s.row(ctx, s.db.Read, "count tokens", "SELECT COUNT(*) FROM IM_AdminTokens", nil, []any{&n})
	return n, err
}
