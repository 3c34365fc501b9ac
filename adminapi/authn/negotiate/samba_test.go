package negotiate_test

import (
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/adminapi/authn/negotiate/kdctest"
	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/sdk/appsettings"
)

func TestGroupsOfActiveDirectoryGiveRoles(t *testing.T) {
	realm := kdctest.Samba(t, "alice", "Bob", "carol", "dave")
	admins := realm.Group("mesh-admins", "alice")
	inner := realm.Group("mesh-inner", "carol")
	outer := realm.Group("mesh-operators", "mesh-inner")
	if !strings.HasPrefix(admins, "S-1-5-21-") {
		t.Fatalf("the group's SID is %q", admins)
	}
	s := newSite(t, appsettings.Negotiate{KeytabFile: realm.Keytab}, authz.Mapping{authz.Admin: {admins}, authz.Operator: {outer}, authz.Viewer: {`corp\BOB`}})
	for user, want := range map[string]string{
		"alice": `user CORP\alice is Admin`,
		"bob":   `user CORP\Bob is Viewer`, // as the directory writes him, not as he does
		"carol": `user CORP\carol is Operator`,
		"dave":  `\"CORP\\\\dave\" has no role here: the ticket's groups are S-1-5-21-`,
	} {
		out := s.curl(t, realm.As(user), "/api/who", "--verbose")
		if !strings.Contains(out, want) || strings.Contains(strings.ToLower(out), "gss_") {
			t.Errorf("%s: curl said %s\nlog %s", user, out, s.logs)
		}
	}
	if inner == outer {
		t.Error("the groups are one")
	}
}
