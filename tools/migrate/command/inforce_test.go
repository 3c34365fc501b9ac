package command_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// home is a migration from the other store to the one of this host, which is in force.
func home(t *testing.T) *world {
	w := newWorld(t)
	w.set(w.other, some(2))
	w.must(0, []string{"plan", "--from-config", settings(w.other), "--to", "DPAPI"})
	w.must(0, []string{"run"})
	w.must(0, []string{"switch"}, "is in force: 2 refs")
	return w
}

// What the ledger says of a switch was true then. A host that was off at the time may
// have come back with the settings of before, and its runs need what a purge deletes.
func TestNothingIsPurgedThatAProcessUses(t *testing.T) {
	w := home(t)
	db, err := store.Open(t.Context(), store.Config{DB: productdb.Config{DataFolder: filepath.Join(w.folder, "data")}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	w.must(0, []string{"soak", "--for", "1ms"}, "passed")
	late := store.Instance{Role: store.RoleEngine, Name: "south", Machine: "h2", Incarnation: "i", Provider: "DPAPI", ProviderTarget: "elsewhere", Started: time.Now()}
	if err := db.Register(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	w.must(6, []string{"purge", "--yes"}, "not in force everywhere", "engine south on h2, which uses DPAPI elsewhere", "says the same, then run: ")
	w.must(6, []string{"soak"}, "engine south on h2")
	w.has(w.other, some(2))
	late.ProviderTarget = filepath.Join(w.folder, "data", "identitymesh.db")
	if err := db.Register(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	w.must(0, []string{"purge", "--yes"}, "purged 2 secrets")
	w.has(w.folder, some(2))
	w.clean()
}

// After its last record, a purge has yet to tell those who watch.
func TestAPurgeThatWasKilledAtItsVeryEndSucceedsWhenItIsRepeated(t *testing.T) {
	w := home(t)
	w.must(0, []string{"soak", "--for", "1ms"}, "passed")
	w.must(0, []string{"purge", "--yes"}, "purged 2 secrets")
	db, err := store.Open(t.Context(), store.Config{DB: productdb.Config{DataFolder: filepath.Join(w.folder, "data")}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	shown, err := db.ListMigrations(t.Context(), 1)
	if err != nil || len(shown) != 1 || shown[0].Finished.IsZero() {
		t.Fatalf("the product has %+v, %v", shown, err)
	}
	shown[0].Finished = time.Time{}
	if err := db.SaveMigration(t.Context(), shown[0]); err != nil {
		t.Fatal(err)
	}
	w.must(0, []string{"purge", "--yes"}, "nothing is left to purge: 2 secrets are gone", "next: identitymesh-migrate report")
	if shown, err = db.ListMigrations(t.Context(), 1); err != nil || shown[0].Finished.IsZero() {
		t.Errorf("the product has %+v, %v", shown, err)
	}
	w.must(0, []string{"purge", "--yes", "--output", "json"}, `"purged": 0`, `"kept": []`)
	w.clean()
}

func TestNothingIsPurgedWhenTheSettingsPutAnotherStoreIntoForce(t *testing.T) {
	w := home(t)
	w.must(0, []string{"soak", "--for", "1ms"}, "passed")
	var file map[string]any
	text, err := os.ReadFile(settings(w.folder))
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	file["Secrets"] = map[string]any{"Provider": "AzureKeyVault", "KeyVault": map[string]any{"VaultUri": "https://a.vault.azure.net/"}}
	if err == nil {
		text, err = json.Marshal(file)
	}
	if err == nil {
		err = os.WriteFile(settings(w.folder), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.must(6, []string{"purge", "--yes"}, "the settings of this host put AzureKeyVault into force", "switch first")
	w.has(w.other, some(2))
}

// A script that verifies has to learn that the engine cannot read something.
func TestVerifyAfterTheSwitchFailsForWhatIsAmissInTheTarget(t *testing.T) {
	w := home(t)
	w.set(w.folder, map[secret.Ref]string{"secret://t/00": "-rotated"})
	w.must(0, []string{"verify"}, "switched: secret://t/00", "set in the target after the switch")
	c := w.carrier(w.folder)
	defer c.Close()
	if err := c.Delete(t.Context(), "secret://t/01"); err != nil {
		t.Fatal(err)
	}
	w.must(6, []string{"verify"}, "switched: secret://t/01", "which is in force, does not have it", "or set it in the target")
	w.must(6, []string{"verify", "--output", "json"}, `"needOperator": 1`)
	w.must(0, []string{"verify", "--exclude", "*/01"})
}
