package store

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// AdminSession is a browser that is signed in to the Admin API.
type AdminSession struct {
	// ID names the session; it is not what signs in.
	ID string
	// Kind, Name, Role and Permissions say who is signed in, and Way how he did
	// that.
	Kind, Name, Role string
	Permissions      []string
	Way              string
	// Rules names what decided the role; see package authn.
	Rules string
	// TokenID is the token that began the session, which ends with it; empty for
	// none.
	TokenID string
	// Expires is when it ends even if it is used.
	Created, LastSeen, Expires time.Time
	Address, UserAgent         string
}

// SessionsOf says whose sessions are meant; zero stands for everybody's.
type SessionsOf struct{ Kind, Name string }

func (o SessionsOf) where() (string, []any) {
	if o == (SessionsOf{}) {
		return "", nil
	}
	return " WHERE kind = @p1 AND name = @p2", []any{o.Kind, o.Name}
}

const sessionColumns = "id, kind, name, role, permissions, way, rules, COALESCE(token_id, ''), created, last_seen, expires, address, user_agent"

func (x *AdminSession) scan(row func(into ...any) error) error {
	var permissions string
	err := row(&x.ID, &x.Kind, &x.Name, &x.Role, &permissions, &x.Way, &x.Rules, &x.TokenID, &productTime{&x.Created}, &productTime{&x.LastSeen},
		&productTime{&x.Expires}, &x.Address, &x.UserAgent)
	x.Permissions = strings.Fields(permissions)
	return err
}

// AddSession adds a session, says which id it has, and removes those that are over:
// expired, or last seen before idle. Created and LastSeen are taken as they are.
func (s *Store) AddSession(ctx context.Context, x AdminSession, hash TokenHash, idle time.Time) (AdminSession, error) {
	x.ID = s.cfg.NewID()
	x.Address, x.UserAgent = clip(x.Address, maxLabelBytes), clip(x.UserAgent, maxLabelBytes)
	err := s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		if _, err := s.exec(ctx, tx, "delete old sessions", "DELETE FROM IM_AdminSessions WHERE expires <= @p1 OR last_seen < @p2", x.Created, idle); err != nil {
			return err
		}
		var token any
		if x.TokenID != "" {
			token = x.TokenID
		}
		_, err := s.exec(ctx, tx, "insert session", `INSERT INTO IM_AdminSessions
			(session_hash, id, kind, name, role, permissions, way, rules, token_id, created, last_seen, expires, address, user_agent)
			VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11, @p12, @p13, @p14)`,
			hash.String(), x.ID, x.Kind, x.Name, x.Role, strings.Join(x.Permissions, " "), x.Way, x.Rules, token,
			x.Created, x.LastSeen, x.Expires, x.Address, x.UserAgent)
		return err
	})
	return x, err
}

// FindSession returns the session of that hash. [ErrNotFound].
func (s *Store) FindSession(ctx context.Context, hash TokenHash) (x AdminSession, err error) {
	err = x.scan(func(into ...any) error {
		return s.row(ctx, s.db.Read, "find session", "SELECT "+sessionColumns+" FROM IM_AdminSessions WHERE session_hash = @p1", []any{hash.String()}, into)
	})
	return x, err
}

// SeeSession notes that the session was used at that time.
func (s *Store) SeeSession(ctx context.Context, hash TokenHash, at time.Time) error {
	return s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		_, err := s.exec(ctx, tx, "see session", "UPDATE IM_AdminSessions SET last_seen = @p1 WHERE session_hash = @p2", at, hash.String())
		return err
	})
}

// DeleteSession ends a session. [ErrNotFound].
func (s *Store) DeleteSession(ctx context.Context, hash TokenHash) error {
	return s.deleteOne(ctx, "delete session", "DELETE FROM IM_AdminSessions WHERE session_hash = @p1", hash.String())
}

// ListSessions returns sessions, the one that was begun last first. Those that are
// over may be among them.
func (s *Store) ListSessions(ctx context.Context, of SessionsOf) (list []AdminSession, err error) {
	where, args := of.where()
	err = s.query(ctx, s.db.Read, "list sessions", func(rows *sql.Rows) error {
		var x AdminSession
		err := x.scan(rows.Scan)
		list = append(list, x)
		return err
	}, "SELECT "+sessionColumns+" FROM IM_AdminSessions"+where+" ORDER BY created DESC, id", args...)
	return list, err
}

// DeleteSessions ends sessions and returns how many there were.
func (s *Store) DeleteSessions(ctx context.Context, of SessionsOf) (n int64, err error) {
	err = s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		where, args := of.where()
		n, err = s.exec(ctx, tx, "delete sessions", "DELETE FROM IM_AdminSessions"+where, args...)
		return err
	})
	return n, err
}
