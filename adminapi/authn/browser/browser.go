// Package browser is what the ways share by which a browser signs in through
// another system: they begin a session and lead back into the Admin UI, or show a
// page that says in words why not.
//
// What a session is and which ways there are is decided in package authn and the
// packages beside this one. Start reading at [Door].
package browser

import (
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Sessions begins a session on the answer; [authn.Sessions] does.
type Sessions interface {
	Start(w http.ResponseWriter, r *http.Request, p authz.Principal, way string) error
}

// Door lets browsers in.
type Door struct {
	Sessions Sessions
	Failures *authn.Lockout
	Logger   *slog.Logger
}

// ReturnParameter is the query parameter with the page of the UI to come back to.
const ReturnParameter = "return"

// Return is the page of the UI that a request asks to come back to: its path and
// query. Whatever leads elsewhere becomes the first page.
func Return(wanted string) string {
	u, err := url.Parse(wanted)
	switch {
	case err != nil, u.Scheme != "", u.Host != "", u.User != nil, u.Opaque != "",
		!strings.HasPrefix(u.Path, "/"), len(wanted) > 1024,
		// Browsers take a backslash for a slash, and two of them begin a host.
		strings.Contains(wanted, `\`), strings.Contains(u.Path, `\`), strings.Contains(u.Path, "//"), strings.Contains(u.Path, ".."),
		strings.ContainsFunc(wanted, unicode.IsControl), strings.ContainsFunc(u.Path, unicode.IsControl),
		// Nothing that answers there is a page.
		within(u.Path, "/api"), within(u.Path, "/auth"):
		return "/"
	}
	back := url.URL{Path: u.Path, RawQuery: u.RawQuery}
	return back.String()
}

func within(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

// Navigates reports whether the request can be a browser's own going to a page, from
// a page of this host or from none. Neither the images and scripts nor the links of
// other sites can sign anybody in.
func Navigates(r *http.Request) bool {
	mode, site := r.Header.Get("Sec-Fetch-Mode"), r.Header.Get("Sec-Fetch-Site")
	return (mode == "" || mode == "navigate") && (site == "" || site == "same-origin" || site == "none")
}

// Private keeps an answer out of caches.
func Private(w http.ResponseWriter) { w.Header().Set("Cache-Control", "no-store") }

// Enter begins a session and leads to the page, which is one that [Return] gave.
func (d Door) Enter(w http.ResponseWriter, r *http.Request, who authz.Principal, way, page string) {
	Private(w)
	if err := d.Sessions.Start(w, r, who, way); err != nil {
		d.Logger.ErrorContext(r.Context(), "a session could not be begun", telemetry.KeyError, err, "request_id", problem.RequestID(r.Context()))
		d.page(w, r, http.StatusServiceUnavailable, "The Admin API could not begin a session; its log says why.")
		return
	}
	d.Logger.InfoContext(r.Context(), "signed in", "operator", who.String(), "role", string(who.Role), "way", way, "remote", r.RemoteAddr)
	http.Redirect(w, r, page, http.StatusSeeOther)
}

// Refuse says why nobody is signed in. The words are for people and repeat nothing
// of a credential.
func (d Door) Refuse(w http.ResponseWriter, r *http.Request, way, words string) {
	Private(w)
	if wait := d.Failures.Failed(r.RemoteAddr, ""); wait > 0 {
		p := authn.TooMany(wait)
		w.Header().Set("Retry-After", p.RetryAfter())
		d.page(w, r, p.Status, p.Detail)
		return
	}
	d.Logger.WarnContext(r.Context(), "sign-in failed", "way", way, "remote", r.RemoteAddr, "why", words, "request_id", problem.RequestID(r.Context()))
	d.page(w, r, http.StatusUnauthorized, words)
}

// Ask asks for a credential, or to begin anew where other sites could have led the
// browser here. The words are seen where it has none. It is no failure that counts.
func (d Door) Ask(w http.ResponseWriter, r *http.Request, words string) {
	Private(w)
	d.page(w, r, http.StatusUnauthorized, words)
}

// Unavailable says that it could not be found out who somebody is. The error is for
// the log; nil when it is there already.
func (d Door) Unavailable(w http.ResponseWriter, r *http.Request, way string, err error, words string) {
	Private(w)
	if err != nil {
		d.Logger.ErrorContext(r.Context(), "a credential could not be checked", "way", way, telemetry.KeyError, err, "request_id", problem.RequestID(r.Context()))
	}
	d.page(w, r, http.StatusServiceUnavailable, words)
}

// Waits answers requests of an address that has to wait, and reports whether it did.
func (d Door) Waits(w http.ResponseWriter, r *http.Request) bool {
	wait := d.Failures.Wait(r.RemoteAddr, "")
	if wait > 0 {
		Private(w)
		p := authn.TooMany(wait)
		w.Header().Set("Retry-After", p.RetryAfter())
		d.page(w, r, p.Status, p.Detail)
	}
	return wait > 0
}

const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (d Door) page(w http.ResponseWriter, r *http.Request, status int, words string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	w.WriteHeader(status)
	_ = refusal().Execute(w, map[string]string{"Words": words, "Request": problem.RequestID(r.Context())}) // the client left; nobody can be told
}

func refusal() *template.Template {
	return template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign-in failed - IdentityMesh</title>
<link rel="stylesheet" href="/page.css">
</head>
<body>
<main>
<h1>You are not signed in</h1>
<p role="alert">{{.Words}}</p>
<p><a href="/">Back to the sign-in page</a></p>
{{with .Request}}<p>Request {{.}}; the log of the Admin API has it.</p>{{end}}
</main>
</body>
</html>
`))
}
