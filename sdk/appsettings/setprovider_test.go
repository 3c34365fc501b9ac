package appsettings_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
)

var atNoon = time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.UTC)

func TestProviderIsWrittenAndNothingElse(t *testing.T) {
	for name, c := range map[string]struct{ before, after string }{
		"over another": {
			"{ // ours\n  \"secrets\": {\"PROVIDER\": /* old */ \"DPAPI\", \"Strict\": true, },\n}\n",
			"{ // ours\n  \"secrets\": {\"PROVIDER\": /* old */ \"AzureKeyVault\", \"Strict\": true, },\n}\n",
		},
		"beside others": {
			"{\n  \"Secrets\": {\n    \"KeyVault\": { \"VaultUri\": \"https://v/\" } // ours\n  }\n}\n",
			"{\n  \"Secrets\": {\n    \"KeyVault\": { \"VaultUri\": \"https://v/\" }, // ours\n    \"Provider\": \"AzureKeyVault\"\n  }\n}\n",
		},
		"without a section": {
			"{\n  \"IdentityMesh\": {}\n}\n",
			"{\n  \"IdentityMesh\": {},\n  \"Secrets\": {\"Provider\": \"AzureKeyVault\"}\n}\n",
		},
		"into an empty file's object":   {"{}", "{\"Secrets\": {\"Provider\": \"AzureKeyVault\"}}"},
		"in the place of null":          {`{"Secrets": null}`, `{"Secrets": {"Provider": "AzureKeyVault"}}`},
		"with a byte order mark and CR": {"\xef\xbb\xbf{\r\n \"Secrets\": {\"Provider\": \"\"}\r\n}", "\xef\xbb\xbf{\r\n \"Secrets\": {\"Provider\": \"AzureKeyVault\"}\r\n}"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "appsettings.json")
			if err := errors.Join(os.WriteFile(file, []byte(c.before), 0o640), os.Chmod(file, 0o640)); err != nil {
				t.Fatal(err)
			}
			s, problems := appsettings.Load(appsettings.Options{File: file})
			if problems.HasErrors() {
				t.Fatal(problems)
			}
			w, err := s.SetProvider(appsettings.ProviderChange{Name: "AzureKeyVault", At: atNoon})
			if err != nil || filepath.Base(w.Backup) != "appsettings.json.20260301T120000.005Z.bak" {
				t.Fatalf("%+v, %v", w, err)
			}
			for path, want := range map[string]string{w.File: c.after, w.Backup: c.before} {
				got, err := os.ReadFile(path)
				if err != nil || string(got) != want {
					t.Errorf("%s: %v, got\n%s\nwant\n%s", path, err, got, want)
				}
				if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
					t.Errorf("%s: %v, %v", path, info.Mode(), err)
				}
			}
			again, problems := appsettings.Load(appsettings.Options{File: file})
			if again.Secrets.Provider != "AzureKeyVault" || problems.HasErrors() {
				t.Errorf("loaded %q, %v", again.Secrets.Provider, problems)
			}
			if _, err := s.SetProvider(appsettings.ProviderChange{Name: "DPAPI", At: atNoon}); !errors.Is(err, appsettings.ErrChanged) {
				t.Errorf("a file that changed after it was read: %v", err)
			}
		})
	}
}

func TestProviderIsNotWrittenWhereItWouldHaveNoEffect(t *testing.T) {
	for name, c := range map[string]struct {
		base, over string
		environ    []string
		says       []string
	}{
		"a variable decides":        {`{}`, ``, []string{"Secrets__Provider=DPAPI"}, []string{"environment variable Secrets__Provider", "take the variable away"}},
		"the other file decides":    {`{}`, `{"Secrets":{"Provider":"DPAPI"}}`, nil, []string{"appsettings.Production.json", "move the key"}},
		"the other file hides it":   {`{}`, `{"Secrets":{"Provider":null}}`, nil, []string{"appsettings.Production.json", "remove the key"}},
		"there is no file":          {``, ``, nil, []string{"no settings file"}},
		"both decide, the stronger": {`{"Secrets":{"Provider":"DPAPI"}}`, `{"Secrets":{"Provider":"DPAPI"}}`, nil, []string{"appsettings.Production.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range map[string]string{"appsettings.json": c.base, "appsettings.Production.json": c.over} {
				if text == "" {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s, problems := appsettings.Load(appsettings.Options{Folder: dir, Environ: append(c.environ, "IdentityMesh__DataFolder="+dir)})
			if problems.HasErrors() {
				t.Fatal(problems)
			}
			_, err := s.ProviderFile()
			_, err2 := s.SetProvider(appsettings.ProviderChange{Name: "AzureKeyVault", At: atNoon})
			if err == nil || err2 == nil || err.Error() != err2.Error() {
				t.Fatalf("%v; %v", err, err2)
			}
			for _, word := range c.says {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("no %q in %v", word, err)
				}
			}
			if found, _ := filepath.Glob(filepath.Join(dir, "*.bak")); len(found) > 0 {
				t.Errorf("left %v", found)
			}
			if got, err := os.ReadFile(filepath.Join(dir, "appsettings.json")); c.base != "" && (err != nil || string(got) != c.base) {
				t.Errorf("the file is %s, %v", got, err)
			}
		})
	}
}

func TestSectionIsTakenOverFromAnotherFile(t *testing.T) {
	dir := t.TempDir()
	file, other := filepath.Join(dir, "appsettings.json"), filepath.Join(dir, "other.json")
	for path, text := range map[string]string{
		file:  "{\"Secrets\": {\"Provider\": \"AzureKeyVault\", \"keyvault\": {\"VaultUri\": \"https://a.vault.azure.net/\"} /* ours */ } }",
		other: "{\"Secrets\": { \"KeyVault\": { /* theirs */ \"VaultUri\": \"https://b.vault.azure.net/\"} } }",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func() *appsettings.Settings {
		s, problems := appsettings.Load(appsettings.Options{File: file, Environ: []string{"IdentityMesh__DataFolder=" + dir}})
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		return s
	}
	change := appsettings.ProviderChange{Name: "AzureKeyVault", From: other, Section: []string{"Secrets", "KeyVault"}, At: atNoon}
	w, err := load().SetProvider(change)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	want := "{\"Secrets\": {\"Provider\": \"AzureKeyVault\", \"keyvault\": { /* theirs */ \"VaultUri\": \"https://b.vault.azure.net/\"} /* ours */ } }"
	if err != nil || string(got) != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, got, want)
	}
	change.From, change.At = w.Backup, atNoon.Add(time.Second) // and back
	if _, err := load().SetProvider(change); err != nil || !strings.Contains(string(load().Secrets.KeyVault.Reveal()), "https://a.") {
		t.Errorf("%v, %s", err, load().Secrets.KeyVault.Reveal())
	}
	change.Section = []string{"Secrets", "Plugins", "acme"}
	if _, err := load().SetProvider(change); err == nil || !strings.Contains(err.Error(), "no section Secrets:Plugins:acme") {
		t.Errorf("a section that is not there: %v", err)
	}
}
