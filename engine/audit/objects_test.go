package audit_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/engine/audit"
)

func TestEachChangeOfAConnectorsChainIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		sql string
		seq int64
	}{
		"another time":           {"UPDATE IM_ObjectAudit SET at = '2026-01-01T00:00:00.000000Z' WHERE seq = 2 AND connector_id = 'c'", 2},
		"another run":            {"UPDATE IM_ObjectAudit SET run_id = 'x' WHERE seq = 2 AND connector_id = 'c'", 2},
		"another kind":           {"UPDATE IM_ObjectAudit SET kind = 'ended' WHERE seq = 2 AND connector_id = 'c'", 2},
		"another body":           {"UPDATE IM_ObjectAudit SET body = CAST(replace(body, 'a1', 'a9') AS BLOB) WHERE seq = 2 AND connector_id = 'c'", 2},
		"another hash":           {"UPDATE IM_ObjectAudit SET hash = lower(hex(zeroblob(32))) WHERE seq = 2 AND connector_id = 'c'", 2},
		"of another connector":   {"DELETE FROM IM_ObjectAudit WHERE connector_id = 'c'; UPDATE IM_ObjectAudit SET connector_id = 'c'; UPDATE IM_AuditHeads SET chain = 'x' WHERE chain = 'objects/c'; UPDATE IM_AuditHeads SET chain = 'objects/c' WHERE chain = 'objects/d'", 1},
		"a record removed":       {"DELETE FROM IM_ObjectAudit WHERE seq = 2 AND connector_id = 'c'", 2},
		"the first one removed":  {"DELETE FROM IM_ObjectAudit WHERE seq = 1 AND connector_id = 'c'", 1},
		"the last one removed":   {"DELETE FROM IM_ObjectAudit WHERE seq = 3 AND connector_id = 'c'", 3},
		"all removed":            {"DELETE FROM IM_ObjectAudit WHERE connector_id = 'c'", 3},
		"the head removed":       {"DELETE FROM IM_AuditHeads WHERE chain = 'objects/c'", 1},
		"end and head put back":  {"DELETE FROM IM_ObjectAudit WHERE seq = 3 AND connector_id = 'c'; UPDATE IM_AuditHeads SET seq = 2 WHERE chain = 'objects/c'", 2},
		"one added at the end":   {"INSERT INTO IM_ObjectAudit SELECT 'c', 4, at, run_id, kind, body, hash FROM IM_ObjectAudit WHERE connector_id = 'c' AND seq = 3", 4},
		"two records swapped":    {"UPDATE IM_ObjectAudit SET seq = CASE seq WHEN 2 THEN 13 ELSE 12 END WHERE seq IN (2, 3) AND connector_id = 'c'; UPDATE IM_ObjectAudit SET seq = seq - 10 WHERE seq > 10", 2},
		"a checkpoint made up":   {"INSERT INTO IM_AuditCheckpoints SELECT 'objects/c', 2, hash, at, 'ab', 'cd' FROM IM_ObjectAudit WHERE connector_id = 'c' AND seq = 2; DELETE FROM IM_ObjectAudit WHERE connector_id = 'c' AND seq < 3", 1},
		"text moved between two": {"UPDATE IM_ObjectAudit SET run_id = run_id || 'changed', kind = '' WHERE seq = 2 AND connector_id = 'c'", 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.changes("c", 3)
			w.changes("d", 3)
			if err := w.VerifyObjects(t.Context(), nil, func(string, audit.Report) {}); err != nil {
				t.Fatal(err)
			}
			w.exec(c.sql)
			var good []string
			err := w.VerifyObjects(t.Context(), nil, func(id string, _ audit.Report) { good = append(good, id) })
			var broken *audit.BrokenError
			if !errors.As(err, &broken) || broken.Chain != audit.ObjectChain("c") || broken.Seq != c.seq || !strings.Contains(err.Error(), "connector c") {
				t.Errorf("got %v, want record %d", err, c.seq)
			}
			if name != "of another connector" && fmt.Sprint(good) != "[d]" {
				t.Errorf("good are %v", good)
			}
		})
	}
}

func TestTheExportOfAConnectorsChainIsVerifiedWithoutTheDatabase(t *testing.T) {
	w := newWorld(t)
	w.changes("c", 4)
	text := w.export("c")
	report, err := audit.VerifyExport(bytes.NewReader(text))
	if err != nil || report.Records != 4 {
		t.Fatalf("%+v, %v", report, err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	for n := range 5 {
		without := bytes.Join(append(append([][]byte{}, lines[:n]...), lines[n+1:]...), nil)
		changed := bytes.Replace(text, fmt.Appendf(nil, `"run %d"`, n), []byte(`"run x"`), 1)
		for what, text := range map[string][]byte{"without": without, "changed": changed} {
			if what == "changed" && n == 4 {
				continue // the end
			}
			if _, err := audit.VerifyExport(bytes.NewReader(text)); !errors.As(err, new(*audit.BrokenError)) {
				t.Errorf("%s line %d: %v", what, n+1, err)
			}
		}
	}
	if mixed := append(w.export(""), text...); true {
		if _, err := audit.VerifyExport(bytes.NewReader(mixed)); !errors.As(err, new(*audit.BrokenError)) {
			t.Errorf("two exports in one: %v", err)
		}
	}
}

func TestConnectorsDoNotWaitForEachOther(t *testing.T) {
	w := newWorld(t)
	w.changes("c", 1)
	err := w.db.InWriteTx(t.Context(), func(tx *sql.Tx) error {
		c, err := w.Objects(t.Context(), tx, "c")
		if err != nil {
			return err
		}
		d, err := w.Objects(t.Context(), tx, "d")
		if err != nil {
			return err
		}
		if c.Next() != 2 || d.Next() != 1 {
			t.Errorf("next are %d and %d", c.Next(), d.Next())
		}
		for range 2 {
			if err := d.Add(t.Context(), "r", audit.RunEnded, []byte(`{}`)); err != nil {
				return err
			}
		}
		return c.Add(t.Context(), "r", audit.RunStarted, []byte(`{}`))
	})
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int64{}
	if err := w.VerifyObjects(t.Context(), nil, func(id string, r audit.Report) { n[id] = r.Records }); err != nil || fmt.Sprint(n) != "map[c:2 d:2]" {
		t.Errorf("%v, %v", n, err)
	}
}
