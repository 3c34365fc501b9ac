package authn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Finder looks a token up by its hash.
type Finder interface {
	FindToken(ctx context.Context, hash store.TokenHash) (store.AdminToken, error)
}

// Guard lets only signed-in operators through.
type Guard struct {
	tokens   Finder
	logger   *slog.Logger
	failures *throttle
}

// GuardConfig of a [Guard].
type GuardConfig struct {
	Tokens Finder
	Logger *slog.Logger
	Now    func() time.Time
}

// NewGuard returns a guard.
func NewGuard(c GuardConfig) *Guard {
	return &Guard{tokens: c.Tokens, logger: c.Logger, failures: newThrottle(c.Now)}
}

// Require passes a request with a valid token on to next, with the operator in
// its context. The token is looked up by its hash, so that how long that takes
// says nothing about the token. A valid token always passes: refusing an address
// for its failures only quietens it, for a token cannot be guessed.
func (g *Guard) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		operator, err := g.operator(r)
		if err != nil {
			g.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), operatorKey{}, operator)))
	})
}

// errRefused is a credential that signs in nobody.
type errRefused string

func (e errRefused) Error() string { return string(e) }

func (g *Guard) operator(r *http.Request) (string, error) {
	header := r.Header.Get("Authorization")
	scheme, token, _ := strings.Cut(header, " ")
	switch {
	case header == "":
		return "", errRefused("the request has no token")
	case !strings.EqualFold(scheme, "Bearer"):
		return "", errRefused("the Authorization header is not of the scheme Bearer")
	case !strings.HasPrefix(token, Prefix):
		return "", errRefused("the token is none of this product; those begin with " + Prefix)
	}
	found, err := g.tokens.FindToken(r.Context(), hash(strings.TrimSpace(token)))
	if errors.Is(err, store.ErrNotFound) {
		return "", errRefused("the token is not valid, or was replaced")
	}
	return found.Name, err
}

func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var refused errRefused
	if !errors.As(err, &refused) {
		g.logger.ErrorContext(r.Context(), "a token could not be looked up", telemetry.KeyError, err)
		problem.Write(w, r, problem.New(http.StatusServiceUnavailable, "database-unavailable",
			"The token could not be checked because the product database did not answer; see the log."))
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="IdentityMesh"`)
	if wait := g.failures.failed(r.RemoteAddr); wait > 0 {
		seconds := int((wait + time.Second - 1) / time.Second)
		p := problem.New(http.StatusTooManyRequests, "too-many-failed-sign-ins",
			fmt.Sprintf("Too many requests from this address had no valid token; wait %d s or send a valid one.", seconds))
		p.RetryAfterSeconds = seconds
		problem.Write(w, r, p)
		return
	}
	g.logger.WarnContext(r.Context(), "sign-in failed", "remote", r.RemoteAddr, "why", err.Error())
	problem.Write(w, r, problem.New(http.StatusUnauthorized, "sign-in-required", "Sign-in failed: "+err.Error()+
		". Send the header Authorization: Bearer with the token from the file "+FileName+" in the data folder; "+
		"identitymesh-adminapi token reset makes a new one."))
}

type operatorKey struct{}

// Operator returns who signed in, empty outside of a signed-in request.
func Operator(ctx context.Context) string {
	name, _ := ctx.Value(operatorKey{}).(string)
	return name
}
