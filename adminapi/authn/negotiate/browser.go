package negotiate

import (
	"net/http"

	"github.com/identitymesh/identitymesh/adminapi/authn/browser"
)

// Path is where browsers sign in.
const Path = "/auth/negotiate"

// SignIn begins sessions for browsers that have a ticket.
type SignIn struct {
	Way  *Way
	Door browser.Door
}

// Register adds the path to mux.
func (s SignIn) Register(mux *http.ServeMux) { mux.HandleFunc("GET "+Path, s.signIn) }

func (s SignIn) signIn(w http.ResponseWriter, r *http.Request) {
	if s.Door.Waits(w, r) {
		return
	}
	if !browser.Navigates(r) {
		// It is no failure: pages of other sites could lock out whoever looks at them.
		s.Door.Ask(w, r, "Begin on the sign-in page of the Admin API: neither a link nor a picture of another site signs anybody in.")
		return
	}
	if !s.Way.Takes(r) {
		w.Header().Set("WWW-Authenticate", scheme)
		s.Door.Ask(w, r, "This browser sent no Kerberos ticket. It does so only for sites that its policies name "+
			"(Chrome and Edge: AuthServerAllowlist, or the intranet zone of Windows; Firefox: network.negotiate-auth.trusted-uris), "+
			"on a computer that is signed in to the domain.")
		return
	}
	who, proof, err := s.Way.signIn(r)
	switch {
	case errRefused(err):
		s.Door.Refuse(w, r, Name, "Sign-in failed: "+err.Error()+".")
	case err != nil:
		s.Door.Unavailable(w, r, Name, err, "The ticket could not be checked; the log of the Admin API says why.")
	default:
		w.Header().Set("WWW-Authenticate", proof)
		s.Door.Enter(w, r, who, Name, browser.Return(r.URL.Query().Get(browser.ReturnParameter)))
	}
}
