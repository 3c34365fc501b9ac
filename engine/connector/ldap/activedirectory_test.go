package ldap_test

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/connector"
)

// populate adds n accounts with update numbers from first on.
func populate(dc *fakeDC, n int, first int64) {
	dc.set(func() {
		for i := range n {
			usn := first + int64(i)
			dc.accounts = append(dc.accounts, account{
				dn: fmt.Sprintf("CN=User %d,OU=Staff,%s", usn, domainNC), usn: usn,
				attrs: map[string][]string{
					"objectGUID": {guid(usn)}, "sAMAccountName": {fmt.Sprintf("user%d", usn)},
					"objectSid": {"\x01\x01\x00\x00\x00\x00\x00\x05\x12\x00\x00\x00"}, "unicodePwd": {"canary-hash"},
				},
			})
		}
		dc.usn = first + int64(n) - 1
	})
}

func guid(n int64) string { return fmt.Sprintf("%016d", n) }
func anchor(n int64) string { // of guid(n), for n below 10000
	return fmt.Sprintf("30303030-3030-3030-3030-3030%x", fmt.Sprintf("%04d", n))
}

func delAccount(dc *fakeDC, index int) {
	dc.set(func() {
		dc.usn++
		a := &dc.accounts[index]
		a.deleted, a.usn, a.dn = true, dc.usn, "CN=Gone\\0ADEL:x,"+deletedDN
		delete(a.attrs, "sAMAccountName")
	})
}

func TestActiveDirectoryDeltasSeeChangesAndDeletes(t *testing.T) {
	dc := startFakeDC(t)
	populate(dc, 25, 1001)
	c, logs := open(t, dc.settings(), "pw")
	all := &sink{}
	mark := full(t, c, all)
	if len(all.objects) != 25 || len(all.pages) != 3 {
		t.Fatalf("read %d objects in %d pages", len(all.objects), len(all.pages))
	}
	o, ok := all.objects[anchor(1001)]
	if !ok || o.Get("objectSid")[0] != "S-1-5-18" || o.Get("unicodePwd") != nil {
		t.Errorf("the first account was read as %+v", o)
	}

	populate(dc, 2, 1026)
	delAccount(dc, 3)
	changed := &sink{}
	next := delta(t, c, mark, changed)
	if len(changed.objects) != 2 || !reflect.DeepEqual(changed.gone, []string{anchor(1004)}) {
		t.Errorf("the delta read %d objects and these deletes: %v\n%s", len(changed.objects), changed.gone, logs)
	}
	if next == mark || !strings.Contains(string(next), `"usn":1028`) {
		t.Errorf("watermark %s", next)
	}

	idle := &sink{}
	if got := delta(t, c, next, idle); got != next || len(idle.pages) != 0 {
		t.Errorf("an idle delta gave %d pages and watermark %s", len(idle.pages), got)
	}
}

func TestTheOverlapReadsEarlierUpdateNumbersAgain(t *testing.T) {
	dc := startFakeDC(t)
	populate(dc, 20, 1001)
	c, _ := open(t, dc.settings().with("overlapUsn", 5), "pw")
	mark := full(t, c, &sink{})
	again := &sink{}
	delta(t, c, mark, again)
	if len(again.objects) != 5 {
		t.Errorf("%d objects were read again, want 5 (filters %v)", len(again.objects), dc.filters)
	}
}

func TestAWatermarkThatCannotBeTrustedAsksForAFullImport(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(dc *fakeDC)
		config func(s settings) settings
		mark   func(connector.Watermark) connector.Watermark
		why    string
	}{
		"another domain controller":     {change: func(dc *fakeDC) { dc.invocationID = "fedcba9876543210" }, why: "another domain controller"},
		"the counter went back":         {change: func(dc *fakeDC) { dc.usn = 900 }, why: "went back from 1010 to 900"},
		"another filter":                {config: func(s settings) settings { return s.with("filter", "(objectClass=*)") }, why: "configuration changed"},
		"more attributes":               {config: func(s settings) settings { return s.with("attributes", []string{"mail"}) }, why: "configuration changed"},
		"a watermark of another format": {mark: func(connector.Watermark) connector.Watermark { return "12345x" }, why: "cannot be read"},
		"a watermark of the future":     {mark: func(connector.Watermark) connector.Watermark { return `{"v":99}` }, why: "version 99"},
		"no watermark":                  {mark: func(connector.Watermark) connector.Watermark { return "" }, why: "nothing was imported"},
	} {
		t.Run(name, func(t *testing.T) {
			dc := startFakeDC(t)
			populate(dc, 10, 1001)
			c, _ := open(t, dc.settings(), "pw")
			mark := full(t, c, &sink{})
			if tc.change != nil {
				dc.set(func() { tc.change(dc) })
			}
			if tc.config != nil {
				c, _ = open(t, tc.config(dc.settings()), "pw")
			}
			if tc.mark != nil {
				mark = tc.mark(mark)
			}
			s := &sink{}
			_, err := c.DeltaImport(t.Context(), mark, s.emit)
			why, ok := connector.FullRequired(err)
			if !ok || !strings.Contains(why, tc.why) || len(s.pages) > 0 {
				t.Errorf("error %v after %d pages, want a full import because %q", err, len(s.pages), tc.why)
			}
		})
	}
}

func TestWithoutTheRightToSeeTombstonesTheDeltaGoesOn(t *testing.T) {
	dc := startFakeDC(t)
	populate(dc, 10, 1001)
	dc.set(func() { dc.hideDeleted = true })
	c, logs := open(t, dc.settings(), "pw")
	mark := full(t, c, &sink{})
	populate(dc, 1, 1011)
	s := &sink{}
	delta(t, c, mark, s)
	if len(s.objects) != 1 || !strings.Contains(logs.String(), "deleted objects cannot be read") {
		t.Errorf("read %d objects, log %s", len(s.objects), logs)
	}
	report, err := c.Test(t.Context())
	if err != nil || !strings.Contains(strings.Join(report.Notes, "\n"), "deletes are seen by full imports only") || report.Server != "Active Directory dc1.corp.test" {
		t.Errorf("report %+v, error %v", report, err)
	}
}

func TestDirectoriesThatAreNotWhatTheConfigurationSays(t *testing.T) {
	dc := startFakeDC(t)
	populate(dc, 3, 1001)
	generic := dc.settings().with("directory", "ldap").with("bindDn", "CN=sync,"+domainNC).with("filter", "(objectClass=user)").with("anchorAttribute", "objectGUID")
	delete(generic, "overlapUsn")
	c, _ := open(t, generic, "pw")
	report, err := c.Test(t.Context())
	if err != nil || !strings.Contains(strings.Join(report.Notes, "\n"), "this is Active Directory") {
		t.Errorf("report %+v, error %v", report, err)
	}
	dc.set(func() { dc.notAD = true })
	c, _ = open(t, dc.settings(), "pw")
	out, err := c.FullImport(t.Context(), (&sink{}).emit)
	failed(t, out, err, "does not answer as Active Directory", `set directory to "ldap"`)
}

func TestServersThatMisbehave(t *testing.T) {
	for name, tc := range map[string]struct {
		set   func(dc *fakeDC)
		words []string
		pages int
		log   string
	}{
		"a server that ignores paging is read in pages":     {set: func(dc *fakeDC) { dc.ignorePaging = true }, pages: 4},
		"a server that ignores paging and breaks off":       {set: func(dc *fakeDC) { dc.ignorePaging, dc.dropAfter = true, 15 }, words: []string{"search below"}},
		"a server that drops the connection within a page":  {set: func(dc *fakeDC) { dc.dropAfter = 5 }, words: []string{"search below"}},
		"a server that stops paging in the middle":          {set: func(dc *fakeDC) { dc.stopPaging = true }, words: []string{"stopped paging"}},
		"a server that falls silent is left after a while":  {set: func(dc *fakeDC) { dc.mute = true }, words: []string{"timeout"}},
		"referrals are counted and not followed":            {set: func(dc *fakeDC) { dc.referrals = 2 }, pages: 4, log: "referrals=8"},
		"an entry without an anchor is rejected, not fatal": {set: func(dc *fakeDC) { delete(dc.accounts[0].attrs, "objectGUID") }, pages: 4},
	} {
		t.Run(name, func(t *testing.T) {
			dc := startFakeDC(t)
			populate(dc, 35, 1001)
			dc.set(func() { tc.set(dc) })
			c, logs := open(t, dc.settings().with("timeout", "1s"), "pw")
			s := &sink{}
			out, err := c.FullImport(t.Context(), s.emit)
			if tc.words != nil {
				failed(t, out, err, tc.words...)
				return
			}
			rejected := 0
			for _, p := range s.pages {
				rejected += len(p.Rejected)
			}
			if err != nil || len(s.objects)+rejected != 35 || len(s.pages) != tc.pages || !strings.Contains(logs.String(), tc.log) {
				t.Errorf("%d objects, %d rejected, %d pages, error %v\n%s", len(s.objects), rejected, len(s.pages), err, logs)
			}
		})
	}
}

func TestASlowRunIsNotTakenForASilentServer(t *testing.T) {
	dc := startFakeDC(t)
	populate(dc, 35, 1001)
	dc.set(func() { dc.ignorePaging = true })
	c, _ := open(t, dc.settings().with("timeout", "1s"), "pw")
	s := &sink{onPage: func(n int) error {
		if n == 1 {
			time.Sleep(1500 * time.Millisecond)
		}
		return nil
	}}
	full(t, c, s)
	if len(s.objects) != 35 {
		t.Errorf("%d objects", len(s.objects))
	}
}

func TestAnImportThatFailsLeavesNoGoroutines(t *testing.T) {
	dc := startFakeDC(t)
	populate(dc, 500, 1001)
	c, _ := open(t, dc.settings(), "pw")
	before := runtime.NumGoroutine()
	stop := errors.New("stop")
	for range 20 {
		s := &sink{onPage: func(n int) error {
			if n == 2 {
				return stop
			}
			return nil
		}}
		if _, err := c.FullImport(t.Context(), s.emit); !errors.Is(err, stop) {
			t.Fatal(err)
		}
	}
	dc.set(func() {
		if asked := len(dc.filters); asked > 20*6 {
			t.Errorf("%d pages were asked for, though each import stopped at its second", asked)
		}
	})
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if after := runtime.NumGoroutine(); after > before {
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines before, %d after\n%s", before, after, buf[:runtime.Stack(buf, true)])
	}
}
