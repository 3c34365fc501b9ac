package oidc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authz"
)

// claims are what a token says.
type claims map[string]any

// at returns a claim by its name, else by its path with dots, as Keycloak has them
// in realm_access.roles.
func (c claims) at(name string) any {
	if v, found := c[name]; found {
		return v
	}
	var v any = map[string]any(c)
	for part := range strings.SplitSeq(name, ".") {
		object, _ := v.(map[string]any)
		v = object[part]
	}
	return v
}

func (c claims) text(name string) string {
	s, _ := c.at(name).(string)
	return s
}

// names returns the texts of a list, or a single one.
func (c claims) names(name string) []string {
	switch v := c.at(name).(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, x := range v {
			if s, ok := x.(string); ok {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}

// maxName bounds what the audit log and the database have to hold.
const maxName = 256

// principal returns who the claims are about, with the strongest role that their app
// roles and groups have. The name gives no role: at many providers users choose it.
func (p *Provider) principal(c claims) (authz.Principal, error) {
	name := ""
	// Programs that sign in as themselves have no name; azp, appid and client_id are
	// what OpenID Connect, Entra's tokens of version 1 and RFC 9068 call them.
	for _, claim := range []string{p.JWT.NameClaim, "upn", "azp", "appid", "client_id", "sub"} {
		if name = c.text(claim); name != "" {
			break
		}
	}
	if name == "" || utf8.RuneCountInString(name) > maxName || strings.ContainsFunc(name, unicode.IsControl) {
		return authz.Principal{}, authn.Refused("the token has no usable name: its claim " + p.JWT.NameClaim + " and sub are missing, too long or no text")
	}
	roles, groups := c.names(p.JWT.RolesClaim), c.names(p.JWT.GroupsClaim)
	role := authz.Stronger(p.Roles.WithAppRoles().Strongest(roles, authz.Exactly), p.Roles.Strongest(groups, authz.Exactly))
	if role != "" {
		return authz.NewUser(name, role), nil
	}
	words := fmt.Sprintf("%s has no role here: the token's %s are %s and its %s are %s, and none of them is in Authentication:Roles",
		quote(name), p.JWT.RolesClaim, list(roles), p.JWT.GroupsClaim, list(groups))
	// Entra's way to say that there are too many to list.
	if sources, _ := c["_claim_names"].(map[string]any); sources["groups"] != nil || c["hasgroups"] != nil {
		words += "; the provider left the groups out because they are too many: give app roles instead"
	}
	return authz.Principal{}, authn.Refused(words)
}

// list names the first few.
func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	const most = 20
	all := slices.Clone(names)
	slices.Sort(all)
	more := ""
	if len(all) > most {
		more = fmt.Sprintf(" and %d more", len(all)-most)
		all = all[:most]
	}
	for i := range all {
		all[i] = quote(all[i])
	}
	return strings.Join(all, ", ") + more
}

// quote repeats a name that came from outside.
func quote(s string) string {
	const most = 100
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}
