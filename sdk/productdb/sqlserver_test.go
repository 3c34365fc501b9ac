package productdb_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/productdb/fakeserver"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// canary is the password in the connection strings below.
const canary = "C4n4ry;Pa=ss"

func TestSQLServerConnectionStrings(t *testing.T) {
	cases := []struct{ name, text, target string }{
		{"a URL", "sqlserver://sa:C4n4ry%3BPa%3Dss@sql1.example:1444?database=IdentityMesh", "sql1.example:1444/IdentityMesh"},
		{"a URL with an instance", "SQLServer://sa:x@sql1/EXPRESS?database=IM", `sql1\EXPRESS/IM`},
		{"an ADO string", `Server=sql1,1444;Initial Catalog=IM;User Id=sa;Password="` + canary + `"`, "sql1:1444/IM"},
		{"an ADO string of the other words", `data source=tcp:sql1;database=IM;uid=sa;pwd="` + canary + `"`, "sql1/IM"},
		{"an ODBC string", "Driver={ODBC Driver 18 for SQL Server};Server=sql1;Database=IM;UID=sa;PWD={" + canary + "}", "sql1/IM"},
		{"an ADO string of the .NET product", `Server=.\EXPRESS;Database=IM;Integrated Security=True;MultipleActiveResultSets=true;Encrypt=Mandatory`, `localhost\EXPRESS/IM`},
		{"Entra as SqlClient writes it", "Server=tcp:im.database.windows.net,1433;Database=IM;Authentication=Active Directory Managed Identity", "im.database.windows.net:1433/IM"},
		{"Entra as the driver writes it", "sqlserver://im.database.windows.net?database=IM&fedauth=activedirectoryworkloadidentity", "im.database.windows.net/IM"},
		{"a service principal", "Server=sql1;Database=IM;Authentication=ActiveDirectoryServicePrincipal;User ID=app@tenant;Password={x}", "sql1/IM"},
		{"SQL sign-in by its name", "Server=sql1;Database=IM;Authentication=Sql Password;User ID=sa;Password=x", "sql1/IM"},
		{"a marked ODBC string", "odbc:server=sql1;database=IM;user id=sa;password={" + canary + "}", "sql1/IM"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			d, err := productdb.Open(t.Context(), productdb.Config{ConnectionString: secret.NewValue([]byte(" " + tc.text + "\n"))})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if d.Dialect != productdb.SQLServer || d.Target != tc.target || d.Read != d.Write {
				t.Errorf("dialect %s, target %q, want %q", d.Dialect, d.Target, tc.target)
			}
		})
	}
}

func TestABadConnectionStringIsNotRepeated(t *testing.T) {
	for name, text := range map[string]string{
		"a password alone":               "C4n4ry-password",
		"another scheme":                 "postgres://sa:C4n4ry@host/db?x=1",
		"no server":                      "Database=IM;Password=C4n4ry",
		"a stray semicolon":              "Server=sql1;Password=x;port=C4n4ry",
		"a broken URL":                   "sqlserver://sa:C4n4ry%zz@host?database=x",
		"an unfinished brace":            "Driver={x};Server=sql1;PWD={C4n4ry",
		"SQLite without a file":          "sqlite: ",
		"SQLite kept in memory":          "sqlite::memory:",
		"a way of signing in for people": "Server=sql1;Authentication=Active Directory Interactive;Password=C4n4ry",
		"an unknown way of signing in":   "Server=sql1;fedauth=C4n4ry",
		"half of a service principal":    "Server=sql1;Authentication=Active Directory Service Principal;User ID=C4n4ry",
		"a bad timeout":                  "Server=sql1;dial timeout=C4n4ry",
		"a certificate not there":        "Server=sql1;encrypt=true;certificate=/nowhere/C4n4ry",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := productdb.Open(t.Context(), productdb.Config{ConnectionString: secret.NewValue([]byte(text))})
			var f *fault.Error
			if !errors.As(err, &f) || f.Reason != fault.ConfigInvalid || f.ConfigPath != productdb.ConfigKey {
				t.Fatalf("error: %v", err)
			}
			if strings.Contains(err.Error(), "C4n4ry") {
				t.Errorf("the error repeats the text: %v", err)
			}
		})
	}
}

// numbered is an error of the server.
type numbered int32

func (n numbered) Error() string         { return "an error of the server" }
func (n numbered) SQLErrorNumber() int32 { return int32(n) }

func TestADeadlockVictimIsRunAgainButNotForEver(t *testing.T) {
	cases := []struct {
		name            string
		number          numbered
		failures, tries int
		wantError       bool
	}{
		{"a deadlock that passes", 1205, 2, 3, false},
		{"a snapshot that was written to", 3960, 1, 2, false},
		{"a deadlock that stays", 1205, 99, 6, true},
		{"another error", 547, 1, 1, true},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			tries := 0
			server := &fakeserver.Server{Reply: func(string) fakeserver.Answer { return fakeserver.Answer{} }}
			err := server.DB().InWriteTx(t.Context(), func(*sql.Tx) error {
				if tries++; tries <= tc.failures {
					return tc.number
				}
				return nil
			})
			if tries != tc.tries || (err != nil) != tc.wantError {
				t.Errorf("%d tries, %v", tries, err)
			}
			commits := 1
			if tc.wantError {
				commits = 0
			}
			if server.Count("BEGIN") != tries || server.Count("COMMIT") != commits || server.Count("ROLLBACK") != tries-commits {
				t.Errorf("sent: %v", server.Sent())
			}
		})
	}
}

func TestADeadlockIsNotRetriedPastTheDeadline(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := &fakeserver.Server{Reply: func(string) fakeserver.Answer { return fakeserver.Answer{} }}
	tries := 0
	err := server.DB().InWriteTx(ctx, func(*sql.Tx) error { tries++; cancel(); return numbered(1205) })
	if tries != 1 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d tries, %v", tries, err)
	}
}

func TestUniqueViolationsAreRecognised(t *testing.T) {
	for number, want := range map[numbered]bool{2627: true, 2601: true, 1205: false} {
		if got := productdb.IsUniqueViolation(errors.Join(errors.New("x"), number)); got != want {
			t.Errorf("%d: %v", number, got)
		}
	}
}

func TestAProgramThatIsOlderThanTheTablesOfASQLServerRefuses(t *testing.T) {
	files := fstest.MapFS{"sqlserver/00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE A (id int);\n")}}
	server := &fakeserver.Server{Reply: func(text string) fakeserver.Answer {
		switch {
		case strings.Contains(text, "sp_getapplock"):
			return fakeserver.Answer{Rows: [][]driver.Value{{int64(0)}}}
		case strings.Contains(text, "MAX(version_id)"):
			return fakeserver.Answer{Rows: [][]driver.Value{{int64(7)}}}
		case strings.Contains(text, "SELECT TOP 1 tstamp"):
			return fakeserver.Answer{Rows: [][]driver.Value{{time.Now(), true}}}
		}
		return fakeserver.Answer{Affected: 1}
	}}
	var newer *productdb.NewerSchemaError
	err := server.DB().Migrate(t.Context(), files, "IM_TestSchema")
	if !errors.As(err, &newer) || newer.Found != 7 || newer.Known != 1 || !strings.Contains(err.Error(), "upgraded by a newer version") {
		t.Errorf("said %v", err)
	}
	if server.Count("CREATE TABLE A") != 0 || server.Count("COMMIT") != 0 || server.Count("ROLLBACK") != 1 {
		t.Errorf("sent %v", server.Sent())
	}
}

func TestMigratingASQLServerHappensUnderItsLock(t *testing.T) {
	files := fstest.MapFS{"sqlserver/00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE A (id int);\n")}}
	for name, tc := range map[string]struct {
		lock     int64
		migrates bool
	}{"when it is free": {0, true}, "when it had to wait": {1, true}, "not when it timed out": {-1, false}, "not when it was cancelled": {-2, false}, "not as a deadlock victim": {-3, false}} {
		t.Run(name, func(t *testing.T) {
			var server fakeserver.Server
			server.Reply = func(text string) fakeserver.Answer {
				switch {
				case strings.Contains(text, "sp_getapplock"):
					return fakeserver.Answer{Rows: [][]driver.Value{{tc.lock}}}
				case strings.Contains(text, "MAX(version_id)"):
					return fakeserver.Answer{Rows: [][]driver.Value{{int64(0)}}}
				case strings.Contains(text, "SELECT version_id"):
					return fakeserver.Answer{Rows: [][]driver.Value{{int64(0), true}}}
				case strings.Contains(text, "SELECT TOP 1 tstamp"):
					return fakeserver.Answer{Rows: [][]driver.Value{{time.Now(), true}}}
				}
				return fakeserver.Answer{Affected: 1}
			}
			err := server.DB().Migrate(t.Context(), files, "IM_TestSchema")
			if migrated := server.Count("CREATE TABLE A") == 1; migrated != tc.migrates || (err == nil) != tc.migrates {
				t.Errorf("migrated %v, %v; sent %v", migrated, err, server.Sent())
			}
			for _, problem := range server.Problems() {
				t.Error(problem)
			}
			if tc.migrates {
				if err := server.Keep("productdb"); err != nil {
					t.Fatal(err)
				}
			}
			if sent := server.Sent(); sent[0].Text != "BEGIN" || !strings.Contains(sent[1].Text, "sp_getapplock") || sent[len(sent)-1].Text != "ROLLBACK" {
				t.Errorf("the lock is not around all: %v", sent)
			}
		})
	}
}
