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

// TokenHash is the SHA-256 of an operator's token, or of a session's id; these
// themselves are never stored. They are long and random, so that a plain hash is
// enough.
type TokenHash [sha256.Size]byte

// String returns the hash as the tables have it.
func (h TokenHash) String() string { return hex.EncodeToString(h[:]) }

// AdminToken is a token that signs in to the Admin API.
type AdminToken struct {
	ID string
	// Name is unique without regard to case; it is who audit records name.
	Name string
	// Hint is how the token begins, for people who look for one.
	Hint string
	// Role, and the permissions of it that the token has; none stands for all.
	Role        string
	Permissions []string
	Created     time.Time
	// CreatedBy names who made it, as the audit log does.
	CreatedBy string
	// Expires is zero for never, LastUsed for not yet.
	Expires, LastUsed time.Time
}

const tokenColumns = "id, name, hint, role, permissions, created, created_by, expires, last_used"

func (t *AdminToken) scan(row func(into ...any) error) error {
	var permissions string
	err := row(&t.ID, &t.Name, &t.Hint, &t.Role, &permissions, &productTime{&t.Created}, &t.CreatedBy, &productTime{&t.Expires}, &productTime{&t.LastUsed})
	t.Permissions = strings.Fields(permissions)
	return err
}

// AddToken adds a token and says which id it has and when it was made.
// [ErrNameTaken].
func (s *Store) AddToken(ctx context.Context, t AdminToken, hash TokenHash) (AdminToken, error) {
	t.ID, t.Name, t.Created = s.cfg.NewID(), strings.TrimSpace(t.Name), s.now()
	if t.Name == "" || len(t.Name) > MaxNameBytes {
		return AdminToken{}, fmt.Errorf("the name must have 1 to %d bytes", MaxNameBytes)
	}
	err := s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		_, err := s.exec(ctx, tx, "insert token", `INSERT INTO IM_AdminTokens (token_hash, id, name, name_key, hint, role, permissions, created, created_by, expires)
			VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10)`,
			hash.String(), t.ID, t.Name, key(t.Name), t.Hint, t.Role, strings.Join(t.Permissions, " "), t.Created, clip(t.CreatedBy, maxLabelBytes), t.Expires)
		return nameTaken(err)
	})
	if err != nil {
		return AdminToken{}, err
	}
	return t, nil
}

// FindToken returns the token of that hash. [ErrNotFound].
func (s *Store) FindToken(ctx context.Context, hash TokenHash) (t AdminToken, err error) {
	err = t.scan(func(into ...any) error {
		return s.row(ctx, s.db.Read, "find token", "SELECT "+tokenColumns+" FROM IM_AdminTokens WHERE token_hash = @p1", []any{hash.String()}, into)
	})
	return t, err
}

// ListTokens returns all tokens by name.
func (s *Store) ListTokens(ctx context.Context) (list []AdminToken, err error) {
	err = s.query(ctx, s.db.Read, "list tokens", func(rows *sql.Rows) error {
		var t AdminToken
		err := t.scan(rows.Scan)
		list = append(list, t)
		return err
	}, "SELECT "+tokenColumns+" FROM IM_AdminTokens ORDER BY name_key")
	return list, err
}

// UseToken notes that the token was used at that time.
func (s *Store) UseToken(ctx context.Context, id string, at time.Time) error {
	return s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		_, err := s.exec(ctx, tx, "use token", "UPDATE IM_AdminTokens SET last_used = @p1 WHERE id = @p2", at, id)
		return err
	})
}

// DeleteToken removes the token of that id and ends the sessions that it began.
// [ErrNotFound].
func (s *Store) DeleteToken(ctx context.Context, id string) error {
	return s.deleteOne(ctx, "delete token", "DELETE FROM IM_AdminTokens WHERE id = @p1", id)
}

func (s *Store) deleteOne(ctx context.Context, name, query, arg string) error {
	return s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		n, err := s.exec(ctx, tx, name, query, arg)
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
