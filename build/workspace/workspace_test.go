package workspace_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/build/workspace"
)

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFindReadsTheModulesFromAnyFolderBelow(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "go.work"), "go 1.26\nuse (\n\t./b/inner\n\t./a\n)\n")
	write(t, filepath.Join(root, "a", "go.mod"), "module example.test/a\n")
	write(t, filepath.Join(root, "b", "inner", "go.mod"), "module example.test/b/inner\n")

	w, err := workspace.Find(filepath.Join(root, "b", "inner"))
	if err != nil {
		t.Fatal(err)
	}
	want := []workspace.Module{
		{Path: "example.test/a", Dir: filepath.Join(root, "a"), Rel: "a"},
		{Path: "example.test/b/inner", Dir: filepath.Join(root, "b", "inner"), Rel: "b/inner"},
	}
	if w.Root != root || !slices.Equal(w.Modules, want) {
		t.Errorf("got %+v", w)
	}
}

func TestFindSaysWhatIsMissing(t *testing.T) {
	root := t.TempDir()
	if _, err := workspace.Find(root); err == nil || !strings.Contains(err.Error(), "no go.work") {
		t.Errorf("without a go.work: %v", err)
	}
	write(t, filepath.Join(root, "go.work"), "go 1.26\nuse ./a\n")
	if _, err := workspace.Find(root); err == nil || !strings.Contains(err.Error(), "go.mod") {
		t.Errorf("without the module: %v", err)
	}
}
