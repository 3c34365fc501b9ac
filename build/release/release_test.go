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

import "fmt"

var version, commit string

func main() { fmt.Println(version, commit) }
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
	config := release.Config{Workspace: w, Out: out, Target: release.Host(), Binaries: []release.Binary{
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
		"file": "plug", "version": release.Version,
		"platforms": map[string]any{release.Host().String(): map[string]any{"sha256": hex.EncodeToString(sum[:])}},
	}}}
	if got := readJSON(t, filepath.Join(out, release.LockName)); !reflect.DeepEqual(got, want) {
		t.Errorf("lock file\n got %v\nwant %v", got, want)
	}
	said, err := exec.CommandContext(t.Context(), filepath.Join(out, file)).Output()
	if err != nil || string(said) != release.Version+" unknown\n" {
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
	err = release.Build(t.Context(), release.Config{Workspace: w, Out: out, Target: release.Target{OS: "linux", Arch: "amd64"},
		Binaries: []release.Binary{{Name: "good", Module: "m", Package: "good"}, {Name: "bad", Module: "m", Package: "bad"}}})
	if err == nil || !strings.Contains(err.Error(), "build bad for linux/amd64") || !strings.Contains(err.Error(), "undefined") {
		t.Errorf("error %v", err)
	}
	if data, err := os.ReadFile(filepath.Join(out, "good")); err != nil || string(data) != "old" {
		t.Errorf("the old binary holds %q, %v", data, err)
	}
}

func TestLockKeepsWhatStillHolds(t *testing.T) {
	linux, windows := release.Target{OS: "linux", Arch: "amd64"}, release.Target{OS: "windows", Arch: "amd64"}
	pin := func(sum string) map[string]release.Pin { return map[string]release.Pin{"p": {File: "f", Sha256: sum}} }
	tests := map[string]struct {
		second map[string]release.Pin
		target release.Target
		ver    string
		want   string
	}{
		"another target of the same version is merged": {pin("bb"), windows, "1.0.0",
			`{"p":{"file":"f","version":"1.0.0","platforms":{"linux/amd64":{"sha256":"aa"},"windows/amd64":{"sha256":"bb"}}}}`},
		"the same target is replaced": {pin("bb"), linux, "1.0.0",
			`{"p":{"file":"f","version":"1.0.0","platforms":{"linux/amd64":{"sha256":"bb"}}}}`},
		"targets of an older version are dropped": {pin("bb"), windows, "1.1.0",
			`{"p":{"file":"f","version":"1.1.0","platforms":{"windows/amd64":{"sha256":"bb"}}}}`},
		"another plugin is kept": {map[string]release.Pin{"q": {File: "g", Sha256: "cc"}}, linux, "1.0.0",
			`{"p":{"file":"f","version":"1.0.0","platforms":{"linux/amd64":{"sha256":"aa"}}},
			  "q":{"file":"g","version":"1.0.0","platforms":{"linux/amd64":{"sha256":"cc"}}}}`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), release.LockName)
			if err := release.WriteLock(file, "1.0.0", linux, pin("aa")); err != nil {
				t.Fatal(err)
			}
			if err := release.WriteLock(file, tc.ver, tc.target, tc.second); err != nil {
				t.Fatal(err)
			}
			var want any
			if err := json.Unmarshal([]byte(`{"version":1,"plugins":`+tc.want+`}`), &want); err != nil {
				t.Fatal(err)
			}
			if got := readJSON(t, file); !reflect.DeepEqual(got, want) {
				t.Errorf("\n got %v\nwant %v", got, want)
			}
		})
	}
}

func TestDamagedLockIsNotGuessedAt(t *testing.T) {
	for name, text := range map[string]string{"cut off": `{"version":1,`, "of a later layout": `{"version":2,"plugins":{}}`} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), release.LockName)
			write(t, file, text)
			err := release.WriteLock(file, "1.0.0", release.Host(), nil)
			if err == nil || !strings.Contains(err.Error(), "remove it and build again") {
				t.Errorf("error %v", err)
			}
		})
	}
}
