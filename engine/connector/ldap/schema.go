package ldap

import (
	"fmt"
	"regexp"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/identitymesh/identitymesh/sdk/configschema"
	"github.com/identitymesh/identitymesh/sdk/diag"
)

// Schema describes a configuration. What depends on several keys at once is
// checked beside it.
func (Kind) Schema() configschema.Schema {
	return configschema.Schema{Fields: []configschema.Field{
		{Key: "directory", Type: configschema.Enum, Values: []string{directoryLDAP, directoryAD}, Default: directoryLDAP,
			About: "`activeDirectory` for domain controllers of Active Directory (also Samba), `ldap` for any other directory"},
		{Key: "host", Type: configschema.Text, Required: true, Check: checkHost,
			About: "Name or address of the server, without scheme or port"},
		{Key: "port", Type: configschema.Integer, Min: "1", Max: "65535",
			About: "When left out, 636 with `ldaps`, 389 otherwise"},
		{Key: "security", Type: configschema.Enum, Values: []string{securityLDAPS, securityStartTLS, securityNone}, Default: securityLDAPS,
			About: "How the connection is protected. With `none` nothing is encrypted, which is a warning if a password is used"},
		{Key: "tls", Type: configschema.Object, About: "The server's certificate", Fields: []configschema.Field{
			{Key: "caFile", Type: configschema.Text,
				About: "PEM file with the certificates to trust, in place of the system's"},
			{Key: "serverName", Type: configschema.Text,
				About: "The name that the server's certificate must carry, when it is not that of `host`"},
		}},
		{Key: "bindDn", Type: configschema.Text, RequiredWith: "passwordSecretRef", Example: "cn=sync,dc=example,dc=test",
			About: "Who to sign in as: a DN; with Active Directory also `user@domain` or `DOMAIN\\user`. Leave it and the password out to read anonymously"},
		{Key: "passwordSecretRef", Type: configschema.Ref, RequiredWith: "bindDn",
			About: "Ref of the password"},
		{Key: "baseDn", Type: configschema.Text, Required: true, Example: "ou=people,dc=example,dc=test", Check: checkDN,
			About: "The search covers this entry and all below"},
		{Key: "filter", Type: configschema.Text, Check: checkFilter,
			About: "Which entries. When left out, `" + defaultFilter + "`, with Active Directory `" + defaultFilterAD + "`"},
		{Key: "attributes", Type: configschema.List, Check: checkReadAttribute,
			About: "Which attributes, all when left out; operational ones have to be named. Few attributes make imports several times faster"},
		{Key: "anchorAttribute", Type: configschema.Text, Check: checkAttribute,
			About: "What identifies an entry for ever, also when it is renamed or moved. When left out, `" + defaultAnchor + "`, with Active Directory `" + defaultAnchorAD + "`"},
		{Key: "objectType", Type: configschema.Text, Default: "user",
			About: "The type the objects get"},
		{Key: "pageSize", Type: configschema.Integer, Default: "1000", Min: "1", Max: "5000",
			About: "Entries to ask for at once"},
		{Key: "timeout", Type: configschema.Duration, Default: "60s", Min: "1s", Max: "1h",
			About: "How long the server may be silent while an answer is expected"},
		{Key: "overlap", Type: configschema.Duration, Default: "60s", Min: "0s", Max: "24h",
			About: "How far a delta reaches back behind the last change seen (`ldap` only)"},
		{Key: "overlapUsn", Type: configschema.Integer, Default: "100", Min: "0", Max: "1000000",
			About: "The same in update numbers (`activeDirectory` only)"},
		{Key: "serverSideSort", Type: configschema.Bool, Default: "false",
			About: "Let the server sort, so that an import that breaks off can continue (`ldap` only)"},
		{Key: "binaryAttributes", Type: configschema.List, Check: checkAttribute,
			About: "Further attributes whose values are binary"},
	}}
}

const (
	defaultFilter, defaultFilterAD = "(objectClass=inetOrgPerson)", "(&(objectClass=user)(objectCategory=person))"
	defaultAnchor, defaultAnchorAD = "entryUUID", "objectGUID"
)

func checkHost(host string, problems *diag.List) {
	if strings.ContainsAny(host, "/ @") {
		problems.Errorf("", "expected a bare name or address without scheme, port or path")
	}
}

func checkDN(name string, problems *diag.List) {
	if _, err := goldap.ParseDN(name); err != nil {
		problems.Errorf("", "expected a distinguished name, found %q: %s", name, err)
	}
}

func checkFilter(filter string, problems *diag.List) {
	if _, err := goldap.CompileFilter(filter); err != nil {
		problems.Errorf("", "expected an LDAP filter such as %s, found %q: %s", defaultFilter, filter, err)
	}
}

// attributeName is an attribute description of RFC 4512, section 2.5.
var attributeName = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+)(;[A-Za-z0-9-]+)*$`)

func checkAttribute(name string, problems *diag.List) {
	switch {
	case !attributeName.MatchString(name):
		problems.Errorf("", "expected an attribute name, found %q", name)
	case isSecretAttribute(name):
		problems.Errorf("", "%s holds credentials and is never imported", name)
	}
}

func checkReadAttribute(name string, problems *diag.List) {
	if name != "*" && name != "+" {
		checkAttribute(name, problems)
	}
}

// checkBindName takes what Active Directory takes beside a DN: a user principal
// name and DOMAIN\user.
func checkBindName(name string, activeDirectory bool) error {
	if _, err := goldap.ParseDN(name); err == nil {
		return nil
	}
	if !activeDirectory {
		return fmt.Errorf("expected a distinguished name such as cn=sync,dc=example,dc=test, found %q", name)
	}
	if !strings.Contains(name, "=") {
		if _, _, ok := strings.Cut(name, "@"); ok {
			return nil
		}
		if domain, user, ok := strings.Cut(name, `\`); ok && domain != "" && user != "" {
			return nil
		}
	}
	return fmt.Errorf(`expected a distinguished name, a name such as svc@corp.example, or one such as CORP\svc, found %q`, name)
}
