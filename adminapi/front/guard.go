package front

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/identitymesh/identitymesh/adminapi/problem"
)

// guard refuses what no honest client sends, and says in the answer's headers
// what browsers must not do with it.
func (f *front) guard(next http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		if guarded(r) {
			h.Set("Cache-Control", "no-store")
		}
		// A page of another site can make a browser resolve its own name to this
		// address; the Host header still has that name.
		if !f.ownHost(r.Host) {
			problem.Write(w, r, problem.New(http.StatusMisdirectedRequest, "wrong-host",
				"The Host header names another host. Add the name to AdminApi:Hosts, or to the certificate in AdminApi:Tls; without that only "+
					"loopback addresses, localhost and the hosts of AdminApi:Listen and AdminApi:Url are known here."))
			return
		}
		if r.TLS != nil && !loopback(hostName(r.Host)) { // on loopback others listen too, who have no TLS
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if err := origin.Check(r); err != nil {
			problem.Write(w, r, problem.New(http.StatusForbidden, "cross-origin", "A page of another origin may not change anything here: "+err.Error()+"."))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, MaxBodyBytes)
		next.ServeHTTP(w, r)
	})
}

func (f *front) ownHost(host string) bool {
	name := strings.ToLower(hostName(host))
	return loopback(name) || name != "" && (name == strings.ToLower(hostName(f.Listen)) || slices.Contains(f.Hosts, name) || f.Vouches != nil && f.Vouches(name))
}

func loopback(name string) bool {
	address, err := netip.ParseAddr(name)
	return err == nil && address.Unmap().IsLoopback() || strings.EqualFold(name, "localhost")
}

// hostName returns the host without a port and brackets.
func hostName(hostPort string) string {
	if host, _, err := net.SplitHostPort(hostPort); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(hostPort, "["), "]")
}

// route hands the request to the mux, whose own words for an unknown path or
// method become a problem.
func (f *front) route(w http.ResponseWriter, r *http.Request) {
	handler, pattern := f.Mux.Handler(r)
	if pattern != "" {
		f.Mux.ServeHTTP(w, r)
		return
	}
	said := &muted{header: http.Header{}}
	handler.ServeHTTP(said, r)
	if allow := said.header.Get("Allow"); said.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", allow)
		problem.Write(w, r, problem.New(said.status, "method-not-allowed", fmt.Sprintf("This path takes %s; see /docs.", allow)))
		return
	}
	problem.Write(w, r, problem.New(http.StatusNotFound, "no-such-path", "There is nothing at this path; see /docs."))
}

// muted hears what a handler says and tells nobody.
type muted struct {
	header http.Header
	status int
}

func (m *muted) Header() http.Header         { return m.header }
func (m *muted) WriteHeader(status int)      { m.status = status }
func (m *muted) Write(b []byte) (int, error) { return len(b), nil }
