package command_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEachCommandSaysWhatToTypeNext(t *testing.T) {
	w := newWorld(t)
	w.set(w.folder, some(3))
	again := " --config " + settings(w.folder)
	w.planned(0)
	w.must(4, []string{"switch"}, "configures another store of DPAPI", "secret://t/00 is planned and not verified")
	w.must(2, []string{"status", "--blocked", "-1"}, "--blocked")
	w.must(0, []string{"run"}, "next: identitymesh-migrate switch"+again+"\n")
	w.must(0, []string{"rollback"}, "the migration of 3 refs is over", "next: identitymesh-migrate plan"+again+" begins anew")
	w.must(0, []string{"plan"}, "next: identitymesh-migrate run"+again+"\n")
	w.must(6, []string{"purge", "--yes"}, "no ref is verified and soaked")
	w.clean()
}

func TestASwitchSaysWhatIsInItsWay(t *testing.T) {
	w := newWorld(t)
	w.set(w.other, some(1))
	w.must(0, []string{"plan", "--from-config", settings(w.other), "--to", "DPAPI"})
	w.must(6, []string{"switch"}, "DPAPI cannot be put into force yet", "secret://t/00 is planned and not verified")
	w.must(6, []string{"switch", "--output", "json"}, `"reason":"FAILED"`, `"exitCode":6`)
}

func TestAReportIsVerifiedWithoutItsLedger(t *testing.T) {
	w := newWorld(t)
	w.set(w.folder, some(1))
	w.planned(0)
	var report struct{ Files []string }
	if err := json.Unmarshal([]byte(w.must(0, []string{"report", "--output", "json"}).out), &report); err != nil {
		t.Fatal(err)
	}
	signed := report.Files[len(report.Files)-1]
	if !strings.HasSuffix(signed, ".signed.json") {
		t.Fatal(signed)
	}
	if err := os.Rename(filepath.Join(w.folder, "migration.db"), filepath.Join(w.folder, "kept.db")); err != nil {
		t.Fatal(err)
	}
	w.must(3, []string{"status"})
	w.must(0, []string{"report", "verify", signed}, "is the report that")
	w.clean()
}
