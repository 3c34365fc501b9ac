package command_test

import (
	"path/filepath"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
)

// A chain without its end, or one that was made anew, fits itself. The audit log has the
// end of the one that there was.
func TestNoReportIsMadeOfALedgerThatTheAuditLogDoesNotVouchFor(t *testing.T) {
	w := newWorld(t)
	w.set(w.folder, some(2))
	w.planned(0)
	w.must(0, []string{"run"})
	w.must(0, []string{"report"})
	db, err := productdb.Open(t.Context(), productdb.Config{ConnectionString: secret.NewValue([]byte("sqlite:" + filepath.Join(w.folder, ledger.FileName)))})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, query := range []string{"DELETE FROM events WHERE seq = (SELECT MAX(seq) FROM events)",
		"UPDATE head SET seq = (SELECT MAX(seq) FROM events), hash = (SELECT hash FROM events ORDER BY seq DESC LIMIT 1)"} {
		if _, err := db.Write.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	w.must(1, []string{"report"}, "the ledger was changed at event", "of the audit log has another hash of it")
}
