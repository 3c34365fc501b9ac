package authn

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/engine/store"
)

// SessionFinder looks sessions up and notes their use.
type SessionFinder interface {
	FindSession(ctx context.Context, hash store.TokenHash) (store.AdminSession, error)
	SeeSession(ctx context.Context, hash store.TokenHash, at time.Time) error
}

// SessionKeeper keeps the hashes of sessions.
type SessionKeeper interface {
	AddSession(ctx context.Context, x store.AdminSession, hash store.TokenHash, idle time.Time) (store.AdminSession, error)
	DeleteSession(ctx context.Context, hash store.TokenHash) error
	ListSessions(ctx context.Context, of store.SessionsOf) ([]store.AdminSession, error)
	DeleteSessions(ctx context.Context, of store.SessionsOf) (int64, error)
}

// SessionStore keeps sessions.
type SessionStore interface {
	SessionFinder
	SessionKeeper
}

// WayToken is the way of a session that a token began.
const WayToken = "token"

// Sessions are the browsers that are signed in. It is a [Way]: it takes the cookie
// that [Sessions.Start] sets. It is safe for concurrent use.
type Sessions struct {
	SessionsConfig
	known *recent[*knownSession]
	notes notes
}

// SessionsConfig of [Sessions].
type SessionsConfig struct {
	Store SessionStore
	// Secure says that browsers reach the Admin API over TLS, here or at a proxy.
	Secure bool
	// Idle is how long a session lives unused, and Absolute how long at most.
	Idle, Absolute time.Duration
	// Rules names what decides the roles of users whom another system vouches for. A
	// session of such a user ends when that has changed.
	Rules string
	// Random is where ids come from; nil means crypto/rand.
	Random io.Reader
	Logger *slog.Logger
	Now    func() time.Time
}

type knownSession struct {
	store.AdminSession
	used *seen
}

// NewSessions returns the sessions in a store.
func NewSessions(c SessionsConfig) *Sessions {
	if c.Random == nil {
		c.Random = rand.Reader
	}
	return &Sessions{SessionsConfig: c, known: newRecent[*knownSession](c.Now), notes: notes{logger: c.Logger}}
}

// Close waits until every use is noted.
func (s *Sessions) Close() { s.notes.pending.Wait() }

// Start begins a session for p and sets its cookie on the answer, which must not
// have been begun. Way names how he signed in, for example "oidc". A session that
// the browser had before ends.
//
// The cookie is SameSite=Strict. A browser that comes from another site, as at the
// callback of an OpenID provider, takes it, but does not send it with that
// navigation nor with those that it is redirected to. So answer such a request with
// 303 to a page of the Admin UI, by a path of this host and never by an address
// from the request: pages need no sign-in, and what a page then asks of /api comes
// from its own site and has the cookie. What such a way must remember between its
// own two requests needs a cookie of its own with SameSite=Lax.
func (s *Sessions) Start(w http.ResponseWriter, r *http.Request, p authz.Principal, way string) error {
	x := sessionOf(p, way)
	x.Rules = s.Rules
	_, err := s.start(w, r, x, time.Time{})
	return err
}

// StartByToken is [Sessions.Start] for who proved to have a token. The session ends
// with the token.
func (s *Sessions) StartByToken(w http.ResponseWriter, r *http.Request, token store.AdminToken) (store.AdminSession, error) {
	x := sessionOf(PrincipalOf(token), WayToken)
	x.TokenID = token.ID
	return s.start(w, r, x, token.Expires)
}

func sessionOf(p authz.Principal, way string) store.AdminSession {
	x := store.AdminSession{Kind: string(p.Kind), Name: p.Name, Role: string(p.Role), Way: way}
	for _, permission := range p.Permissions {
		x.Permissions = append(x.Permissions, string(permission))
	}
	return x
}

func (s *Sessions) start(w http.ResponseWriter, r *http.Request, x store.AdminSession, latest time.Time) (store.AdminSession, error) {
	bytes := make([]byte, randomBytes)
	if _, err := io.ReadFull(s.Random, bytes); err != nil {
		return x, fmt.Errorf("make a session: %w", err)
	}
	id := base64.RawURLEncoding.EncodeToString(bytes)
	now := s.Now()
	x.Created, x.LastSeen, x.Expires = now, now, now.Add(s.Absolute)
	if !latest.IsZero() && latest.Before(x.Expires) {
		x.Expires = latest
	}
	x.UserAgent, x.Address = r.UserAgent(), r.RemoteAddr
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		x.Address = host
	}
	if old := s.cookieOf(r); old != "" {
		if err := s.delete(r.Context(), hash(old)); err != nil && !errors.Is(err, store.ErrNotFound) {
			return x, fmt.Errorf("end the session before: %w", err)
		}
	}
	x, err := s.Store.AddSession(r.Context(), x, hash(id), now.Add(-s.Idle))
	if err != nil {
		return x, fmt.Errorf("begin a session: %w", err)
	}
	http.SetCookie(w, s.cookie(id, 0))
	return x, nil
}

// End ends the session of the request and takes its cookie back.
func (s *Sessions) End(w http.ResponseWriter, r *http.Request) error {
	if id := s.cookieOf(r); id != "" {
		if err := s.delete(r.Context(), hash(id)); err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("end the session: %w", err)
		}
	}
	http.SetCookie(w, s.cookie("", -1))
	return nil
}

func (s *Sessions) delete(ctx context.Context, hash store.TokenHash) error {
	defer s.known.forget()
	return s.Store.DeleteSession(ctx, hash)
}

// EndAll ends all sessions of somebody, or of everybody, and returns how many there
// were. Other processes know of it after two seconds.
func (s *Sessions) EndAll(ctx context.Context, of store.SessionsOf) (int64, error) {
	defer s.known.forget()
	return s.Store.DeleteSessions(ctx, of)
}

// Forget makes this process look every session up anew, as after a token was
// deleted.
func (s *Sessions) Forget() { s.known.forget() }

// List returns the sessions that are not over, the one that was begun last first.
func (s *Sessions) List(ctx context.Context, of store.SessionsOf) ([]store.AdminSession, error) {
	list, err := s.Store.ListSessions(ctx, of)
	now := s.Now()
	return slices.DeleteFunc(list, func(x store.AdminSession) bool { return s.over(x, now) != "" }), err
}

// IdleEnd returns when a session ends if it is not used again.
func (s *Sessions) IdleEnd(x store.AdminSession) time.Time {
	if end := x.LastSeen.Add(s.Idle); end.Before(x.Expires) {
		return end
	}
	return x.Expires
}

// over says why a session is over, empty when it is not.
func (s *Sessions) over(x store.AdminSession, now time.Time) string {
	role := authz.Permissions(authz.Role(x.Role))
	switch {
	case !now.Before(x.Expires):
		return "it reached its longest time, or the token that began it expired"
	case !now.Before(x.LastSeen.Add(s.Idle)):
		return "it was not used for " + s.Idle.String()
	case x.TokenID == "" && x.Rules != s.Rules:
		return "the rules that decide the roles of users were changed"
	case slices.ContainsFunc(x.Permissions, func(p string) bool { return !slices.Contains(role, authz.Permission(p)) }):
		return "the role may do less than before"
	}
	return ""
}
