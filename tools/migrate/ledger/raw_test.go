package ledger_test

import (
	"database/sql"
	"testing"

	_ "modernc.org/sqlite"
)

// change does to the file what nobody should.
func change(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}
