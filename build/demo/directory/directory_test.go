package directory_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/identitymesh/identitymesh/build/demo/directory"
)

const staff = 250

// start returns a directory with a clock that a test may turn.
func start(t *testing.T, now *time.Time) *directory.Directory {
	t.Helper()
	var mu sync.Mutex
	d, err := directory.Start(t.Context(), directory.Config{
		Address: "127.0.0.1:0", Password: "first", Seed: 1, People: staff,
		Now:    func() time.Time { mu.Lock(); defer mu.Unlock(); return *now },
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func dial(t *testing.T, d *directory.Directory) *ldap.Conn {
	t.Helper()
	conn, err := ldap.DialURL("ldap://" + d.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	conn.SetTimeout(10 * time.Second)
	return conn
}

func signIn(t *testing.T, d *directory.Directory) *ldap.Conn {
	t.Helper()
	conn := dial(t, d)
	if err := conn.Bind(directory.AccountDN, "first"); err != nil {
		t.Fatal(err)
	}
	return conn
}

func below(base, filter string, attributes ...string) *ldap.SearchRequest {
	return ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil)
}

func clock() *time.Time {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return &at
}

func TestPagedSearchReadsEveryPersonOnce(t *testing.T) {
	conn := signIn(t, start(t, clock()))
	for _, size := range []uint32{1, 7, 50, staff, 1000} {
		found, err := conn.SearchWithPaging(below(directory.PeopleDN, "(objectClass=person)", "uid"), size)
		if err != nil {
			t.Fatal(err)
		}
		seen := make(map[string]bool)
		for _, e := range found.Entries {
			seen[e.DN] = true
		}
		if len(found.Entries) != staff || len(seen) != staff {
			t.Errorf("pages of %d: %d entries, %d different", size, len(found.Entries), len(seen))
		}
	}
}

func TestFilters(t *testing.T) {
	conn := signIn(t, start(t, clock()))
	tests := map[string]struct {
		filter string
		want   int
	}{
		"everything has a class":             {"(objectClass=*)", staff + 3},
		"equality has no case":               {"(OBJECTCLASS=InetOrgPerson)", staff},
		"a number is compared by value":      {"(employeeNumber>=1201)", 50},
		"and by value downwards":             {"(employeeNumber<=1010)", 10},
		"both":                               {"(&(employeeNumber>=1001)(employeeNumber<=1005))", 5},
		"either":                             {"(|(employeeNumber=1001)(employeeNumber=1002)(employeeNumber=9))", 2},
		"not":                                {"(!(objectClass=person))", 3},
		"presence":                           {"(manager=*)", staff - 1},
		"a missing attribute does not match": {"(nickname>=a)", 0},
		"substrings":                         {"(mail=*.*@demo*.example)", staff},
		"substrings that do not follow":      {"(mail=*example*@demo*)", 0},
		"changed since":                      {"(&(objectClass=person)(modifyTimestamp>=20250106080000Z))", staff},
		"changed later":                      {"(modifyTimestamp>=20260301120001Z)", 0},
		"an empty and is true":               {"(&)", staff + 3},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			found, err := conn.Search(below(directory.BaseDN, tc.filter, "1.1"))
			if err != nil {
				t.Fatal(err)
			}
			if len(found.Entries) != tc.want {
				t.Errorf("%d entries, want %d", len(found.Entries), tc.want)
			}
			if len(found.Entries) > 0 && len(found.Entries[0].Attributes) != 0 {
				t.Errorf("1.1 brought attributes")
			}
		})
	}
}

func TestAttributesAndScopes(t *testing.T) {
	d := start(t, clock())
	conn := signIn(t, d)
	one, err := conn.Search(below(directory.PeopleDN, "(employeeNumber=1002)"))
	if err != nil || len(one.Entries) != 1 {
		t.Fatalf("%v, %v", one, err)
	}
	e := one.Entries[0]
	for _, name := range []string{"uid", "cn", "sn", "givenName", "mail", "departmentNumber", "title", "manager"} {
		if e.GetAttributeValue(name) == "" {
			t.Errorf("%s is missing", name)
		}
	}
	if e.GetAttributeValue("entryUUID") != "" {
		t.Error("an operational attribute came unasked")
	}
	for _, asked := range [][]string{{"entryuuid", "modifyTimestamp"}, {"+"}} {
		again, err := conn.Search(below(e.DN, "(objectClass=*)", asked...))
		if err != nil || len(again.Entries) != 1 {
			t.Fatalf("%v, %v", again, err)
		}
		got := again.Entries[0]
		if len(got.GetAttributeValue("entryUUID")) != 36 || !strings.HasPrefix(got.GetAttributeValue("modifyTimestamp"), "2025") {
			t.Errorf("asked for %v, got %v", asked, got.Attributes)
		}
	}
	single := below(strings.ToUpper(directory.BaseDN), "(objectClass=*)", "1.1")
	single.Scope = ldap.ScopeSingleLevel
	if found, err := conn.Search(single); err != nil || len(found.Entries) != 2 {
		t.Errorf("single level: %v, %v", found, err)
	}
}

func TestRootDSEIsReadWithoutSigningIn(t *testing.T) {
	conn := dial(t, start(t, clock()))
	request := ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)",
		[]string{"*", "namingContexts", "supportedControl"}, nil)
	found, err := conn.Search(request)
	if err != nil {
		t.Fatal(err)
	}
	e := found.Entries[0]
	if e.GetAttributeValue("namingContexts") != directory.BaseDN || e.GetAttributeValue("supportedControl") != ldap.ControlTypePaging {
		t.Errorf("got %v", e.Attributes)
	}
}

func TestRefusals(t *testing.T) {
	d := start(t, clock())
	limited := below(directory.PeopleDN, "(objectClass=person)")
	limited.SizeLimit = 5
	critical := below(directory.PeopleDN, "(objectClass=person)")
	critical.Controls = []ldap.Control{ldap.NewControlString("1.2.3.4", true, "")}
	forged := below(directory.PeopleDN, "(objectClass=person)")
	forged.Controls = []ldap.Control{&ldap.ControlPaging{PagingSize: 5, Cookie: []byte("made up")}}
	search := func(r *ldap.SearchRequest) func(*ldap.Conn) error {
		return func(c *ldap.Conn) error { _, err := c.Search(r); return err }
	}
	tests := map[string]struct {
		do   func(*ldap.Conn) error
		code uint16
		text string
	}{
		"a wrong password": {func(c *ldap.Conn) error { return c.Bind(directory.AccountDN, "wrong") },
			ldap.LDAPResultInvalidCredentials, directory.RefusedPassword},
		"another account": {func(c *ldap.Conn) error { return c.Bind("cn=other,"+directory.BaseDN, "first") },
			ldap.LDAPResultInvalidCredentials, directory.RefusedPassword},
		"a failed bind takes the rights away": {func(c *ldap.Conn) error {
			_ = c.Bind(directory.AccountDN, "wrong")
			return search(below(directory.PeopleDN, "(objectClass=*)"))(c)
		}, ldap.LDAPResultInsufficientAccessRights, directory.AccountDN},
		"a base that does not exist": {search(below("ou=none,"+directory.BaseDN, "(objectClass=*)")),
			ldap.LDAPResultNoSuchObject, "ou=none"},
		"more than the size limit":    {search(limited), ldap.LDAPResultSizeLimitExceeded, "more entries"},
		"an unknown critical control": {search(critical), ldap.LDAPResultUnavailableCriticalExtension, "1.2.3.4"},
		"a cookie of somebody else":   {search(forged), ldap.LDAPResultUnwillingToPerform, "cookie"},
		"an extensible filter":        {search(below(directory.PeopleDN, "(cn:caseExactMatch:=x)")), ldap.LDAPResultProtocolError, "filter"},
		"a change": {func(c *ldap.Conn) error { return c.Del(ldap.NewDelRequest(directory.PeopleDN, nil)) },
			ldap.LDAPResultUnwillingToPerform, "only be read"},
		"StartTLS": {func(c *ldap.Conn) error { return c.StartTLS(nil) }, ldap.LDAPResultProtocolError, "no TLS"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			err := tc.do(signIn(t, d))
			var e *ldap.Error
			if !errors.As(err, &e) || e.ResultCode != tc.code || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("got %v, want code %d with %q", err, tc.code, tc.text)
			}
		})
	}
}

func TestPasswordChangesWhileItRuns(t *testing.T) {
	d := start(t, clock())
	conn := signIn(t, d)
	d.SetPassword("second")
	if err := conn.Bind(directory.AccountDN, "first"); !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
		t.Errorf("the old password: %v", err)
	}
	if err := conn.Bind(directory.AccountDN, "second"); err != nil {
		t.Errorf("the new password: %v", err)
	}
	d.SetPassword("")
	if err := conn.Bind(directory.AccountDN, "second"); err == nil {
		t.Error("no password lets somebody in")
	}
}

func TestModifyPeopleShowsInADelta(t *testing.T) {
	now := clock()
	d := start(t, now)
	*now = now.Add(time.Minute)
	if n := d.ModifyPeople(10); n != 10 {
		t.Errorf("changed %d", n)
	}
	conn := signIn(t, d)
	changed := func(since string) []*ldap.Entry {
		t.Helper()
		found, err := conn.Search(below(directory.BaseDN, "(modifyTimestamp>="+since+")", "telephoneNumber"))
		if err != nil {
			t.Fatal(err)
		}
		return found.Entries
	}
	first := changed("20260301120100Z")
	if len(first) != 10 {
		t.Fatalf("%d changed", len(first))
	}
	*now = now.Add(time.Minute)
	d.ModifyPeople(10)
	second := changed("20260301120200Z")
	if len(second) != 10 || second[0].DN == first[0].DN {
		t.Errorf("%d changed, beginning with %s", len(second), second[0].DN)
	}
	*now = now.Add(time.Minute)
	if n := d.ModifyPeople(10 * staff); n != staff || len(changed("20260301120300Z")) != staff {
		t.Errorf("changed %d", n)
	}
}

func TestManyClientsAtOnceWhileItChanges(t *testing.T) {
	d := start(t, clock())
	var wg sync.WaitGroup
	problems := make(chan error, 20)
	for range 10 {
		conn := signIn(t, d)
		wg.Go(func() {
			for range 5 {
				found, err := conn.SearchWithPaging(below(directory.PeopleDN, "(objectClass=person)"), 40)
				if err == nil && len(found.Entries) != staff {
					err = fmt.Errorf("%d entries", len(found.Entries))
				}
				if err != nil {
					problems <- err
					return
				}
			}
		})
		wg.Go(func() { d.ModifyPeople(20) })
	}
	wg.Wait()
	close(problems)
	for err := range problems {
		t.Error(err)
	}
}

func TestNoiseAndIdleClientsDoNotKeepItFromClosing(t *testing.T) {
	d := start(t, clock())
	for _, noise := range []string{"", "GET / HTTP/1.1\r\n\r\n", "\x30\x03\x02\x01\x01", "\x30\x84\x7f\xff\xff\xff", "\x30\x05\x02\x01\x01\x63\x00"} {
		conn, err := net.Dial("tcp", d.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := io.WriteString(conn, noise); err != nil {
			t.Fatal(err)
		}
	}
	signIn(t, d)
	closed := make(chan error, 1)
	go func() { closed <- d.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it does not close")
	}
}

func TestStartRefusesAddressesThatOthersReach(t *testing.T) {
	_, err := directory.Start(t.Context(), directory.Config{Address: "0.0.0.0:0", Now: time.Now})
	if err == nil || !strings.Contains(err.Error(), "not a loopback address") {
		t.Errorf("got %v", err)
	}
}
