package ldaptest_test

import (
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/identitymesh/identitymesh/engine/connector/ldap/ldaptest"
)

func TestAServerKeepsItsDataOverARestart(t *testing.T) {
	s := ldaptest.Run(t, ldaptest.Config{People: 10})
	if err := s.ModifyPeople(t.Context(), 3, 1, "Chair"); err != nil {
		t.Fatal(err)
	}
	if err := s.DeletePeople(t.Context(), 9, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Admin(t.Context(), func(*goldap.Conn) error { return nil }); err == nil {
		t.Fatal("a killed server answered")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	var found *goldap.SearchResult
	err := s.Admin(t.Context(), func(conn *goldap.Conn) (err error) {
		found, err = conn.Search(goldap.NewSearchRequest(ldaptest.PeopleDN, goldap.ScopeSingleLevel, 0, 0, 0, false,
			"(objectClass=inetOrgPerson)", []string{"title", "entryUUID"}, nil))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Entries) != 9 {
		t.Fatalf("found %d people, want 9", len(found.Entries))
	}
	for _, e := range found.Entries {
		if e.DN == ldaptest.PersonDN(3) {
			if got := e.GetAttributeValue("title"); got != "Chair" {
				t.Errorf("title is %q", got)
			}
			if got := e.GetAttributeValue("entryUUID"); got != ldaptest.PersonUUID(3) {
				t.Errorf("entryUUID is %q, want %q", got, ldaptest.PersonUUID(3))
			}
			return
		}
	}
	t.Error("person 3 is gone")
}
