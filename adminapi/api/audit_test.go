package api_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/api"
	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/store"
)

type auditList struct {
	Items []api.AuditRecord
	Next  string
}

func (l auditList) numbers() string {
	out := []int64{}
	for _, r := range l.Items {
		out = append(out, r.Seq)
	}
	return fmt.Sprint(out)
}

func TestTheAuditLogIsSearchedInPages(t *testing.T) {
	w := newWorld(t)
	w.connector("A")
	w.send("PUT", "/api/secrets", `{"ref":"`+ref+`","value":"x"}`).is(t, http.StatusOK, nil)
	w.send("PUT", "/api/secrets", `{"ref":"`+ref+`","value":"x","expectedVersion":""}`).is(t, http.StatusConflict, nil)
	for query, want := range map[string]string{
		"":                                      "[6 5 4 3 2 1]",
		"?limit=2":                              "[6 5]",
		"?actor=token+administrator":            "[6 5 4 3 2 1]",
		"?actor=administrator":                  "[]",
		"?action=connectors.create":             "[2 1]",
		"?target=" + url.QueryEscape("secret:"): "[6 5 4 3]",
		"?outcome=ALREADY_EXISTS":               "[6]",
		"?from=2026-03-01T12:00:00Z":            "[6 5 4 3 2 1]",
		"?from=2026-03-01T12:00:01Z":            "[]",
		"?to=2026-03-01T13:00:00%2B01:00":       "[]",
		"?to=2026-03-01T12:00:00.001Z":          "[6 5 4 3 2 1]",
	} {
		var list auditList
		w.send("GET", "/api/audit"+query, "").is(t, http.StatusOK, &list)
		if list.numbers() != want {
			t.Errorf("%s: %s instead of %s", query, list.numbers(), want)
		}
		if full := strings.HasPrefix(query, "?limit=2"); full != (list.Next != "") {
			t.Errorf("%s: next %q", query, list.Next)
		}
	}
	var list auditList
	w.send("GET", "/api/audit?limit=2", "").is(t, http.StatusOK, &list)
	w.send("GET", "/api/audit?limit=2&cursor="+list.Next, "").is(t, http.StatusOK, &list)
	if list.numbers() != "[4 3]" {
		t.Errorf("the second page has %s", list.numbers())
	}
	outcome, stored := list.Items[0], w.records()[3]
	if outcome.Phase != "outcome" || outcome.Intent != 3 || outcome.Outcome != "OK" || outcome.Action != "secrets.set" || outcome.Target != ref ||
		outcome.Address != "127.0.0.1" || outcome.Correlation != stored.Correlation || outcome.Hash != stored.Hash || outcome.Detail != stored.Detail || !outcome.Time.Equal(now) {
		t.Errorf("%+v, stored %+v", outcome, stored)
	}
	for query, path := range map[string]string{"?cursor=x": "query:cursor", "?from=yesterday": "query:from", "?colour=red": "query:colour", "?limit=0": "query:limit"} {
		p := w.send("GET", "/api/audit"+query, "").problem(t, http.StatusUnprocessableEntity, "invalid-input")
		if paths(p) != path {
			t.Errorf("%s: problems of %s", query, paths(p))
		}
	}
}

func TestAnAuditLogThatWasChangedIsReportedWithTheRecord(t *testing.T) {
	w := newWorld(t)
	var report api.AuditReport
	w.send("GET", "/api/audit/verify", "").is(t, http.StatusOK, &report)
	if !report.Intact || report.Records != 0 {
		t.Errorf("%+v", report)
	}
	w.connector("A")
	w.connector("B")
	w.send("GET", "/api/audit/verify", "").is(t, http.StatusOK, &report)
	if !report.Intact || report.Records != 4 || report.Open != 0 || report.Hash != w.records()[3].Hash || report.BrokenAt != 0 {
		t.Errorf("%+v", report)
	}
	if _, err := w.store.DB().Write.ExecContext(t.Context(), "UPDATE IM_AdminAudit SET actor = 'token nobody' WHERE seq = 3"); err != nil {
		t.Fatal(err)
	}
	w.send("GET", "/api/audit/verify", "").is(t, http.StatusOK, &report)
	if report.Intact || report.Records != 2 || report.BrokenAt != 3 || report.Why == "" || !strings.Contains(w.logs.String(), `"the audit log was changed"`) {
		t.Errorf("%+v", report)
	}
	w.breakAudit()
	w.send("GET", "/api/audit/verify", "").problem(t, http.StatusInternalServerError, "internal")
}

func TestTheChainsOfConnectorsAreVerifiedToo(t *testing.T) {
	w := newWorld(t)
	ids := []string{}
	for _, name := range []string{"A", "B"} {
		w.connector(name)
		c, err := w.store.ConnectorByName(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, c.ID)
		run, _, err := w.store.Enqueue(t.Context(), store.NewRun{ConnectorID: c.ID, Kind: store.Full, Trigger: store.Manual})
		if err != nil {
			t.Fatal(err)
		}
		claimed, ok, err := w.store.Claim(t.Context(), store.Claimant{Instance: "me", Incarnation: "1", TTL: time.Minute})
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if err := errors.Join(w.store.Finish(t.Context(), run.ID, store.Result{Status: store.Failed, Reason: "X"}), w.store.ReleaseLease(t.Context(), claimed.Lease)); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(ids)
	verify := func(query string) (r api.AuditReport) {
		t.Helper()
		w.send("GET", "/api/audit/verify"+query, "").is(t, http.StatusOK, &r)
		return r
	}
	if r := verify(""); !r.Intact || r.Chain != "admin" || r.Connectors == nil || r.Connectors.Chains != 2 || r.Connectors.Records < 4 || r.Connectors.Broken != 0 || r.Next != "" {
		t.Errorf("%+v, %+v", r, r.Connectors)
	}
	if _, err := w.store.DB().Write.ExecContext(t.Context(), "UPDATE IM_ObjectAudit SET run_id = 'x' WHERE seq = 2 AND connector_id = ?", ids[1]); err != nil {
		t.Fatal(err)
	}
	chain := "objects/" + ids[1]
	for query, want := range map[string]struct {
		intact bool
		chain  string
		at     int64
		chains int
	}{
		"":                         {false, "admin", 0, 2},
		"?chain=admin":             {true, "admin", 0, 0},
		"?chain=objects/" + ids[0]: {true, "objects/" + ids[0], 0, 0},
		"?chain=" + chain:          {false, chain, 2, 0},
		"?after=objects/" + ids[0]: {false, "", 0, 1},
		"?after=" + chain:          {true, "", 0, 0},
	} {
		r := verify(query)
		if r.Intact != want.intact || r.Chain != want.chain || r.BrokenAt != want.at || r.Next != "" {
			t.Errorf("%s: %+v", query, r)
		}
		switch c := r.Connectors; {
		case strings.Contains(query, "chain="):
			if c != nil {
				t.Errorf("%s: %+v", query, c)
			}
		case c == nil || c.Chains != want.chains:
			t.Errorf("%s: %+v", query, c)
		case !want.intact && (c.Broken != 1 || len(c.First) != 1 || c.First[0].Chain != chain || c.First[0].BrokenAt != 2 || c.First[0].Why == ""):
			t.Errorf("%s: %+v", query, c)
		}
	}
	w.send("GET", "/api/audit/verify?chain=objects/nobody", "").problem(t, http.StatusNotFound, "audit-chain-not-found")
	if p := w.send("GET", "/api/audit/verify?chain=admin&after="+chain, "").problem(t, http.StatusUnprocessableEntity, "invalid-input"); paths(p) != "query:after" {
		t.Errorf("problems of %s", paths(p))
	}
}

func TestAnExportOfTheAuditLogCanBeVerified(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		w.connector(fmt.Sprint(i))
	}
	a := w.send("GET", "/api/audit/export", "").is(t, http.StatusOK, nil)
	if a.Header.Get("Content-Type") != "application/x-ndjson" || !strings.Contains(a.Header.Get("Content-Disposition"), "identitymesh-audit.jsonl") {
		t.Errorf("%v", a.Header)
	}
	if report, err := audit.VerifyExport(bytes.NewReader(a.body)); err != nil || report.Records != 6 {
		t.Errorf("%+v, %v: %s", report, err, a.body)
	}
}

// long makes an audit log that no buffer holds.
func (w *world) long() {
	w.t.Helper()
	e := audit.Entry{Actor: "a", Action: "x", Detail: strings.Repeat("d", 60<<10)}
	for range 150 {
		if _, err := w.audit.Begin(w.t.Context(), e); err != nil {
			w.t.Fatal(err)
		}
	}
}

func TestAnExportThatFailsOnItsWayDoesNotLookWhole(t *testing.T) {
	w := newWorld(t)
	w.long()
	const text = "UPDATE IM_AdminAudit SET at = 'never' WHERE seq = 140"
	if _, err := w.store.DB().Write.ExecContext(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	w.send("GET", "/api/audit/export", "").problem(t, http.StatusInternalServerError, "internal")

	for range 4 { // the record is on the second page now
		w.long()
	}
	if _, err := w.store.DB().Write.ExecContext(t.Context(), strings.NewReplacer("140", "740").Replace(text)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.DB().Write.ExecContext(t.Context(), "UPDATE IM_AdminAudit SET at = '2026-01-01T00:00:00.000000Z' WHERE seq = 140"); err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), "GET", w.url+"/api/audit/export", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if n, err := io.Copy(io.Discard, response.Body); err == nil || n < 1<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if log := w.logs.String(); !strings.Contains(log, "was broken off") || strings.Contains(log, "panicked") {
		t.Error("the log does not say why")
	}
}
