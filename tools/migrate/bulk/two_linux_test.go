package bulk_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The switch from one vault to another writes over the section of the first one, which
// every later command still has to find.
func TestTheFormerVaultIsFoundAfterTheSwitchToAnother(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	w := newWorld(t)
	w.there(ref(1), []byte(canary))
	w.configure("other.json", "data", otherHost)
	for _, file := range []string{"appsettings.json", "other.json"} {
		path := filepath.Join(w.folder, file)
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, bytes.Replace(text, []byte(`"Secrets":{`), []byte(`"Secrets":{"Provider":"AzureKeyVault",`), 1), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w.must(0, []string{"plan", "--to-config", filepath.Join(w.folder, "other.json")}, "from AzureKeyVault ("+vaultHost+")", "to   AzureKeyVault ("+otherHost+")")
	w.must(0, []string{"run"}, "     1  copied")
	w.must(0, []string{"switch"}, "AzureKeyVault ("+otherHost+")", "is in force")
	w.must(0, []string{"verify"}, "     1  verified")
	w.must(1, []string{"plan"}, "the target is in force")
	w.must(0, []string{"status"}, "switched  1", "from AzureKeyVault ("+vaultHost+")")
	w.must(0, []string{"rollback"}, "AzureKeyVault ("+vaultHost+") is in force")
	w.must(0, []string{"plan"}, "1     same")
	w.must(0, []string{"run"})
	w.must(0, []string{"switch"})
	w.must(0, []string{"soak", "--for", "1ms"}, "1 ref proved; passed") // the settings have the section of the other one
	w.must(0, []string{"purge", "--yes"}, "purged 1 secret from AzureKeyVault ("+vaultHost+")")
	w.clean(canary)
}
