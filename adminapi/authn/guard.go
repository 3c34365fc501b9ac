package authn

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Way is one way to sign in with a request itself.
type Way interface {
	// Takes reports whether the request has a credential of this way.
	Takes(r *http.Request) bool
	// SignIn returns who the credential stands for. A [Refused] or an [Over] says that
	// it stands for nobody; a *problem.Problem is the answer itself; any other error
	// says that this could not be found out.
	SignIn(r *http.Request) (authz.Principal, error)
	// Challenge is what WWW-Authenticate offers to those without a credential;
	// empty for nothing.
	Challenge() string
}

type answerKey struct{}

// AnswerHeader is the header of the answer to a request with which a [Guard] asks a
// [Way]: a way may add to it what it has to say to the client.
func AnswerHeader(r *http.Request) http.Header {
	if h, ok := r.Context().Value(answerKey{}).(http.Header); ok {
		return h
	}
	return http.Header{} // nobody reads it
}

// Refused is a credential that signs in nobody. Its text says why and repeats
// nothing of it.
type Refused string

// Error returns the reason.
func (e Refused) Error() string { return string(e) }

// Over is a session that has ended. Its text says why. It was good once and is not
// guessed, so it is no failure that counts.
type Over string

// Error returns the reason.
func (o Over) Error() string { return string(o) }

// nothing is the error of a request without a credential, which is no failure
// either.
const nothing = Over("the request has no credential")

// Guard lets only signed-in operators through.
type Guard struct {
	ways     []Way
	logger   *slog.Logger
	failures *Lockout
}

// GuardConfig of a [Guard].
type GuardConfig struct {
	// Ways are tried in this order; the first that takes a request decides.
	Ways   []Way
	Logger *slog.Logger
	Now    func() time.Time
}

// NewGuard returns a guard.
func NewGuard(c GuardConfig) *Guard {
	return &Guard{ways: c.Ways, logger: c.Logger, failures: NewLockout(c.Now)}
}

// Failures returns how many requests had a credential that signs in nobody.
func (g *Guard) Failures() int64 { return g.failures.Total() }

// Require passes a request with a valid credential on to next, with the principal
// in its context. A valid one always passes: refusing an address for its failures
// only quietens it.
func (g *Guard) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := g.signIn(r.WithContext(context.WithValue(r.Context(), answerKey{}, w.Header())))
		if err != nil {
			g.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(authz.With(r.Context(), who)))
	})
}

func (g *Guard) signIn(r *http.Request) (authz.Principal, error) {
	for _, way := range g.ways {
		if way.Takes(r) {
			return way.SignIn(r)
		}
	}
	if r.Header.Get("Authorization") == "" {
		return authz.Principal{}, nothing
	}
	return authz.Principal{}, Refused("the Authorization header is of no kind that this Admin API takes; tokens of this product begin with " + Prefix)
}

func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var refused Refused
	var over Over
	var answer *problem.Problem
	switch {
	case errors.As(err, &answer):
		problem.Write(w, r, answer)
		return
	case errors.As(err, &over), errors.As(err, &refused):
	default:
		g.logger.ErrorContext(r.Context(), "a credential could not be checked", telemetry.KeyError, err)
		problem.Write(w, r, Unavailable())
		return
	}
	for _, way := range g.ways {
		// A browser would open a dialog of its own over the page that asked.
		if challenge := way.Challenge(); challenge != "" && r.Header.Get("Sec-Fetch-Mode") == "" {
			w.Header().Add("WWW-Authenticate", challenge)
		}
	}
	switch {
	case err == nothing:
		problem.Write(w, r, Required("Sign-in failed: "+err.Error()))
	case over != "":
		problem.Write(w, r, Required("The session is over: "+err.Error()))
	default:
		if wait := g.failures.Failed(r.RemoteAddr, ""); wait > 0 {
			problem.Write(w, r, TooMany(wait))
			return
		}
		g.logger.WarnContext(r.Context(), "sign-in failed", "remote", r.RemoteAddr, "why", err.Error())
		problem.Write(w, r, Required("Sign-in failed: "+err.Error()))
	}
}

// Required is the problem of a request that signs in nobody.
func Required(why string) *problem.Problem {
	return problem.New(http.StatusUnauthorized, "sign-in-required", why+
		". Sign in at the Admin UI, or send the header Authorization: Bearer with a token; the first one is in the file "+FileName+
		" in the data folder, and identitymesh-adminapi token reset makes it anew.")
}

// Unavailable is the problem of a sign-in that could not be checked.
func Unavailable() *problem.Problem {
	return problem.New(http.StatusServiceUnavailable, "sign-in-unavailable",
		"The credential could not be checked, because what knows it did not answer; see the log.")
}
