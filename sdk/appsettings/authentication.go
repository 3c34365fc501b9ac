package appsettings

import (
	"errors"
	"net/url"
	"strings"
)

// Authentication is the section of that name: how operators sign in beside the
// product's own tokens.
type Authentication struct {
	JWT       JWT
	Negotiate Negotiate
	Roles     Roles
	Sessions  Sessions
}

// JWT is Authentication:Jwt.
type JWT struct {
	Enabled bool
	// Authority is the provider's address without a slash at its end, empty while
	// not Enabled; Audience is what the tokens must be for. Both are set when
	// Enabled is.
	Authority, Audience string
	// ClientID is what the browser sign-in calls itself; empty means that there is
	// none.
	ClientID string
	// ClientSecretFile is absolute; empty for a public client.
	ClientSecretFile string
	Scopes           []string
	// RolesClaim, GroupsClaim and NameClaim are the names of claims.
	RolesClaim, GroupsClaim, NameClaim string
}

// Negotiate is Authentication:Negotiate.
type Negotiate struct {
	Enabled bool
	// KeytabFile is absolute; it is set when Enabled is.
	KeytabFile string
	// ServicePrincipal is service/host, or service/host@REALM; empty means each of
	// the service HTTP that the keytab has.
	ServicePrincipal string
}

// Roles is Authentication:Roles: for each role the names that have it. A list that
// is not set is nil.
type Roles struct{ Admin, Operator, Viewer []string }

// manyTenants are the authorities of Entra that stand for more than one tenant:
// everybody in the world could sign in.
var manyTenants = []string{"common", "organizations", "consumers"}

func (r *reader) authentication(s *section) Authentication {
	// ASP.NET Core has keys of its own in the same section.
	s.known = append(s.known, "DefaultScheme", "Schemes")
	defer s.done()
	return Authentication{
		JWT: r.jwt(s.sub("Jwt")), Negotiate: r.negotiate(s.sub("Negotiate")), Roles: r.roles(s.sub("Roles")),
		Sessions: r.sessions(s.sub("Sessions")),
	}
}

func (r *reader) jwt(s *section) JWT {
	defer s.done()
	enabled := s.boolean("Enabled", false)
	j := JWT{
		Enabled: enabled, Authority: s.authority(enabled), Audience: s.plain("Audience", ""),
		ClientID: s.plain("ClientId", ""), ClientSecretFile: s.folderOrFile("ClientSecretFile"),
		Scopes:     s.list("Scopes", oneWord),
		RolesClaim: s.plain("RolesClaim", "roles"), GroupsClaim: s.plain("GroupsClaim", "groups"),
		NameClaim: s.plain("NameClaim", "preferred_username"),
	}
	if j.Scopes == nil {
		j.Scopes = inForce(r, s.at("Scopes"), []string{"openid", "profile"})
	}
	if j.Enabled {
		s.required("Authority", "the address of the OpenID Connect provider, such as https://login.microsoftonline.com/<tenant id>/v2.0")
		s.required("Audience", "what the provider's tokens must be for: their claim aud")
	}
	if j.ClientSecretFile != "" && j.ClientID == "" {
		r.diags.Errorf(s.at("ClientId"), "required beside %s", s.at("ClientSecretFile"))
	}
	return j
}

// required complains about a key that is not set.
func (s *section) required(name, what string) {
	if n := s.node.member(name); !n.isSet() {
		s.diags.Errorf(s.at(name), "required while %s is true: %s", s.at("Enabled"), what)
	}
}

// authority reads an address that is safe against whoever is on the way to it.
// While nobody signs in with it, a place holder may stand there.
func (s *section) authority(enabled bool) string {
	const name = "Authority"
	n := s.text(name, false)
	if n == nil || !enabled {
		return ""
	}
	u, err := url.Parse(n.text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		s.fail(n, s.at(name), "expected an address such as https://sts.example.net/realms/im, without user, query and fragment")
	case u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())):
		s.fail(n, s.at(name), "expected https, because whoever is on the way to the provider could sign in as anybody; found %s", quote(n))
	case strings.Contains(fold(u.Hostname()), "microsoftonline.") && containsFold(manyTenants, firstSegment(u.Path)):
		s.fail(n, s.at(name), "it stands for the tenants of everybody; write the id of your tenant in the place of %q", firstSegment(u.Path))
	default:
		return strings.TrimSuffix(n.text, "/")
	}
	return ""
}

func firstSegment(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return first
}

func oneWord(s string) error {
	if s == "" || strings.ContainsAny(s, " \t") {
		return errors.New("expected one word")
	}
	return nil
}

func (r *reader) negotiate(s *section) Negotiate {
	defer s.done()
	n := Negotiate{Enabled: s.boolean("Enabled", false), KeytabFile: s.folderOrFile("KeytabFile"), ServicePrincipal: s.servicePrincipal()}
	if n.Enabled {
		s.required("KeytabFile", "the file with the keys of the service principal")
	}
	return n
}

func (s *section) servicePrincipal() string {
	const name = "ServicePrincipal"
	n := s.text(name, false)
	if n == nil {
		return ""
	}
	service, rest, _ := strings.Cut(n.text, "/")
	host, realm, hasRealm := strings.Cut(rest, "@")
	if service == "" || host == "" || hasRealm && realm == "" || strings.ContainsAny(n.text, " \t") || strings.ContainsAny(realm, "/@") {
		s.fail(n, s.at(name), "expected a name such as HTTP/identitymesh.example.net, with @REALM after it or without; found %s", quote(n))
		return ""
	}
	return n.text
}

func (r *reader) roles(s *section) Roles {
	defer s.done()
	names := func(role string) []string {
		return s.list(role, func(name string) error {
			if strings.TrimSpace(name) != name || name == "" {
				return errors.New("expected the name of an app role, group or user, or a SID, without blanks around it")
			}
			return nil
		})
	}
	return Roles{Admin: names("Admin"), Operator: names("Operator"), Viewer: names("Viewer")}
}
