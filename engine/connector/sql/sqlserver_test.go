package sqlconn_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	_ "github.com/microsoft/go-mssqldb"
)

// TestSQLServer needs a server, which nothing can start here: the variable holds
// a connection string whose user may create tables in tempdb.
func TestSQLServer(t *testing.T) {
	const variable = "IDENTITYMESH_TEST_SQLSERVER_DSN"
	dsn := os.Getenv(variable)
	if dsn == "" {
		t.Skipf("SKIPPED, SQL Server was not tested: set %s to sqlserver://user:password@host?database=name", variable)
	}
	db, err := sql.Open("sqlserver", dsn)
	if err != nil {
		t.Fatal("the variable holds no connection string")
	}
	t.Cleanup(func() { _ = db.Close() })
	table := fmt.Sprintf("im_sqlconn_%d", os.Getpid())
	for _, statement := range []string{
		"CREATE TABLE " + table + " (id uniqueidentifier, name nvarchar(40), ts datetime2, dt datetime, d decimal(20,4), rv rowversion)",
		"INSERT INTO " + table + " (id, name, ts, dt, d) VALUES ('3F2504E0-4F89-11D3-9A0C-0305E82C3301', N'Größe', '2026-03-01T12:00:00.1234567', '2026-03-01T12:00:00.003', 1.5)",
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _, _ = db.Exec("DROP TABLE " + table) })

	for column, deltaType := range map[string]string{"ts": "timestamp", "dt": "timestamp", "rv": "integer"} {
		t.Run("delta by "+column, func(t *testing.T) {
			config, _ := json.Marshal(map[string]any{
				"driver": "sqlserver", "connectionStringSecretRef": "secret://hr/db/connection", "anchorColumn": "id",
				"query": "SELECT * FROM " + table + " WHERE " + column + " > @watermark", "deltaColumn": column, "deltaType": deltaType,
			})
			c, _ := open(t, config, dsn)
			if report, err := c.Test(t.Context()); err != nil || !strings.Contains(report.Server, "SQL Server") {
				t.Fatalf("%+v, %v", report, err)
			}
			r := full(t, c).must(t)
			o := r.objects["3f2504e0-4f89-11d3-9a0c-0305e82c3301"]
			if fmt.Sprint(o.Get("name"), o.Get("d")) != "[Größe] [1.5000]" || r.watermark == "" {
				t.Fatalf("%+v", r)
			}
			if again := delta(t, c, r.watermark).must(t); again.anchors() != r.anchors() {
				t.Fatalf("the row that has the last value was not read again: %s", again.anchors())
			}
		})
	}
}
