package authn

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/store"
)

const (
	// secureCookie is the cookie's name over TLS; browsers hold such a one to be
	// Secure, of this host alone and for all of it. plainCookie is for loopback.
	secureCookie = "__Host-im"
	plainCookie  = "im-session"

	// BackgroundHeader marks a request that a page makes by itself, with whatever
	// value. Such requests do not keep a session alive.
	BackgroundHeader = "X-IdentityMesh-Background"
)

// CookieName returns the name of the cookie.
func (s *Sessions) CookieName() string {
	if s.Secure {
		return secureCookie
	}
	return plainCookie
}

func (s *Sessions) cookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: s.CookieName(), Value: value, Path: "/", MaxAge: maxAge, Secure: s.Secure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}

// cookieOf returns the session's id that the request has, empty for none.
func (s *Sessions) cookieOf(r *http.Request) string {
	if c, err := r.Cookie(s.CookieName()); err == nil {
		return c.Value
	}
	return ""
}

// Takes implements [Way].
func (s *Sessions) Takes(r *http.Request) bool { return s.cookieOf(r) != "" }

// Challenge implements [Way]. There is none for cookies.
func (*Sessions) Challenge() string { return "" }

// SignIn returns who began the session of the request's cookie. Browsers send the
// cookie whatever page makes the request, so it counts only for pages of this host.
func (s *Sessions) SignIn(r *http.Request) (authz.Principal, error) {
	if !fromOwnPage(r) {
		return authz.Principal{}, problem.New(http.StatusForbidden, "cross-origin",
			"A session counts only for requests of the Admin API's own pages; programs send a token in the header Authorization.")
	}
	x, err := s.Current(r)
	if err != nil {
		return authz.Principal{}, err
	}
	return authz.Principal{Kind: authz.Kind(x.Kind), Name: x.Name, Role: authz.Role(x.Role), Permissions: authz.Narrow(authz.Role(x.Role), x.Permissions)}, nil
}

// Current returns the session of the request's cookie. An [Over] says that there is
// none.
func (s *Sessions) Current(r *http.Request) (store.AdminSession, error) {
	hash := hash(s.cookieOf(r))
	known, err := s.known.get(hash, func() (*knownSession, error) {
		found, err := s.Store.FindSession(r.Context(), hash)
		return &knownSession{found, seenAt(found.LastSeen)}, err
	})
	if errors.Is(err, store.ErrNotFound) {
		return store.AdminSession{}, Over("it was ended, or it is none of this Admin API")
	}
	if err != nil {
		return store.AdminSession{}, err
	}
	x, now := known.AdminSession, s.Now()
	x.LastSeen = known.used.last() // what was looked up may be older
	if why := s.over(x, now); why != "" {
		return store.AdminSession{}, Over(why)
	}
	// Short idle times need more notes to be kept.
	if !inBackground(r) && known.used.again(now, min(seenPeriod, s.Idle/4)) {
		x.LastSeen = now
		s.notes.write("session "+x.ID, func(ctx context.Context) error { return s.Store.SeeSession(ctx, hash, now) })
	}
	return x, nil
}

// inBackground reports whether a page makes the request by itself. Streams of events
// are opened again and again by the browser, which sends no header of ours.
func inBackground(r *http.Request) bool {
	return r.Header.Get(BackgroundHeader) != "" || r.Header.Get("Accept") == "text/event-stream"
}

// fromOwnPage reports whether a browser made the request for a page of this host.
// To change something it must say so; older ones say it with Origin only.
func fromOwnPage(r *http.Request) bool {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin":
		return true
	case "none": // typed in, or a bookmark
		return reads
	case "":
	default:
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return reads
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host) && (r.TLS == nil || u.Scheme == "https")
}
