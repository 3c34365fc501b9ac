package command_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/productdb"
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
	w.must(6, []string{"purge", "--yes"}, "not in force everywhere", "engine south on h2, which uses DPAPI elsewhere", "restart")
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

func TestNothingIsPurgedWhenTheSettingsPutAnotherStoreIntoForce(t *testing.T) {
	w := home(t)
	w.must(0, []string{"soak", "--for", "1ms"}, "passed")
	text, err := os.ReadFile(settings(w.folder))
	if err == nil {
		changed := strings.Replace(string(text), "{", `{"Secrets":{"Provider":"AzureKeyVault","KeyVault":{"VaultUri":"https://a.vault.azure.net/"}},`, 1)
		err = os.WriteFile(settings(w.folder), []byte(changed), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.must(6, []string{"purge", "--yes"}, "the settings of this host put AzureKeyVault into force", "switch first")
	w.has(w.other, some(2))
}
