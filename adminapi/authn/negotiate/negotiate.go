// Package negotiate signs operators in with their Kerberos ticket, as Windows does
// in a domain: by the Negotiate scheme (SPNEGO, RFC 4559), in every request or once
// for a browser's session.
//
// The messages are gokrb5's concern; who may sign in is decided here, from the
// decrypted ticket alone, and which role that gives by [authz.Mapping]. NTLM is not
// taken. Start reading at [Way.SignIn], then accept.
package negotiate

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/sdk/appsettings"
)

const (
	// Name is what sessions and logs call the sign-in.
	Name = "negotiate"

	scheme = "Negotiate"
	// clockSkew is how far clients' clocks may be off; RFC 4120 suggests as much.
	clockSkew = 5 * time.Minute
)

// Config of a [Way].
type Config struct {
	Settings appsettings.Negotiate
	Roles    authz.Mapping
	Logger   *slog.Logger
	Now      func() time.Time
}

// Way signs in with a ticket in the request's header Authorization. It is safe for
// concurrent use.
type Way struct {
	Config
	keys *keys
	seen *seen
}

var _ authn.Way = (*Way)(nil)

// New reads the keytab and fails when it has no key for the service.
func New(c Config) (*Way, error) {
	k, err := openKeys(c.Settings, c.Logger)
	if err != nil {
		return nil, err
	}
	return &Way{Config: c, keys: k, seen: newSeen(c.Now)}, nil
}

// Principals are the service principals that tickets may be for.
func (w *Way) Principals() []string { return w.keys.current().principals() }

// Takes implements [authn.Way].
func (*Way) Takes(r *http.Request) bool { return ticketOf(r) != "" }

// Challenge implements [authn.Way].
func (*Way) Challenge() string { return scheme }

// SignIn implements [authn.Way]. It proves to the client who answers, where the
// client asked for that.
func (w *Way) SignIn(r *http.Request) (authz.Principal, error) {
	who, proof, err := w.signIn(r)
	if err == nil && proof != "" {
		authn.AnswerHeader(r).Set("WWW-Authenticate", proof)
	}
	return who, err
}

// signIn returns who the ticket is of, and the header that proves who answers.
func (w *Way) signIn(r *http.Request) (who authz.Principal, proof string, err error) {
	// The decoders read what strangers send; a flaw in one is no reason to fall.
	defer func() {
		if p := recover(); p != nil {
			w.Logger.ErrorContext(r.Context(), "a Negotiate token could not be decoded", "remote", r.RemoteAddr, "stack", string(debug.Stack()))
			who, proof, err = authz.Principal{}, "", authn.Refused("the Negotiate token is malformed")
		}
	}()
	bytes, err := base64.StdEncoding.DecodeString(ticketOf(r))
	if err != nil {
		return who, "", authn.Refused("the Negotiate token is not in Base64")
	}
	token, err := decode(bytes)
	if err != nil {
		return who, "", err
	}
	// Tickets may be for certain addresses only; without one they are for none of those.
	address, _ := types.GetHostAddress(r.RemoteAddr)
	identity, err := w.accept(token, address)
	if err != nil {
		return who, "", err
	}
	if who, err = w.principal(identity); err != nil {
		return who, "", err
	}
	answer, err := token.answer()
	if err != nil {
		return authz.Principal{}, "", fmt.Errorf("prove to the client who answers: %w", err)
	}
	return who, scheme + " " + base64.StdEncoding.EncodeToString(answer), nil
}

// principal returns the operator that an identity stands for.
func (w *Way) principal(i identity) (authz.Principal, error) {
	same := authz.Exactly
	if i.windows {
		same = authz.IgnoringCase // as Active Directory compares names
	}
	if role := w.Roles.Strongest(append([]string{i.name}, i.others...), same); role != "" {
		return authz.NewUser(i.name, role), nil
	}
	const most = 30
	groups, more := i.groups, ""
	if len(groups) > most {
		groups, more = groups[:most], fmt.Sprintf(" and %d more", len(groups)-most)
	}
	seen := "the ticket names no groups"
	if len(groups) > 0 {
		seen = "the ticket's groups are " + strings.Join(groups, ", ") + more
	}
	return authz.Principal{}, authn.Refused(fmt.Sprintf("%q has no role here: %s, and none of that is in Authentication:Roles", i.name, seen))
}

// ticketOf returns what the request's header has of this scheme, empty for nothing.
func ticketOf(r *http.Request) string {
	name, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(name, scheme) {
		return ""
	}
	return strings.TrimSpace(token)
}

// errRefused reports whether the error is one for the client.
func errRefused(err error) bool {
	var refused authn.Refused
	return errors.As(err, &refused)
}
