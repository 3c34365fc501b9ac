package audit_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

func open(t *testing.T, file string) (*audit.Log, *productdb.DB) {
	t.Helper()
	db, err := productdb.Open(t.Context(), productdb.Config{DataFolder: filepath.Dir(file)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	at := time.Date(2026, 11, 23, 1, 2, 3, 456789012, time.UTC)
	log, err := audit.Open(t.Context(), db, func() time.Time { at = at.Add(time.Second); return at })
	if err != nil {
		t.Fatal(err)
	}
	return log, db
}

func entry(target string) audit.Entry {
	return audit.Entry{Actor: "user root", Role: "", Address: "host7", Action: "secrets.export", Target: target, Correlation: "c1", Detail: `{"n":1}`}
}

func act(t *testing.T, log *audit.Log, target string, failure error) {
	t.Helper()
	op, err := log.Begin(t.Context(), entry(target))
	if err != nil {
		t.Fatal(err)
	}
	if err := op.End(t.Context(), failure, `{"n":2}`); err != nil {
		t.Fatal(err)
	}
}

func TestRecordsKeepWhatWasSaidBeforeAndAfter(t *testing.T) {
	log, _ := open(t, filepath.Join(t.TempDir(), "db"))
	act(t, log, "secret://a/b", nil)
	act(t, log, "secret://a/ü", fault.New(fault.AccessDenied, fault.SourceBackend, "not you, canary-7"))
	var got []audit.Record
	if err := log.Records(t.Context(), 0, func(r audit.Record) error { got = append(got, r); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 {
		t.Fatalf("%d records", len(got))
	}
	want := entry("secret://a/ü")
	intent, outcome := got[2], got[3]
	if intent.Entry != want || intent.Phase != audit.Intent || intent.Outcome != "" || intent.Seq != 3 || intent.Intent != 0 {
		t.Errorf("intent %+v", intent)
	}
	want.Detail = `{"n":2}`
	if outcome.Entry != want || outcome.Phase != audit.Outcome || outcome.Outcome != "ACCESS_DENIED" || outcome.Intent != 3 {
		t.Errorf("outcome %+v", outcome)
	}
	if !outcome.Time.After(intent.Time) || outcome.Time.Location() != time.UTC {
		t.Errorf("times %v, %v", intent.Time, outcome.Time)
	}
	if strings.Contains(fmt.Sprint(got), "canary-7") {
		t.Error("the text of an error was recorded")
	}
	report, err := log.Verify(t.Context())
	if err != nil || report.Records != 4 || report.Open != 0 || report.Hash != outcome.Hash {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestNothingIsAnIntactLog(t *testing.T) {
	log, _ := open(t, filepath.Join(t.TempDir(), "db"))
	if report, err := log.Verify(t.Context()); err != nil || report.Records != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestAnInterruptedActionStaysOpen(t *testing.T) {
	log, _ := open(t, filepath.Join(t.TempDir(), "db"))
	if _, err := log.Begin(t.Context(), entry("x")); err != nil {
		t.Fatal(err)
	}
	if report, err := log.Verify(t.Context()); err != nil || report.Open != 1 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestEachChangeIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		sql string
		seq int64
	}{
		"another time":             {"UPDATE IM_AdminAudit SET at = '2026-01-01T00:00:00.000000Z' WHERE seq = 3", 3},
		"another phase":            {"UPDATE IM_AdminAudit SET phase = 'outcome' WHERE seq = 3", 3},
		"another intent":           {"UPDATE IM_AdminAudit SET intent = 1 WHERE seq = 4", 4},
		"another actor":            {"UPDATE IM_AdminAudit SET actor = 'user guest' WHERE seq = 3", 3},
		"another role":             {"UPDATE IM_AdminAudit SET role = 'admin' WHERE seq = 3", 3},
		"another address":          {"UPDATE IM_AdminAudit SET address = 'host8' WHERE seq = 3", 3},
		"another action":           {"UPDATE IM_AdminAudit SET action = 'secrets.list' WHERE seq = 3", 3},
		"another target":           {"UPDATE IM_AdminAudit SET target = 'b' WHERE seq = 3", 3},
		"another outcome":          {"UPDATE IM_AdminAudit SET outcome = 'OK' WHERE seq = 4", 4},
		"another correlation":      {"UPDATE IM_AdminAudit SET correlation = '' WHERE seq = 3", 3},
		"another detail":           {"UPDATE IM_AdminAudit SET detail = '{}' WHERE seq = 3", 3},
		"another hash":             {"UPDATE IM_AdminAudit SET hash = lower(hex(zeroblob(32))) WHERE seq = 3", 3},
		"text moved between two":   {"UPDATE IM_AdminAudit SET actor = 'user roo', role = 't' WHERE seq = 3", 3},
		"a record removed":         {"DELETE FROM IM_AdminAudit WHERE seq = 3", 3},
		"the first one removed":    {"DELETE FROM IM_AdminAudit WHERE seq = 1", 1},
		"the last one removed":     {"DELETE FROM IM_AdminAudit WHERE seq = 6", 6},
		"all removed":              {"DELETE FROM IM_AdminAudit", 6},
		"two records swapped":      {"UPDATE IM_AdminAudit SET seq = CASE seq WHEN 3 THEN 4 ELSE 3 END + 100 WHERE seq IN (3, 4); UPDATE IM_AdminAudit SET seq = seq - 100 WHERE seq > 100", 3},
		"end and head put back":    {"DELETE FROM IM_AdminAudit WHERE seq = 6; UPDATE IM_AuditHeads SET seq = 5", 5},
		"a head of another chain":  {"UPDATE IM_AuditHeads SET hash = lower(hex(zeroblob(32)))", 6},
		"one put behind the chain": {"INSERT INTO IM_AdminAudit SELECT 7, at, phase, intent, actor, role, address, action, target, outcome, correlation, detail, hash FROM IM_AdminAudit WHERE seq = 6", 7},
	} {
		t.Run(name, func(t *testing.T) {
			log, db := open(t, filepath.Join(t.TempDir(), "db"))
			act(t, log, "a", nil)
			act(t, log, "a", fault.New(fault.Timeout, fault.SourceBackend, "slow"))
			act(t, log, "a", nil)
			if _, err := db.Write.ExecContext(t.Context(), c.sql); err != nil {
				t.Fatal(err)
			}
			_, err := log.Verify(t.Context())
			var broken *audit.BrokenError
			if !errors.As(err, &broken) || broken.Seq != c.seq {
				t.Errorf("got %v, want record %d", err, c.seq)
			}
		})
	}
}

func TestManyWritersMakeOneChain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "db")
	const each, writers = 15, 4
	var all sync.WaitGroup
	first, _ := open(t, file)
	for range writers {
		log, _ := open(t, file)
		all.Go(func() {
			for i := range each {
				op, err := log.Begin(t.Context(), entry(fmt.Sprint(i)))
				if err == nil {
					err = op.End(t.Context(), nil, "")
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if report, err := first.Verify(t.Context()); err != nil || report.Records != 2*each*writers || report.Open != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestLongAndStrangeTextsAreKeptWithinLimits(t *testing.T) {
	log, _ := open(t, filepath.Join(t.TempDir(), "db"))
	e := entry(strings.Repeat("é", audit.MaxText))
	e.Actor = "a\x00b\xff"
	if _, err := log.Begin(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if err := log.Records(t.Context(), 0, func(r audit.Record) error {
		if len(r.Target) != audit.MaxText || r.Actor != "ab" {
			t.Errorf("%d bytes, actor %q", len(r.Target), r.Actor)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWhatCannotBeRecordedIsNotBegun(t *testing.T) {
	log, db := open(t, filepath.Join(t.TempDir(), "db"))
	if _, err := db.Write.ExecContext(t.Context(), "DROP TABLE IM_AdminAudit"); err != nil {
		t.Fatal(err)
	}
	if op, err := log.Begin(t.Context(), entry("x")); err == nil || op != nil || !strings.Contains(err.Error(), "nothing was done") {
		t.Errorf("got %v, %v", op, err)
	}
	if seq, _, err := log.Head(t.Context()); err != nil || seq != 0 {
		t.Errorf("the head moved to %d, %v", seq, err)
	}
}

func TestRecordsEndWithTheCallersError(t *testing.T) {
	log, _ := open(t, filepath.Join(t.TempDir(), "db"))
	act(t, log, "a", nil)
	enough := errors.New("enough")
	if err := log.Records(context.Background(), 1, func(r audit.Record) error {
		if r.Seq != 2 {
			t.Errorf("record %d", r.Seq)
		}
		return enough
	}); err != enough {
		t.Errorf("got %v", err)
	}
}
