package authn

import (
	"errors"
	"fmt"
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
	// SignIn returns who the credential stands for. A [Refused] says that it stands
	// for nobody; any other error, that this could not be found out.
	SignIn(r *http.Request) (authz.Principal, error)
	// Challenge is what WWW-Authenticate offers to those without a credential;
	// empty for nothing.
	Challenge() string
}

// Refused is a credential that signs in nobody. Its text says why and repeats
// nothing of it.
type Refused string

// Error returns the reason.
func (e Refused) Error() string { return string(e) }

// Guard lets only signed-in operators through.
type Guard struct {
	ways     []Way
	logger   *slog.Logger
	failures *throttle
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
	return &Guard{ways: c.Ways, logger: c.Logger, failures: newThrottle(c.Now)}
}

// Require passes a request with a valid credential on to next, with the principal
// in its context. A valid one always passes: refusing an address for its failures
// only quietens it.
func (g *Guard) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := g.signIn(r)
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
		return authz.Principal{}, Refused("the request has no credential")
	}
	return authz.Principal{}, Refused("the Authorization header is of no kind that this Admin API takes; tokens of this product begin with " + Prefix)
}

func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var refused Refused
	if !errors.As(err, &refused) {
		g.logger.ErrorContext(r.Context(), "a credential could not be checked", telemetry.KeyError, err)
		problem.Write(w, r, problem.New(http.StatusServiceUnavailable, "sign-in-unavailable",
			"The credential could not be checked, because what knows it did not answer; see the log."))
		return
	}
	for _, way := range g.ways {
		if challenge := way.Challenge(); challenge != "" {
			w.Header().Add("WWW-Authenticate", challenge)
		}
	}
	if wait := g.failures.failed(r.RemoteAddr); wait > 0 {
		seconds := int((wait + time.Second - 1) / time.Second)
		p := problem.New(http.StatusTooManyRequests, "too-many-failed-sign-ins",
			fmt.Sprintf("Too many requests from this address had no valid credential; wait %d s or send a valid one.", seconds))
		p.RetryAfterSeconds = seconds
		problem.Write(w, r, p)
		return
	}
	g.logger.WarnContext(r.Context(), "sign-in failed", "remote", r.RemoteAddr, "why", err.Error())
	problem.Write(w, r, problem.New(http.StatusUnauthorized, "sign-in-required", "Sign-in failed: "+err.Error()+
		". Send the header Authorization: Bearer with the token from the file "+FileName+" in the data folder; "+
		"identitymesh-adminapi token reset makes a new one."))
}
