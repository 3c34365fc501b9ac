package authz_test

import (
	"testing"

	"github.com/identitymesh/identitymesh/adminapi/authz"
)

func TestTheStrongestRoleOfAllNamesCounts(t *testing.T) {
	m := authz.Mapping{authz.Admin: {"S-1-5-21-1-2-3-512", `CORP\root`}, authz.Operator: {"ops", "everybody"}, authz.Viewer: {"everybody", "alice@CORP"}}
	for _, c := range []struct {
		what  string
		names []string
		same  func(a, b string) bool
		want  authz.Role
	}{
		{"one name", []string{"ops"}, authz.Exactly, authz.Operator},
		{"several names", []string{"alice@CORP", "S-1-5-21-1-2-3-512", "ops"}, authz.Exactly, authz.Admin},
		{"a name in two lists", []string{"everybody"}, authz.Exactly, authz.Operator},
		{"names that nobody listed", []string{"op", "ops ", "x"}, authz.Exactly, ""},
		{"another case where case matters", []string{"OPS", "Alice@CORP"}, authz.Exactly, ""},
		{"another case where it does not", []string{`corp\ROOT`}, authz.IgnoringCase, authz.Admin},
		{"no name", nil, authz.IgnoringCase, ""},
		{"the empty name", []string{""}, authz.IgnoringCase, ""},
		{"an app role that groups must not have", []string{"IdentityMesh.Admin"}, authz.Exactly, ""},
	} {
		if got := m.Strongest(c.names, c.same); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestAppRolesStandForTheRolesThatNothingIsConfiguredFor(t *testing.T) {
	m := authz.Mapping{authz.Operator: {"ops"}}.WithAppRoles()
	for name, want := range map[string]authz.Role{
		"IdentityMesh.Admin": authz.Admin, "IdentityMesh.Viewer": authz.Viewer, "ops": authz.Operator, "IdentityMesh.Operator": "", "IdentityMesh.": "",
	} {
		if got := m.Strongest([]string{name}, authz.Exactly); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if who := authz.NewUser("alice", authz.Operator); who.String() != "user alice" || !who.May(authz.RunsStart) || who.May(authz.TokensWrite) {
		t.Errorf("%+v", who)
	}
}
