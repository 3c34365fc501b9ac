package appsettings

import (
	"net/url"
	"time"

	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Audit is the section Audit.
type Audit struct{ Head AuditHead }

// AuditHead is Audit:Head: where the ends of the audit log are written, out of reach
// for whoever can change the database.
type AuditHead struct {
	// File is absolute; empty for none.
	File string
	// URL begins with https://; zero for none. It is secret because the path of such
	// an address often lets in whoever knows it.
	URL secret.Value
	// KeyFile is absolute, and set when File or URL is.
	KeyFile string
	// Interval between two heads.
	Interval time.Duration
}

func (r *reader) audit(s *section) Audit {
	defer s.done()
	head := s.sub("Head")
	defer head.done()
	h := AuditHead{
		File:     head.folderOrFile("File"),
		URL:      head.secret("Url"),
		KeyFile:  head.folderOrFile("KeyFile"),
		Interval: head.duration("Interval", 24*time.Hour, time.Minute, 30*24*time.Hour),
	}
	if !h.URL.IsZero() {
		u, err := url.Parse(string(h.URL.Reveal()))
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
			r.fail(head.node.member("Url"), head.at("Url"), "expected an address that begins with https:// and has no user name; it is not repeated here because it may let others in")
		}
	}
	if (h.File != "" || !h.URL.IsZero()) && h.KeyFile == "" {
		r.diags.Errorf(head.at("KeyFile"), "required with Audit:Head:File or Audit:Head:Url: the file with the key that the heads are authenticated with; "+
			"make one with: openssl rand -hex 32")
	}
	return Audit{h}
}
