package stranger_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/build/release"
	"github.com/identitymesh/identitymesh/build/suite/stranger"
	"github.com/identitymesh/identitymesh/build/workspace"
)

const appMod = `module example.test/mesh/app

go 1.26

require example.test/mesh/lib v0.1.0

replace example.test/mesh/lib => ../lib
`

func TestStrangers(t *testing.T) {
	good := map[string]string{
		"go.work":             "go 1.26\nuse (\n\t./app\n\t./lib\n)\n",
		"lib/go.mod":          "module example.test/mesh/lib\n\ngo 1.26\n",
		"lib/lib.go":          "package lib\n\nconst Name = \"lib\"\n",
		"app/go.mod":          appMod,
		"app/cmd/app/main.go": "package main\n\nimport \"example.test/mesh/lib\"\n\nfunc main() { println(lib.Name) }\n",
	}
	tests := map[string]struct {
		change map[string]string
		// What the errors say; empty when there is none.
		alone, fetched string
	}{
		"modules that stand on their own build": {},
		"a requirement that only the workspace supplies is found": {
			change: map[string]string{"app/go.mod": "module example.test/mesh/app\n\ngo 1.26\n"},
			alone:  "build app alone",
		},
		"a sibling required at a version that is not served is found": {
			change:  map[string]string{"app/go.mod": strings.ReplaceAll(appMod, "v0.1.0", "v0.2.0")},
			fetched: "example.test/mesh/lib v0.2.0",
		},
		"a package that does not compile is found": {
			change:  map[string]string{"lib/lib.go": "package lib\n"},
			alone:   "undefined: lib.Name",
			fetched: "undefined: lib.Name",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for _, files := range []map[string]string{good, tc.change} {
				for name, text := range files {
					name = filepath.Join(root, filepath.FromSlash(name))
					if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			t.Setenv("GOPROXY", "off")
			w, err := workspace.Find(root)
			if err != nil {
				t.Fatal(err)
			}
			check(t, "alone", stranger.Alone(t.Context(), w), tc.alone)
			check(t, "fetched", stranger.Build(t.Context(), stranger.Config{Workspace: w, Version: "v0.1.0",
				Binaries: []release.Binary{{Name: "app", Module: "app", Package: "cmd/app"}}}), tc.fetched)
		})
	}
}

func check(t *testing.T, what string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%s: error %v, want %q in it", what, err, want)
	}
}
