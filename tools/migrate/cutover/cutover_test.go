package cutover_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/tools/migrate/cutover"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const (
	dpapi = `{ /* ours */ "Secrets": {"Provider": "DPAPI", "KeyVault": {"VaultUri": "https://a.vault.azure.net/"}} }`
	vault = `{ /* ours */ "Secrets": {"Provider": "AzureKeyVault", "KeyVault": {"VaultUri": "https://a.vault.azure.net/"}} }`
)

// world is a folder with settings files, by name.
type world struct {
	t   *testing.T
	dir string
}

func newWorld(t *testing.T, files map[string]string) world {
	w := world{t, t.TempDir()}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w world) files(names ...string) cutover.Files {
	f := cutover.Files{Environ: []string{"IdentityMesh__DataFolder=" + w.dir}, Executable: filepath.Join(w.dir, "tool")}
	for _, n := range names {
		f.Paths = append(f.Paths, filepath.Join(w.dir, n))
	}
	return f
}

func (w world) read(name string) string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

func toVault() cutover.Wanted {
	return cutover.Wanted{Provider: "AzureKeyVault", Target: "a.vault.azure.net", Config: []byte(`{"VaultUri":"https://a.vault.azure.net/"}`)}
}

func TestEveryFileIsWrittenOnceAndAgainWithoutHarm(t *testing.T) {
	w := newWorld(t, map[string]string{"engine.json": dpapi, "admin.json": dpapi})
	f := w.files("engine.json", "admin.json", "engine.json")
	if err := f.Check(toVault()); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time as after a kill
		done, err := f.Write(toVault(), noon)
		if err != nil || len(done) != 2 {
			t.Fatalf("%+v, %v", done, err)
		}
		for i, name := range []string{"engine.json", "admin.json"} {
			if w.read(name) != vault || w.read(filepath.Base(done[i].Backup)) != dpapi {
				t.Errorf("%s: %s", name, w.read(name))
			}
		}
	}
}

func TestFilesThatCannotAllBeWrittenStayAsTheyWere(t *testing.T) {
	elsewhere := strings.Replace(dpapi, "https://a.", "https://b.", 1)
	for name, c := range map[string]struct {
		second  string
		environ string
		says    string
	}{
		"another vault in the second":     {elsewhere, "", "must be as in the plan"},
		"no vault in the second":          {`{"Secrets": {"Provider": "DPAPI"}}`, "", "Secrets:KeyVault must be as in the plan"},
		"a second that cannot be read":    {"{", "", "not valid JSON"},
		"a variable that is empty":        {dpapi, "Secrets__Provider=", "no variable may stand over "},
		"a variable that says the vault ": {dpapi, "Secrets__KeyVault__VaultUri=https://c.vault.azure.net/", "must be as in the plan"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, map[string]string{"engine.json": dpapi, "admin.json": c.second})
			f := w.files("engine.json", "admin.json")
			if c.environ != "" {
				f.Environ = append(f.Environ, c.environ)
			}
			if err := f.Check(toVault()); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("check said %v", err)
			}
			done, err := f.Write(toVault(), noon)
			if err == nil || done != nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, %v", done, err)
			}
			if w.read("engine.json") != dpapi || w.read("admin.json") != c.second {
				t.Errorf("left %s and %s", w.read("engine.json"), w.read("admin.json"))
			}
		})
	}
}

func TestCheckNamesEveryFileThatHasNoSay(t *testing.T) {
	w := newWorld(t, map[string]string{"engine.json": "{", "admin.json": dpapi, "admin.Production.json": `{"Secrets":{"Provider":"DPAPI"}}`})
	err := w.files("engine.json", "admin.json").Check(toVault())
	if err == nil || !strings.Contains(err.Error(), "engine.json") || !strings.Contains(err.Error(), "move the key from there to admin.json") {
		t.Errorf("got %v", err)
	}
}

func TestOneVaultForAnotherAndBack(t *testing.T) {
	other := strings.Replace(dpapi, "https://a.", "https://b.", 1)
	w := newWorld(t, map[string]string{"engine.json": vault, "new.json": other})
	f := w.files("engine.json")
	there := cutover.Wanted{Provider: "AzureKeyVault", Config: []byte(`{"VaultUri":"https://b.vault.azure.net/"}`), From: filepath.Join(w.dir, "new.json")}
	done, err := f.Write(there, noon)
	if err != nil || !strings.Contains(w.read("engine.json"), "https://b.") || !strings.Contains(w.read("engine.json"), "/* ours */") {
		t.Fatalf("%v: %s", err, w.read("engine.json"))
	}
	back := toVault()
	back.From = done[0].Backup
	if _, err := f.Write(back, noon.Add(time.Hour)); err != nil || w.read("engine.json") != vault {
		t.Errorf("%v: %s", err, w.read("engine.json"))
	}
}
