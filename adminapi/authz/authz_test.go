package authz_test

import (
	"slices"
	"testing"

	"github.com/identitymesh/identitymesh/adminapi/authz"
)

func TestEachRoleMayDoMoreThanTheOneBefore(t *testing.T) {
	var before []authz.Permission
	for _, role := range authz.Roles() {
		now := authz.Permissions(role)
		if len(now) <= len(before) || !slices.IsSorted(now) || len(slices.Compact(slices.Clone(now))) != len(now) {
			t.Errorf("%s has %v", role, now)
		}
		for _, p := range before {
			if !slices.Contains(now, p) {
				t.Errorf("%s lacks %s", role, p)
			}
		}
		before = now
	}
}

func TestWhatARoleMustNotBeAbleToDo(t *testing.T) {
	for _, c := range []struct {
		role authz.Role
		not  []authz.Permission
	}{
		{"", []authz.Permission{authz.SignedIn, authz.StatusRead}},
		{"viewer", []authz.Permission{authz.StatusRead}},
		{authz.Viewer, []authz.Permission{authz.RunsStart, authz.SecretsWrite, authz.ConnectorsTest, authz.ProviderReload, authz.TokensRead}},
		{authz.Operator, []authz.Permission{authz.ConnectorsWrite, authz.SecretsDelete, authz.SecretsPurge, authz.TokensWrite, authz.SessionsWrite}},
	} {
		p := authz.Principal{Role: c.role, Permissions: authz.Permissions(c.role)}
		for _, permission := range c.not {
			if p.May(permission) {
				t.Errorf("%q may %s", c.role, permission)
			}
		}
	}
}

func TestRolesAreReadInWhateverCase(t *testing.T) {
	if r, err := authz.ParseRole("oPERATOR"); err != nil || r != authz.Operator {
		t.Errorf("%q, %v", r, err)
	}
	for _, name := range []string{"", "root", "Admin "} {
		if r, err := authz.ParseRole(name); err == nil {
			t.Errorf("%q is %s", name, r)
		}
	}
	if authz.Stronger(authz.Viewer, authz.Admin) != authz.Admin || authz.Stronger(authz.Operator, "") != authz.Operator {
		t.Error("the stronger role is another one")
	}
}

func TestARequestWithoutASignInMayDoNothing(t *testing.T) {
	p := authz.From(t.Context())
	for _, permission := range authz.Permissions(authz.Admin) {
		if p.May(permission) {
			t.Errorf("it may %s", permission)
		}
	}
	want := authz.Principal{Kind: authz.Token, Name: "x", Role: authz.Viewer, Permissions: authz.Permissions(authz.Viewer)}
	if got := authz.From(authz.With(t.Context(), want)); got.String() != "token x" || !got.May(authz.RunsRead) {
		t.Errorf("%+v", got)
	}
}
