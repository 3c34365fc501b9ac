package tsql_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/identitymesh/identitymesh/build/suite/tsql"
)

func TestTheParserTellsTSQLFromOtherSQL(t *testing.T) {
	python, err := tsql.Install(t.Context())
	var missing *tsql.MissingError
	if errors.As(err, &missing) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	const good = "SELECT a FROM t ORDER BY a OFFSET 0 ROWS FETCH NEXT @p1 ROWS ONLY"
	for name, tc := range map[string]struct {
		text string
		ok   bool
	}{
		"rows counted off":              {good, true},
		"JSON as rows":                  {"SELECT j.a FROM OPENJSON(@p1) WITH (a nvarchar(8) '$.a') AS j", true},
		"two statements":                {good + "\n;;\nDELETE FROM t WHERE a = @p1", true},
		"rows limited as SQLite does":   {"SELECT a FROM t LIMIT 5", false},
		"an insert that gives way":      {"INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", false},
		"FETCH without OFFSET":          {"SELECT a FROM t ORDER BY a FETCH NEXT 5 ROWS ONLY", false},
		"a condition that is missing":   {"UPDATE t SET a = 1 WHERE", false},
		"a CASE without END":            {"SELECT CASE WHEN a = 1 THEN 2 FROM t", false},
		"the second of two is no T-SQL": {good + "\n;;\nSELECT a = = 1", false},
		"a column added as SQLite does": {"ALTER TABLE t ADD COLUMN a int", false},
		"nothing":                       {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "a.sql")
			if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := tsql.Parse(t.Context(), python, file); (err == nil) != tc.ok {
				t.Errorf("said %v", err)
			}
		})
	}
}
