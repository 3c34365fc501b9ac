package audit

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
)

func openSQLite(t testing.TB) *Log {
	t.Helper()
	db, err := productdb.Open(t.Context(), productdb.Config{DataFolder: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	log, err := Open(t.Context(), db, nil)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// A search that grows with the log instead of with what it is asked for would
// only be noticed at a customer's.
func TestSearchesReadThroughAnIndexInItsOrder(t *testing.T) {
	log := openSQLite(t)
	at := time.Now()
	for want, f := range map[string]Filter{
		"SCAN IM_AdminAudit USING INDEX IX_IM_AdminAudit_At":                                        {},
		"SEARCH IM_AdminAudit USING INDEX IX_IM_AdminAudit_At (at>? AND at<?)":                      {From: at, To: at},
		"SEARCH IM_AdminAudit USING INDEX IX_IM_AdminAudit_Actor (actor=?)":                         {Actor: "a"},
		"SEARCH IM_AdminAudit USING INDEX IX_IM_AdminAudit_Actor (actor=? AND at>? AND at<?)":       {Actor: "a", From: at, To: at},
		"SEARCH IM_AdminAudit USING INDEX IX_IM_AdminAudit_Action (action=? AND at<?)":              {Action: "a", To: at},
		"SEARCH IM_AdminAudit USING INDEX IX_IM_AdminAudit_Outcome (outcome=?)":                     {Outcome: "OK"},
		"SEARCH IM_AdminAudit USING INDEX IX_IM_AdminAudit_Action (action=?)":                       {Action: "a", OldestFirst: true},
		"SEARCH IM_AdminAudit USING COVERING INDEX IX_IM_AdminAudit_Target (target>? AND target<?)": {TargetPrefix: "secret://"},
	} {
		q, err := log.conditions(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		text := "SELECT " + columns + " FROM IM_AdminAudit" + q.where() + f.order()
		if f.TargetPrefix != "" {
			text = log.byTarget(&q, f, 5)
		}
		plan := explain(t, log, text, q.args)
		if !strings.Contains(plan, want) || f.TargetPrefix == "" && strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s\nis planned as %s\nand not by     %s", text, plan, want)
		}
	}
}

func explain(t *testing.T, log *Log, text string, args []any) string {
	t.Helper()
	rows, err := log.db.Read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+log.db.Dialect.SQL(text), args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	return strings.Join(plan, "; ")
}

// BenchmarkSearch asks for a page of 50 among 1,000,000 records.
func BenchmarkSearch(b *testing.B) {
	const records = 1_000_000
	log := openSQLite(b)
	_, err := log.db.Write.ExecContext(b.Context(), fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO IM_AdminAudit SELECT i, strftime('%%Y-%%m-%%dT%%H:%%M:%%S.000000Z', 1700000000 + i * 30, 'unixepoch'), 'intent', 0,
		'token ' || (i %% 7), 'Admin', '127.0.0.1', CASE i %% 3 WHEN 0 THEN 'secrets.set' ELSE 'runs.start' END,
		CASE WHEN i %% 3 = 0 THEN 'secret://ad/' || (i %% 1000) ELSE 'connectors/' || (i %% 5000) END, CASE i %% 50 WHEN 0 THEN 'TIMEOUT' ELSE 'OK' END,
		'c' || i, '{"before":{"name":"a connector","config":{"host":"ldap.example.net"}}}', '' FROM n`, records))
	if err != nil {
		b.Fatal(err)
	}
	old := time.Unix(1700000000+30*300_000, 0)
	for _, c := range []struct {
		name string
		f    Filter
	}{
		{"everything", Filter{}}, {"deep", Filter{After: 400_000}}, {"actor", Filter{Actor: "token 3"}}, {"outcome", Filter{Outcome: "TIMEOUT"}},
		{"time", Filter{From: old, To: old.Add(30 * 24 * time.Hour)}}, {"actor and time", Filter{Actor: "token 3", To: old}},
		{"common target", Filter{TargetPrefix: "secret://"}}, {"one target", Filter{TargetPrefix: "connectors/4711"}},
		{"no target", Filter{TargetPrefix: "nothing"}}, {"target and action", Filter{TargetPrefix: "secret://ad/7", Action: "secrets.set", To: old}},
		{"two that exclude each other", Filter{TargetPrefix: "secret://ad/7", Action: "runs.start"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := log.Search(context.Background(), c.f, 50); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
