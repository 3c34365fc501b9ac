package dist_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/command"
	"github.com/identitymesh/identitymesh/build/dist"
	"github.com/identitymesh/identitymesh/build/dist/content"
	"github.com/identitymesh/identitymesh/build/dist/msi"
	"github.com/identitymesh/identitymesh/build/release"
	"github.com/identitymesh/identitymesh/build/workspace"
)

var sourceTime = time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)

// small returns a set of the product's programs that are all the same small one,
// whose files were made just now.
func small(t *testing.T, w workspace.Workspace, target release.Target) dist.Set {
	t.Helper()
	set := dist.Set{Target: target, Dir: t.TempDir()}
	source := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.test/small\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"} {
		if err := os.WriteFile(filepath.Join(source, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range release.Binaries() {
		p := dist.Program{Binary: b, Version: "1.2.3-dev", Path: filepath.Join(set.Dir, b.File(target))}
		_, err := command.Run(t.Context(), command.Spec{
			Dir: source, Env: []string{"GOOS=" + target.OS, "GOARCH=" + target.Arch, "CGO_ENABLED=0", "GOWORK=off"},
			Args: []string{"go", "build", "-trimpath", "-o", p.Path, "."},
		})
		if err != nil {
			t.Fatal(err)
		}
		if b.Plugin != "" {
			p.Version, p.Lock = "4.5.6", filepath.Join(set.Dir, b.Name+".lock.json")
			if err := os.WriteFile(p.Lock, []byte("{}"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		set.Programs = append(set.Programs, p)
	}
	var err error
	if set.Files, err = content.Write(w, set.Dir, target.OS); err != nil {
		t.Fatal(err)
	}
	return set
}

func TestTheSameSourceGivesTheSameBytes(t *testing.T) {
	w, err := workspace.Find("")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		target release.Target
		want   string
	}{
		{release.Target{OS: "linux", Arch: "arm64"}, `identitymesh-1.2.3~dev-1.aarch64.rpm
			identitymesh-plugin-dpapi-4.5.6-1.aarch64.rpm
			identitymesh-plugin-dpapi_4.5.6_arm64.deb
			identitymesh-plugin-dpapi_4.5.6_linux_arm64.cdx.json
			identitymesh-plugin-dpapi_4.5.6_linux_arm64.tar.gz
			identitymesh-plugin-keyvault-4.5.6-1.aarch64.rpm
			identitymesh-plugin-keyvault_4.5.6_arm64.deb
			identitymesh-plugin-keyvault_4.5.6_linux_arm64.cdx.json
			identitymesh-plugin-keyvault_4.5.6_linux_arm64.tar.gz
			identitymesh_1.2.3-dev_linux_arm64.cdx.json
			identitymesh_1.2.3-dev_linux_arm64.tar.gz
			identitymesh_1.2.3~dev_arm64.deb`},
		{release.Target{OS: "windows", Arch: "amd64"}, `identitymesh-plugin-dpapi_4.5.6_windows_amd64.cdx.json
			identitymesh-plugin-dpapi_4.5.6_windows_amd64.msi
			identitymesh-plugin-dpapi_4.5.6_windows_amd64.zip
			identitymesh-plugin-keyvault_4.5.6_windows_amd64.cdx.json
			identitymesh-plugin-keyvault_4.5.6_windows_amd64.msi
			identitymesh-plugin-keyvault_4.5.6_windows_amd64.zip
			identitymesh_1.2.3-dev_windows_amd64.cdx.json
			identitymesh_1.2.3-dev_windows_amd64.msi
			identitymesh_1.2.3-dev_windows_amd64.zip`},
	} {
		t.Run(c.target.String(), func(t *testing.T) {
			var made [2]map[string]string
			for i := range made {
				config := dist.Config{Workspace: w, Version: "1.2.3-dev", Time: sourceTime, Out: t.TempDir()}
				names, err := dist.Pack(t.Context(), config, small(t, w, c.target))
				var missing *msi.MissingError
				if errors.As(err, &missing) && os.Getenv("CI") != "true" {
					t.Skip("SKIPPED:", err)
				}
				if err != nil {
					t.Fatal(err)
				}
				slices.Sort(names)
				if want := strings.Fields(c.want); !reflect.DeepEqual(names, want) {
					t.Errorf("\n got %q\nwant %q", names, want)
				}
				made[i] = make(map[string]string)
				for _, name := range names {
					data, err := os.ReadFile(filepath.Join(config.Out, name))
					if err != nil {
						t.Fatal(err)
					}
					made[i][name] = string(data)
				}
				// Times that are told in seconds are others the second time.
				time.Sleep(1100 * time.Millisecond)
			}
			for name, data := range made[0] {
				if made[1][name] != data {
					t.Errorf("%s is another file the second time", name)
				}
			}
		})
	}
}

func TestNothingIsMadeOfAWrongRequest(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	_, err := dist.Make(t.Context(), dist.Config{Plugins: map[string]string{"keyvalut": "1.0.0"}, Sign: "sign {in}", Out: out})
	for _, want := range []string{`no plugin "keyvalut"`, "{out}"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder: %v", err)
	}
}

func TestTimeOfTheSource(t *testing.T) {
	w, err := workspace.Find("")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ epoch, root, problem string }{
		"it is given":                    {"1700000000", w.Root, ""},
		"it is given as something else":  {"yesterday", w.Root, "SOURCE_DATE_EPOCH"},
		"neither given nor in a history": {"", t.TempDir(), "SOURCE_DATE_EPOCH"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SOURCE_DATE_EPOCH", c.epoch)
			t.Setenv("GIT_CEILING_DIRECTORIES", "/")
			at, err := dist.SourceTime(t.Context(), c.root)
			if (err == nil) != (c.problem == "") || err != nil && !strings.Contains(err.Error(), c.problem) {
				t.Errorf("error %v, want %q in it", err, c.problem)
			}
			if err == nil && !at.Equal(time.Unix(1_700_000_000, 0)) {
				t.Errorf("it is %s", at)
			}
		})
	}
}
