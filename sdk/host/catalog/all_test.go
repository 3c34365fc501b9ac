package catalog_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
)

// all loads settings from a folder that has that lock file, unless it is empty.
func all(t *testing.T, settings, lock string) (*appsettings.Settings, []catalog.Choice, string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"appsettings.json": settings, catalog.LockFile: lock} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, problems := appsettings.Load(appsettings.Options{Folder: dir})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return s, catalog.All(s, catalog.Options{Executable: filepath.Join(dir, "program")}), dir
}

const twoPlugins = `{"Secrets":{"Plugins":{"Zeta":{"Path":"/z"},"Acme":{"Path":"/a","Version":"1.0.0"}}}}`

func TestEveryProviderThatCouldBeChosenIsListed(t *testing.T) {
	_, choices, _ := all(t, twoPlugins, goodLock())
	var names []string
	for _, c := range choices {
		names = append(names, c.Provider)
	}
	if !slices.Equal(names, []string{"DPAPI", "AzureKeyVault", "Acme", "Zeta"}) {
		t.Errorf("got %v", names)
	}
	for _, c := range choices[2:] {
		var unpinned *catalog.UnpinnedError
		if !errors.As(c.Problem, &unpinned) || !strings.Contains(c.Problem.Error(), "secretscli plugin lock "+c.Provider) {
			t.Errorf("%s: %v", c.Provider, c.Problem)
		}
	}
}

func TestPluginOfOursIsFoundWithoutALockFile(t *testing.T) {
	_, choices, dir := all(t, `{}`, "")
	for _, c := range choices {
		if c.Problem == nil || filepath.Dir(c.Plugin.Path) != dir || c.Plugin.Pin != filepath.Join(dir, catalog.LockFile) {
			t.Errorf("%s: %+v, %v", c.Provider, c.Plugin, c.Problem)
		}
	}
}

func TestLockedPluginIsTrustedFromThenOn(t *testing.T) {
	hash := strings.Repeat("cd", 32)
	settings, choices, dir := all(t, twoPlugins, "")
	for _, c := range choices {
		file, err := c.Lock(settings, hash, "2.0.0")
		if err != nil || filepath.Dir(file) != dir {
			t.Fatalf("%s: %s, %v", c.Provider, file, err)
		}
	}
	settings, problems := appsettings.Load(appsettings.Options{Folder: dir})
	if len(problems) > 0 {
		t.Error(problems)
	}
	for _, c := range catalog.All(settings, catalog.Options{Executable: filepath.Join(dir, "program")}) {
		if c.Problem != nil || c.Plugin.SHA256 != hash || c.Plugin.Version != "2.0.0" && c.Provider != "Zeta" {
			t.Errorf("%s: %+v, %v", c.Provider, c.Plugin, c.Problem)
		}
	}
}

func TestPluginsOwnLockFileWinsOverTheOneForAll(t *testing.T) {
	own := strings.ReplaceAll(strings.ReplaceAll(goodLock(), "1.2.3", "7.0.0"), someHash, strings.Repeat("ef", 32))
	for name, c := range map[string]struct {
		own           string
		hash, problem string
	}{
		"it is there":               {own, strings.Repeat("ef", 32), ""},
		"it is there, and damaged":  {"{", "", "not a lock file"},
		"it is about another one":   {`{"version":1,"plugins":{}}`, "", "does not list the plugin dpapi"},
		"there is only that of all": {"", someHash, ""},
	} {
		t.Run(name, func(t *testing.T) {
			settings, _, dir := all(t, `{}`, goodLock())
			file := filepath.Join(dir, catalog.OwnLockFile("dpapi"))
			if c.own == "" {
				file = filepath.Join(dir, catalog.LockFile)
			} else if err := os.WriteFile(file, []byte(c.own), 0o600); err != nil {
				t.Fatal(err)
			}
			choices := catalog.All(settings, catalog.Options{Executable: filepath.Join(dir, "program")})
			got := choices[0]
			if got.Plugin.Pin != file || got.Plugin.SHA256 != c.hash {
				t.Errorf("pinned in %s: %s", got.Plugin.Pin, got.Plugin.SHA256)
			}
			if (got.Problem == nil) != (c.problem == "") || got.Problem != nil && !strings.Contains(got.Problem.Error(), c.problem) {
				t.Errorf("problem %v, want %q", got.Problem, c.problem)
			}
			if c.problem == "" {
				if written, err := got.Lock(settings, someHash, "8.0.0"); err != nil || written != file {
					t.Errorf("a new pin went into %s, %v", written, err)
				}
			}
			if other := choices[1]; other.Plugin.Pin != filepath.Join(dir, catalog.LockFile) || other.Problem != nil {
				t.Errorf("the other plugin is pinned in %s, %v", other.Plugin.Pin, other.Problem)
			}
		})
	}
}
