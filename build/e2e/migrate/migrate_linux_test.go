package migrate_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/demo"
)

// secrets beside the password of the directory, which is read every second.
const secrets = 12

func TestSecretsMoveUnderRunsOfWhichNoneFails(t *testing.T) {
	w := newWorld(t)
	for n := range secrets {
		w.set(ref(n))
	}
	turn := 0
	// Whatever is killed, somebody sets a secret meanwhile. Not while copies are made:
	// one that was killed unseen and then set again is for an operator to decide, as a
	// test of properties shows.
	nothing := func() {}
	rotate := func() {
		// Each one once: one that is set in both stores within a second, which is what a
		// vault's clock shows, is for an operator to decide too.
		if turn++; turn < secrets {
			w.set(ref(turn))
		}
	}
	inForce := func(vault bool) func() {
		return func() {
			if text, err := os.ReadFile(w.settings()); err == nil && strings.Contains(string(text), `"AzureKeyVault"`) == vault {
				rotate()
			}
		}
	}

	w.killed(nothing, "plan", "--to", "AzureKeyVault")
	w.killed(nothing, "run")
	w.set(ref(0)) // after its copy
	w.killed(nothing, "verify")
	w.set(ref(1)) // after the last look at it
	w.killed(inForce(true), "switch")
	w.holds("AzureKeyVault")

	// There and back again, with what was set meanwhile.
	w.set(ref(0))
	w.set(ref(secrets)) // for the first time
	turn = 0
	w.killed(inForce(false), "rollback")
	w.holds("DPAPI")

	// What was set here in the meantime is newer than what the vault has.
	w.do(-1, "plan")
	w.do(0, "run", "--replace", "*")
	if switched := w.do(0, "switch", "--output", "json"); !json.Valid([]byte(switched)) || !strings.Contains(switched, `"next": "identitymesh-migrate soak --config`) {
		t.Errorf("more than JSON was said: %s", switched)
	}
	w.set(ref(0)) // in the vault, so that the other store has the older one
	soak := w.start("soak", "--for", "10s")
	w.soaking()
	_ = soak.cmd.Process.Kill()
	_ = soak.cmd.Wait()
	if said := w.do(6, "purge", "--yes"); !strings.Contains(said, "the soak did not go to its end") {
		t.Errorf("a purge in the middle of a soak: %s", said)
	}
	w.do(0, "soak")
	w.killed(nothing, "purge", "--yes")
	if said := w.do(0, "soak", "--for", "1h"); !strings.Contains(said, "passed\nnext: identitymesh-migrate report") {
		t.Errorf("a soak after the purge: %s", said)
	}
	w.do(1, "run") // comes too late, and is not shown as a problem
	if shown, err := w.db.ListMigrations(t.Context(), 1); err != nil || shown[0].Problem != "" || shown[0].Finished.IsZero() {
		t.Errorf("after the purge the product has %+v, %v", shown, err)
	}
	w.holds("AzureKeyVault")
	if status := w.do(0, "status", "--output", "json"); !strings.Contains(status, fmt.Sprintf(`"purged": %d`, secrets+2)) {
		t.Errorf("the status is %s", status)
	}

	report := w.do(0, "report")
	signed := filepath.Join(w.folder, "migration-report.signed.json")
	w.do(0, "report", "verify", signed)
	forge(t, signed)
	if said := w.do(1, "report", "verify", signed); !strings.Contains(said, "not a report as it was signed") {
		t.Errorf("a forged report: %s", said)
	}
	page, err := os.ReadFile(filepath.Join(w.folder, "migration-report.html"))
	if err != nil || !strings.Contains(string(page), demo.PasswordRef) || strings.Contains(string(page), "<script") {
		t.Errorf("the page: %v\n%s", err, report)
	}

	purged, other := w.runs()
	succeeded := purged
	for began := time.Now(); succeeded < purged+3 && len(other) == 0 && time.Since(began) < time.Minute; time.Sleep(100 * time.Millisecond) {
		succeeded, other = w.runs() // some more, now that the one store is empty
	}
	if len(other) > 0 || succeeded < purged+3 || purged < 10 {
		t.Errorf("%d runs succeeded, %d of them before the one store was empty, and others ended so: %+v", succeeded, purged, other)
	}
	t.Logf("%d runs succeeded meanwhile", succeeded)
	w.leaksNothing()
}

// forge changes a byte of what was signed.
func forge(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var envelope map[string]any
	if err := json.Unmarshal(text, &envelope); err != nil {
		t.Fatal(err)
	}
	payload := []byte(envelope["payload"].(string))
	if payload[40] == 'A' {
		payload[40] = 'B'
	} else {
		payload[40] = 'A'
	}
	envelope["payload"] = string(payload)
	if text, err = json.Marshal(envelope); err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
