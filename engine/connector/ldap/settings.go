package ldap

import (
	"cmp"
	"encoding/json"
	"net"
	"strconv"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const (
	securityLDAPS    = "ldaps"
	securityStartTLS = "starttls"
	securityNone     = "none"

	directoryLDAP = "ldap"
	directoryAD   = "activeDirectory"
)

// settings is a configuration with its defaults filled in.
type settings struct {
	directory          string
	host               string
	port               int
	security           string
	caFile, serverName string
	bindDN             string
	passwordRef        secret.Ref
	baseDN             string
	base               *goldap.DN
	filter             string
	attributes         []string
	anchor             string
	objectType         string
	pageSize           int
	timeout            time.Duration
	overlap            time.Duration
	overlapUSN         int
	serverSideSort     bool
	binaryAttributes   []string
}

func (s *settings) activeDirectory() bool { return s.directory == directoryAD }

// url names the server in errors and reports.
func (s *settings) url() string {
	scheme := "ldap"
	if s.security == securityLDAPS {
		scheme = "ldaps"
	}
	return scheme + "://" + s.address()
}

func (s *settings) address() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

// parseSettings returns the settings and every problem of the configuration.
func parseSettings(config json.RawMessage) (settings, diag.List) {
	v, problems := Kind{}.Schema().Read(config)
	if v == nil {
		return settings{}, problems
	}
	s := settings{
		directory: v.Text("directory"), host: v.Text("host"), security: v.Text("security"),
		caFile: v.Text("tls:caFile"), serverName: v.Text("tls:serverName"),
		bindDN: v.Text("bindDn"), passwordRef: v.Ref("passwordSecretRef"), baseDN: v.Text("baseDn"),
		attributes: v.List("attributes"), objectType: v.Text("objectType"), pageSize: int(v.Int("pageSize")),
		timeout: v.Duration("timeout"), overlap: v.Duration("overlap"), overlapUSN: int(v.Int("overlapUsn")),
		serverSideSort: v.Bool("serverSideSort"), binaryAttributes: v.List("binaryAttributes"),
	}
	port, filter, anchor := int64(389), defaultFilter, defaultAnchor
	if s.security == securityLDAPS {
		port = 636
	}
	if s.activeDirectory() {
		filter, anchor = defaultFilterAD, defaultAnchorAD
	}
	s.port = int(cmp.Or(v.Int("port"), port))
	s.filter, s.anchor = cmp.Or(v.Text("filter"), filter), cmp.Or(v.Text("anchorAttribute"), anchor)
	s.base, _ = goldap.ParseDN(s.baseDN) // checked by the schema

	if s.bindDN != "" {
		if err := checkBindName(s.bindDN, s.activeDirectory()); err != nil {
			problems.Errorf("bindDn", "%s", err)
		}
	}
	if s.serverSideSort && s.activeDirectory() {
		problems.Errorf("serverSideSort", "works with modifyTimestamp only; leave it out for directory %q", directoryAD)
	}
	if s.security == securityNone && (s.caFile != "" || s.serverName != "") {
		problems.Warnf("tls", "has no effect because security is %q", securityNone)
	}
	if s.security == securityNone && s.bindDN != "" {
		problems.Warnf("security", "the password travels unencrypted; set %q or %q", securityLDAPS, securityStartTLS)
	}
	if len(s.attributes) == 0 && !v.Wrong("attributes") {
		problems.Warnf("attributes", "every attribute is read; a list of the few that are needed makes imports several times faster")
	}
	return s, problems
}
