package authn

import (
	"errors"
	"net/http"

	"github.com/identitymesh/identitymesh/adminapi/authz"
)

// Still reports whether the credential of a request that takes long is as good as
// when it began, and has the permission. When that cannot be found out, it counts
// as good. It is no use of a session.
func (g *Guard) Still(r *http.Request, needs authz.Permission) bool {
	r = r.Clone(r.Context())
	r.Header.Set(BackgroundHeader, "1")
	who, err := g.signIn(r)
	var refused Refused
	var over Over
	if errors.As(err, &refused) || errors.As(err, &over) {
		return false
	}
	return err != nil || who.May(needs)
}
