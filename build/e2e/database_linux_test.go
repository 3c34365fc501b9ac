package e2e_test

import (
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/connector/sql/sqltest"
	"github.com/identitymesh/identitymesh/engine/run"
	"github.com/identitymesh/identitymesh/engine/store"
)

const (
	waitForPages = 30 * time.Second
	waitForSpans = 10 * time.Second
)

func TestPostgreSQLIsImportedWithAPasswordFromTheStore(t *testing.T) {
	const ref = "secret://hr/postgres/password"
	server := sqltest.Postgres(t)
	name, db := server.Database(t, canary1)
	_, err := db.ExecContext(t.Context(), `CREATE TABLE employees (id int PRIMARY KEY, name text, changed timestamptz NOT NULL);
		INSERT INTO employees SELECT n, 'Person ' || n, timestamptz '2026-01-01' + n * interval '1 minute' FROM generate_series(1, 5000) n`)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.setSecret(ref, canary1)
	id := w.connector("HR", "sql", map[string]any{
		"driver": "postgres", "connectionString": server.ConnectionString(name, name), "passwordSecretRef": ref,
		"query": "SELECT id, name, changed FROM employees WHERE changed > @watermark ORDER BY changed", "orderedByDelta": true,
		"anchorColumn": "id", "deltaColumn": "changed", "deltaType": "timestamp",
	})
	w.startEngine()
	w.expectCounts("the full import", w.run(id, store.Full), 5000, 0, 0)
	w.expectPeople(id, 5000)

	if _, err := db.ExecContext(t.Context(), "UPDATE employees SET name = name || '!', changed = now() WHERE id <= 20"); err != nil {
		t.Fatal(err)
	}
	w.expectCounts("the delta", w.run(id, store.Delta), 0, 20, 0)
	mark := w.watermark(id)

	server.Kill()
	w.expectFailure("the run without a server", w.run(id, store.Delta), run.ReasonSource, server.Host)
	if got := w.watermark(id); got != mark {
		t.Errorf("the failed run moved the watermark to %s", got)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.expectCounts("the next run", w.run(id, store.Delta), 0, 0, 0)
}
