package ldap

import (
	"encoding/json"
	"net"
	"regexp"
	"strconv"
	"strings"
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
	var diags diag.List
	o := newJSONObject(config, "", &diags)
	var s settings
	s.directory = choice(o, "directory", directoryLDAP, directoryAD)
	s.host = o.text("host", "")
	if s.host == "" && o.fields != nil {
		o.errorf("host", "missing; expected the name or address of the directory server")
	} else if strings.ContainsAny(s.host, "/ @") {
		o.errorf("host", "expected a bare name or address without scheme, port or path, found %q", s.host)
	}
	s.security = choice(o, "security", securityLDAPS, securityStartTLS, securityNone)
	defaultPort := 389
	if s.security == securityLDAPS {
		defaultPort = 636
	}
	s.port = o.integer("port", defaultPort, 1, 65535)
	tls := o.object("tls")
	s.caFile = tls.text("caFile", "")
	s.serverName = tls.text("serverName", "")
	tls.finish()
	if s.security == securityNone && (s.caFile != "" || s.serverName != "") {
		diags.Warnf("tls", "has no effect because security is %q", securityNone)
	}
	parseBind(o, &s)
	parseSearch(o, &s)
	s.timeout = o.duration("timeout", time.Minute, time.Second, time.Hour)
	parseDelta(o, &s)
	o.finish()
	return s, diags
}

func parseBind(o *jsonObject, s *settings) {
	s.bindDN = o.text("bindDn", "")
	ref := o.text("passwordSecretRef", "")
	if s.bindDN != "" && !validBindName(s.bindDN, s.activeDirectory()) {
		expected := "a distinguished name such as cn=sync,dc=example,dc=test"
		if s.activeDirectory() {
			expected += `, a name such as svc@corp.example, or one such as CORP\svc`
		}
		o.errorf("bindDn", "expected %s, found %q", expected, s.bindDN)
	}
	if ref != "" {
		r, err := secret.ParseConfigRef(ref)
		if err != nil {
			o.errorf("passwordSecretRef", "%s", err)
		}
		s.passwordRef = r
	}
	switch {
	case s.bindDN != "" && ref == "":
		o.errorf("passwordSecretRef", "missing; bindDn needs a password (leave both out to read anonymously)")
	case s.bindDN == "" && ref != "":
		o.errorf("bindDn", "missing; passwordSecretRef needs a name to sign in with (leave both out to read anonymously)")
	}
	if s.security == securityNone && s.bindDN != "" {
		o.diags.Warnf("security", "the password travels unencrypted; set %q or %q", securityLDAPS, securityStartTLS)
	}
}

// validBindName takes what Active Directory takes beside a DN: a user principal
// name and DOMAIN\user.
func validBindName(name string, activeDirectory bool) bool {
	if activeDirectory {
		if _, _, ok := strings.Cut(name, "@"); ok && !strings.Contains(name, "=") {
			return true
		}
		if domain, user, ok := strings.Cut(name, `\`); ok && domain != "" && user != "" && !strings.Contains(name, "=") {
			return true
		}
	}
	_, err := goldap.ParseDN(name)
	return err == nil
}

// attributeName is an attribute description of RFC 4512, section 2.5.
var attributeName = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+)(;[A-Za-z0-9-]+)*$`)

func parseSearch(o *jsonObject, s *settings) {
	s.baseDN = o.text("baseDn", "")
	if s.baseDN == "" {
		if o.fields != nil {
			o.errorf("baseDn", "missing; expected where to search, such as ou=people,dc=example,dc=test")
		}
	} else if dn, err := goldap.ParseDN(s.baseDN); err != nil {
		o.errorf("baseDn", "expected a distinguished name, found %q: %s", s.baseDN, err)
	} else {
		s.base = dn
	}

	filter, anchor := "(objectClass=inetOrgPerson)", "entryUUID"
	if s.activeDirectory() {
		filter, anchor = "(&(objectClass=user)(objectCategory=person))", "objectGUID"
	}
	s.filter = o.text("filter", filter)
	if _, err := goldap.CompileFilter(s.filter); err != nil {
		o.errorf("filter", "expected an LDAP filter such as %s, found %q: %s", filter, s.filter, err)
	}
	s.anchor = o.text("anchorAttribute", anchor)
	checkAttribute(o, "anchorAttribute", s.anchor)
	s.attributes = o.list("attributes")
	for _, a := range s.attributes {
		if a != "*" && a != "+" {
			checkAttribute(o, "attributes", a)
		}
	}
	if len(s.attributes) == 0 && o.fields != nil {
		o.diags.Warnf("attributes", "every attribute is read; a list of the few that are needed makes imports several times faster")
	}
	s.binaryAttributes = o.list("binaryAttributes")
	for _, a := range s.binaryAttributes {
		checkAttribute(o, "binaryAttributes", a)
	}
	s.objectType = o.text("objectType", "user")
	if s.objectType == "" {
		o.errorf("objectType", "is empty; leave it out for %q", "user")
	}
	s.pageSize = o.integer("pageSize", 1000, 1, 5000)
}

func parseDelta(o *jsonObject, s *settings) {
	s.overlap = o.duration("overlap", time.Minute, 0, 24*time.Hour)
	s.overlapUSN = o.integer("overlapUsn", 100, 0, 1_000_000)
	s.serverSideSort = o.boolean("serverSideSort")
	if s.serverSideSort && s.activeDirectory() {
		o.errorf("serverSideSort", "works with modifyTimestamp only; leave it out for directory %q", directoryAD)
	}
}

func checkAttribute(o *jsonObject, key, name string) {
	switch {
	case !attributeName.MatchString(name):
		o.errorf(key, "expected an attribute name, found %q", name)
	case isSecretAttribute(name):
		o.errorf(key, "%s holds credentials and is never imported", name)
	}
}

// choice reads one of the options, the first of which is the default.
func choice(o *jsonObject, key string, options ...string) string {
	v := o.text(key, options[0])
	for _, option := range options {
		if v == option {
			return v
		}
	}
	o.errorf(key, "expected one of %s, found %q", strings.Join(options, ", "), v)
	return options[0]
}
