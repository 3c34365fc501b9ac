package authz

import (
	"slices"
	"strings"
)

// appRolePrefix and a role's name make the app role that stands for it unless the
// configuration names others.
const appRolePrefix = "IdentityMesh."

// Mapping says which role the names stand for that other systems vouch for: app
// roles, groups, users.
type Mapping map[Role][]string

// WithAppRoles returns the mapping for app roles: a role for which nothing is
// configured has the app role of its own name, such as IdentityMesh.Admin. It is
// not for groups, which at some providers everybody may create.
func (m Mapping) WithAppRoles() Mapping {
	out := Mapping{}
	for _, role := range Roles() {
		if out[role] = m[role]; out[role] == nil {
			out[role] = []string{appRolePrefix + string(role)}
		}
	}
	return out
}

// Strongest returns the strongest role that any of the names stands for, and the
// empty one when none does. Whether two names are the same is decided by same,
// because that depends on who vouches for them.
func (m Mapping) Strongest(names []string, same func(configured, name string) bool) Role {
	var strongest Role
	for _, role := range Roles() {
		for _, configured := range m[role] {
			if slices.ContainsFunc(names, func(name string) bool { return same(configured, name) }) {
				strongest = Stronger(strongest, role)
			}
		}
	}
	return strongest
}

// Exactly is how app roles and groups of an OpenID Connect provider and users of a
// Kerberos realm compare.
func Exactly(a, b string) bool { return a == b }

// IgnoringCase is how the names of Active Directory compare.
func IgnoringCase(a, b string) bool { return strings.EqualFold(a, b) }

// NewUser returns the person of that name with all that the role permits.
func NewUser(name string, role Role) Principal {
	return Principal{Kind: User, Name: name, Role: role, Permissions: Permissions(role)}
}
