package webui_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/build/npm"
	"github.com/identitymesh/identitymesh/build/webui"
)

// repository is one with a UI and with a node and an npm that are small scripts:
// npm notes its calls, and build writes a page.
func repository(t *testing.T, version string) (config webui.Config, calls func() string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the played tools are shell scripts")
	}
	root, bin := t.TempDir(), t.TempDir()
	log := filepath.Join(bin, "log")
	npm := "#!/bin/sh\necho \"$*\" >> " + log + `
case "$1 $2" in
  ci*) mkdir -p node_modules ;;
  "run build") mkdir -p "$5/assets"; echo page > "$5/index.html"; echo asset > "$5/assets/a.js.gz" ;;
  "run check") echo "it is bent"; exit 1 ;;
esac
`
	for name, text := range map[string]string{
		filepath.Join(bin, "npm"):                            npm,
		filepath.Join(bin, "node"):                           "#!/bin/sh\necho " + version + "\n",
		filepath.Join(root, "adminapi/ui/package-lock.json"): "{}",
		filepath.Join(root, "adminapi/ui/src/main.tsx"):      "main",
		filepath.Join(root, "adminapi/ui/test/a.test.ts"):    "test",
		filepath.Join(root, "adminapi/web/built/README.md"):  "note",
		filepath.Join(root, "adminapi/web/built/old.js"):     "old",
	} {
		write(t, name, text)
	}
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	return webui.Config{Root: root, Out: io.Discard}, func() string {
		said, err := os.ReadFile(log)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		_ = os.Remove(log)
		return string(said)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestTheUIIsBuiltWhenItsSourceChangedAndOnlyThen(t *testing.T) {
	c, calls := repository(t, "v20.19.2")
	build := func() string {
		t.Helper()
		if err := webui.Build(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		return calls()
	}
	if said := build(); !strings.Contains(said, "ci --ignore-scripts") || !strings.Contains(said, "run build") {
		t.Errorf("the first build called npm with %q", said)
	}
	var names []string
	entries, err := os.ReadDir(filepath.Join(c.Root, "adminapi/web/built"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != "README.md assets index.html source.sha256" {
		t.Errorf("the result is %s", got)
	}
	if said := build(); said != "" {
		t.Errorf("an unchanged UI costs %q", said)
	}
	write(t, filepath.Join(c.Root, "adminapi/ui/test/a.test.ts"), "another test")
	if said := build(); said != "" {
		t.Errorf("a changed test costs %q", said)
	}
	write(t, filepath.Join(c.Root, "adminapi/ui/src/main.tsx"), "another main")
	if said := build(); strings.Contains(said, "ci") || !strings.Contains(said, "run build") {
		t.Errorf("a changed source called npm with %q", said)
	}
	write(t, filepath.Join(c.Root, "adminapi/ui/package-lock.json"), "{ }")
	if said := build(); !strings.Contains(said, "ci --ignore-scripts") {
		t.Errorf("a changed lock file called npm with %q", said)
	}
}

func TestAnOldNodeIsToldWithWhatToDo(t *testing.T) {
	for _, version := range []string{"v18.20.4", "v20.18.9", "nonsense"} {
		c, calls := repository(t, version)
		err := webui.Build(t.Context(), c)
		var missing *npm.MissingError
		if !errors.As(err, &missing) || !strings.Contains(err.Error(), version) || !strings.Contains(err.Error(), "apt-get install nodejs npm") {
			t.Errorf("%s: %v", version, err)
		}
		if said := calls(); strings.Contains(said, "run") {
			t.Errorf("npm was called with %q", said)
		}
		t.Setenv("CI", "")
		if err := webui.Ensure(t.Context(), c); err != nil {
			t.Errorf("%s keeps the rest from being built: %v", version, err)
		}
		t.Setenv("CI", "true")
		if err := webui.Ensure(t.Context(), c); !errors.As(err, &missing) {
			t.Errorf("%s passes where everything has to run: %v", version, err)
		}
	}
}

func TestACheckLooksAtEverythingAndNamesWhatFailed(t *testing.T) {
	c, calls := repository(t, "v22.1.0")
	err := webui.Check(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), "it is bent") {
		t.Errorf("error %v", err)
	}
	said := calls()
	for _, want := range []string{"run fresh", "run check", "run test"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q lacks %s", said, want)
		}
	}
}
