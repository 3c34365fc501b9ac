package release_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/build/release"
	"github.com/identitymesh/identitymesh/build/workspace"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
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

func readJSON(t *testing.T, name string) any {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

const greeter = `package main

import (
	"fmt"
	"os"
	"runtime/debug"
)

var version string

func main() {
	fmt.Println(version)
	if len(os.Args) > 1 {
		build, _ := debug.ReadBuildInfo()
		fmt.Println(build)
	}
}
`

func TestBuildWritesTheBinariesAndPinsThePluginsAmongThem(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "go.work"), "go 1.26\nuse ./m\n")
	write(t, filepath.Join(root, "m", "go.mod"), "module example.test/m\n\ngo 1.26\n")
	write(t, filepath.Join(root, "m", "cmd", "tool", "main.go"), greeter)
	write(t, filepath.Join(root, "m", "cmd", "plug", "main.go"), greeter)
	t.Setenv("GOWORK", "")
	w, err := workspace.Find(root)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(root, "bin")
	config := release.Config{Workspace: w, Version: "1.2.3", Out: out, Target: release.Host(), Binaries: []release.Binary{
		{Name: "tool", Module: "m", Package: "cmd/tool"},
		{Name: "plug", Module: "m", Package: "cmd/plug", Plugin: "plug"},
	}}
	if err := release.Build(t.Context(), config); err != nil {
		t.Fatal(err)
	}

	file := config.Binaries[1].File(release.Host())
	data, err := os.ReadFile(filepath.Join(out, file))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	want := map[string]any{"version": 1.0, "plugins": map[string]any{"plug": map[string]any{
		"file": "plug", "version": "1.2.3",
		"platforms": map[string]any{release.Host().String(): map[string]any{"sha256": hex.EncodeToString(sum[:])}},
	}}}
	if got := readJSON(t, filepath.Join(out, catalog.LockFile)); !reflect.DeepEqual(got, want) {
		t.Errorf("lock file\n got %v\nwant %v", got, want)
	}
	said, err := exec.CommandContext(t.Context(), filepath.Join(out, file)).Output()
	if err != nil || string(said) != "1.2.3\n" {
		t.Errorf("the binary says %q, %v", said, err)
	}
	left, err := os.ReadDir(out)
	if err != nil || len(left) != 3 {
		t.Errorf("the folder holds %v, %v", left, err)
	}
}

func TestBuildThatFailsLeavesTheOldFilesAlone(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "go.work"), "go 1.26\nuse ./m\n")
	write(t, filepath.Join(root, "m", "go.mod"), "module example.test/m\n\ngo 1.26\n")
	write(t, filepath.Join(root, "m", "good", "main.go"), greeter)
	write(t, filepath.Join(root, "m", "bad", "main.go"), "package main\n\nfunc main() { undefined() }\n")
	t.Setenv("GOWORK", "")
	w, err := workspace.Find(root)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(root, "bin")
	write(t, filepath.Join(out, "good"), "old")
	err = release.Build(t.Context(), release.Config{Workspace: w, Version: "1.2.3", Out: out, Target: release.Target{OS: "linux", Arch: "amd64"},
		Binaries: []release.Binary{{Name: "good", Module: "m", Package: "good"}, {Name: "bad", Module: "m", Package: "bad"}}})
	if err == nil || !strings.Contains(err.Error(), "build bad for linux/amd64") || !strings.Contains(err.Error(), "undefined") {
		t.Errorf("error %v", err)
	}
	if data, err := os.ReadFile(filepath.Join(out, "good")); err != nil || string(data) != "old" {
		t.Errorf("the old binary holds %q, %v", data, err)
	}
}

func TestBuildStampsTheCommitWhereThereIsOne(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED: %v", err)
	}
	// Variables of a git hook would lead every command to another repository.
	for _, name := range []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"} {
		t.Setenv(name, "")
		_ = os.Unsetenv(name)
	}
	root := t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.test"}, args...)...)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	write(t, filepath.Join(root, "go.work"), "go 1.26\nuse ./m\n")
	write(t, filepath.Join(root, "m", "go.mod"), "module example.test/m\n\ngo 1.26\n")
	write(t, filepath.Join(root, "m", "tool", "main.go"), greeter)
	git("init", "--quiet")
	git("add", ".")
	git("commit", "--quiet", "--message", "first")
	w, err := workspace.Find(root)
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	config := release.Config{Workspace: w, Version: "1.2.3", Out: out, Target: release.Host(),
		Binaries: []release.Binary{{Name: "tool", Module: "m", Package: "tool"}}}
	for _, dirty := range []string{"false", "true"} {
		if err := release.Build(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		said, err := exec.CommandContext(t.Context(), filepath.Join(out, config.Binaries[0].File(release.Host())), "-").Output()
		for _, want := range []string{"vcs.revision=" + git("rev-parse", "HEAD"), "vcs.modified=" + dirty} {
			if err != nil || !strings.Contains(string(said), want) {
				t.Errorf("%q is missing in %s, %v", want, said, err)
			}
		}
		write(t, filepath.Join(root, "m", "new.txt"), "not committed")
	}
}
