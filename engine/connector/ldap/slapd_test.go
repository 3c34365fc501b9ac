package ldap_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/identitymesh/identitymesh/engine/connector/ldap/ldaptest"
)

func TestAFullImportAndDeltasOfTenThousandPeople(t *testing.T) {
	srv := ldaptest.Run(t, ldaptest.Config{People: 10_000})
	c, _ := open(t, slapdSettings(srv).with("overlap", "0s"), srv.Password)
	all := &sink{}
	mark := full(t, c, all)
	if len(all.objects) != 10_000 || len(all.pages) != 20 {
		t.Fatalf("read %d objects in %d pages, want 10000 in 20", len(all.objects), len(all.pages))
	}
	for _, p := range all.pages {
		if len(p.Objects) > 500 || p.Checkpoint != "" || len(p.Rejected) > 0 {
			t.Fatalf("page of %d objects, %d rejected, checkpoint %q", len(p.Objects), len(p.Rejected), p.Checkpoint)
		}
	}
	o := all.objects[ldaptest.PersonUUID(42)]
	if o.Type != "user" || o.Get("uid")[0] != "p000042" || o.Get("dn")[0] != ldaptest.PersonDN(42) || o.Get("modifyTimestamp") != nil {
		t.Errorf("person 42 was read as %+v", o)
	}

	if err := srv.ModifyPeople(t.Context(), 100, 100, "Changed"); err != nil {
		t.Fatal(err)
	}
	changed := &sink{}
	mark = delta(t, c, mark, changed)
	// One more than the hundred shares the watermark's second.
	if len(changed.objects) != 101 || len(changed.titles()) != 101 || changed.titles()[99] != "Changed" {
		t.Errorf("the delta read %d objects with titles %v", len(changed.objects), changed.titles())
	}

	idle := &sink{}
	if again := delta(t, c, mark, idle); again != mark {
		t.Errorf("an idle delta moved the watermark from %s to %s", mark, again)
	}
	if len(idle.objects) == 0 || len(idle.objects) > 100 {
		t.Errorf("an idle delta read %d objects, want those of the last second", len(idle.objects))
	}
}

func TestEntriesThatShareTheLastModifyTimestampAreNotLost(t *testing.T) {
	srv := ldaptest.Run(t, ldaptest.Config{People: 50})
	c, _ := open(t, slapdSettings(srv).with("overlap", "0s"), srv.Password)
	mark := full(t, c, &sink{})
	for attempt := range 20 {
		if err := srv.ModifyPeople(t.Context(), 1, 1, "First"); err != nil {
			t.Fatal(err)
		}
		first := &sink{}
		mark = delta(t, c, mark, first)
		if err := srv.ModifyPeople(t.Context(), 2, 1, "Second"); err != nil {
			t.Fatal(err)
		}
		second := &sink{}
		next := delta(t, c, mark, second)
		if o, ok := second.objects[ldaptest.PersonUUID(2)]; !ok || o.Get("title")[0] != "Second" {
			t.Fatalf("attempt %d: the later change was lost", attempt)
		}
		if next == mark {
			return // both changes happened in the same second
		}
		mark = next
	}
	t.Fatal("no two changes fell into the same second")
}

func TestTheOverlapReadsAgainWhatCameShortlyBefore(t *testing.T) {
	newest := time.Now().Add(-time.Hour)
	srv := ldaptest.Run(t, ldaptest.Config{People: 200, Newest: newest})
	c, _ := open(t, slapdSettings(srv).with("overlap", "24h"), srv.Password)
	exact, _ := open(t, slapdSettings(srv).with("overlap", "0s"), srv.Password)
	wide, narrow := &sink{}, &sink{}
	mark := full(t, c, &sink{})
	delta(t, c, mark, wide)
	delta(t, exact, mark, narrow)
	if len(narrow.objects) != 1 || len(wide.objects) < 1 {
		t.Errorf("without overlap %d objects, with it %d", len(narrow.objects), len(wide.objects))
	}
	if err := srv.ModifyPeople(t.Context(), 7, 1, "Now"); err != nil {
		t.Fatal(err)
	}
	mark = delta(t, c, mark, &sink{})
	again := &sink{}
	delta(t, c, mark, again)
	if _, ok := again.objects[ldaptest.PersonUUID(199)]; !ok || len(again.objects) < 2 {
		t.Errorf("the entry of an hour ago lies in the overlap but was not read again: %v", again.titles())
	}
}

func TestConnectionsAreSecuredAndVerified(t *testing.T) {
	srv := ldaptest.Run(t, ldaptest.Config{People: 10})
	other := filepath.Join(t.TempDir(), "other.pem")
	if err := os.WriteFile(other, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	ldaps := slapdSettings(srv)
	starttls := ldaps.with("security", "starttls").with("port", srv.Port)
	for name, tc := range map[string]struct {
		config settings
		words  []string
	}{
		"ldaps with the right authority":          {ldaps, nil},
		"starttls with the right authority":       {starttls, nil},
		"plain":                                   {ldaps.with("security", "none").with("port", srv.Port).with("tls", nil), nil},
		"ldaps by the name in the certificate":    {ldaps.with("tls", settings{"caFile": srv.CAFile, "serverName": "localhost"}), nil},
		"anonymous may not read":                  {settings{"host": srv.Host, "port": srv.Port, "security": "none", "baseDn": ldaptest.PeopleDN}, []string{"32", "No Such Object"}},
		"ldaps refuses an unknown authority":      {ldaps.with("tls", nil), []string{"certificate signed by unknown authority", "tls:caFile"}},
		"starttls refuses an unknown authority":   {starttls.with("tls", nil), []string{"certificate signed by unknown authority"}},
		"ldaps refuses another name":              {ldaps.with("tls", settings{"caFile": srv.CAFile, "serverName": "other.test"}), []string{"other.test", "tls:serverName"}},
		"a missing authority file is named":       {ldaps.with("tls", settings{"caFile": "/nowhere/ca.pem"}), []string{"tls:caFile", "/nowhere/ca.pem"}},
		"an authority file without certificate":   {ldaps.with("tls", settings{"caFile": other}), []string{"holds no certificate"}},
		"TLS spoken to the plain port":            {ldaps.with("port", srv.Port), []string{"connect to ldaps://" + srv.Host, "TLS handshake", "starttls"}},
		"a base that does not exist is not empty": {ldaps.with("baseDn", "ou=nobody,"+ldaptest.Suffix), []string{"No Such Object", "ou=nobody"}},
		"nobody listens":                          {ldaps.with("port", 1), []string{"connection refused", srv.Host + ":1"}},
		"a name that does not exist":              {ldaps.with("host", "nobody.invalid"), []string{"nobody.invalid"}},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := open(t, tc.config, srv.Password)
			s := &sink{}
			out, err := c.FullImport(t.Context(), s.emit)
			if tc.words != nil {
				failed(t, out, err, tc.words...)
				return
			}
			if err != nil || len(s.objects) != 10 {
				t.Fatalf("read %d objects, error %v", len(s.objects), err)
			}
		})
	}
}

func TestAWrongPasswordFailsInTheDirectorysWords(t *testing.T) {
	srv := ldaptest.Run(t, ldaptest.Config{People: 10})
	c, _ := open(t, slapdSettings(srv), "canary-wrong-password")
	out, err := c.FullImport(t.Context(), (&sink{}).emit)
	failed(t, out, err, "bind as "+ldaptest.SyncDN, "49", "Invalid Credentials", passwordRef)
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("the error holds the password: %v", err)
	}
	if !goldap.IsErrorWithCode(err, goldap.LDAPResultInvalidCredentials) {
		t.Errorf("the library's error is lost: %v", err)
	}

	right, _ := open(t, slapdSettings(srv), srv.Password)
	if err := srv.SetPassword(t.Context(), "rotated"); err != nil {
		t.Fatal(err)
	}
	if _, err := right.Test(t.Context()); err == nil {
		t.Error("the old password still works")
	}
	rotated, _ := open(t, slapdSettings(srv), "rotated")
	full(t, rotated, &sink{})
	if err := rotated.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := rotated.Test(t.Context()); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("a closed connector answered with %v", err)
	}
}

func TestAReadThatBreaksOffIsNotComplete(t *testing.T) {
	t.Run("the server dies in the middle of paging", func(t *testing.T) {
		srv := ldaptest.Run(t, ldaptest.Config{People: 10_000})
		c, _ := open(t, slapdSettings(srv), srv.Password)
		s := &sink{onPage: func(n int) error {
			if n == 3 {
				return srv.Kill()
			}
			return nil
		}}
		out, err := c.FullImport(t.Context(), s.emit)
		failed(t, out, err, "search below "+ldaptest.PeopleDN, srv.Host)
		if len(s.objects) == 10_000 {
			t.Error("everything was read before the server died")
		}
		if err := srv.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		after := &sink{}
		full(t, c, after)
		if len(after.objects) != 10_000 {
			t.Errorf("after the restart %d objects were read", len(after.objects))
		}
	})
	t.Run("the server's size limit ends the result", func(t *testing.T) {
		srv := ldaptest.Run(t, ldaptest.Config{People: 5000, TotalLimit: 2200})
		c, _ := open(t, slapdSettings(srv), srv.Password)
		s := &sink{}
		out, err := c.FullImport(t.Context(), s.emit)
		failed(t, out, err, "Limit Exceeded", "not complete")
		if len(s.objects) < 1000 || len(s.objects) > 2200 {
			t.Errorf("%d objects came before the limit", len(s.objects))
		}
	})
	t.Run("the run refuses a page", func(t *testing.T) {
		srv := ldaptest.Run(t, ldaptest.Config{People: 3000})
		c, _ := open(t, slapdSettings(srv), srv.Password)
		full := errors.New("disk full")
		s := &sink{onPage: func(n int) error {
			if n == 2 {
				return full
			}
			return nil
		}}
		out, err := c.FullImport(t.Context(), s.emit)
		failed(t, out, err)
		if !errors.Is(err, full) || len(s.pages) != 2 {
			t.Errorf("error %v after %d pages", err, len(s.pages))
		}
	})
	t.Run("the run is cancelled", func(t *testing.T) {
		srv := ldaptest.Run(t, ldaptest.Config{People: 3000})
		c, _ := open(t, slapdSettings(srv), srv.Password)
		stopped := errors.New("stopped by the operator")
		ctx, cancel := context.WithCancelCause(t.Context())
		s := &sink{onPage: func(n int) error {
			cancel(stopped)
			return nil
		}}
		out, err := c.FullImport(ctx, s.emit)
		failed(t, out, err)
		if !errors.Is(err, stopped) {
			t.Errorf("error %v, want the cause of the cancellation", err)
		}
	})
}

func TestSortedReadsCheckpointPages(t *testing.T) {
	srv := ldaptest.Run(t, ldaptest.Config{People: 2000})
	c, logs := open(t, slapdSettings(srv).with("serverSideSort", true).with("overlap", "0s"), srv.Password)
	first, rest := &sink{}, &sink{}
	stop := errors.New("host lost")
	first.onPage = func(n int) error {
		if n == 3 {
			return stop
		}
		return nil
	}
	if _, err := c.FullImport(t.Context(), first.emit); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	checkpoint := first.pages[1].Checkpoint
	if checkpoint == "" || checkpoint == first.pages[0].Checkpoint {
		t.Fatalf("checkpoints are %q and %q\n%s", first.pages[0].Checkpoint, checkpoint, logs)
	}
	seen := map[string]bool{}
	for _, p := range first.pages[:2] {
		for _, o := range p.Objects {
			seen[o.Anchor] = true
		}
	}
	final := delta(t, c, checkpoint, rest)
	if len(rest.objects) > 1010 {
		t.Errorf("%d objects were read again after a checkpoint in the middle", len(rest.objects))
	}
	for anchor := range rest.objects {
		seen[anchor] = true
	}
	if len(seen) != 2000 {
		t.Errorf("together %d objects were read, want 2000", len(seen))
	}
	if last := rest.pages[len(rest.pages)-1].Checkpoint; last != final {
		t.Errorf("the last checkpoint is %s, the watermark %s", last, final)
	}
}

func TestAServerThatCannotSortSaysWhatToSwitchOff(t *testing.T) {
	srv := ldaptest.Run(t, ldaptest.Config{People: 10, WithoutSorting: true})
	c, _ := open(t, slapdSettings(srv).with("serverSideSort", true), srv.Password)
	out, err := c.FullImport(t.Context(), (&sink{}).emit)
	failed(t, out, err, "Unavailable Critical Extension", "serverSideSort")
}

func TestATestReportsWhatAnOperatorShouldKnow(t *testing.T) {
	srv := ldaptest.Run(t, ldaptest.Config{People: 20})
	base := slapdSettings(srv)
	for name, tc := range map[string]struct {
		config settings
		sample int
		notes  []string
	}{
		"a sound configuration": {base.with("serverSideSort", true), 5, nil},
		"sorting is available":  {base, 5, []string{"serverSideSort"}},
		"no TLS":                {base.with("security", "none").with("port", srv.Port).with("tls", nil), 5, []string{"not encrypted"}},
		"a filter without hits": {base.with("filter", "(uid=nobody)"), 0, []string{"matches nothing"}},
		"no anchors":            {base.with("anchorAttribute", "carLicense"), 5, []string{"5 of 5 entries", "carlicense"}},
		"all attributes":        {base.with("attributes", []string{}), 5, []string{"every attribute"}},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := open(t, tc.config, srv.Password)
			report, err := c.Test(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			notes := strings.ToLower(strings.Join(report.Notes, "\n"))
			if report.Server != "OpenLDAP" || report.Sample != tc.sample || (tc.notes == nil && notes != "") {
				t.Errorf("report %+v", report)
			}
			for _, w := range tc.notes {
				if !strings.Contains(notes, strings.ToLower(w)) {
					t.Errorf("notes %q do not say %q", notes, w)
				}
			}
		})
	}
}
