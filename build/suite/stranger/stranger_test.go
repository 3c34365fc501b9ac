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

func TestCheck(t *testing.T) {
	good := map[string]string{
		"go.work":             "go 1.26\nuse (\n\t./app\n\t./lib\n)\n",
		"lib/go.mod":          "module example.test/mesh/lib\n\ngo 1.26\n",
		"lib/lib.go":          "package lib\n\nconst Name = \"lib\"\n",
		"app/go.mod":          appMod,
		"app/cmd/app/main.go": "package main\n\nimport \"example.test/mesh/lib\"\n\nfunc main() { println(lib.Name) }\n",
	}
	libTest := func(body string) string {
		return "package lib\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestName(t *testing.T) {\n" + body + "\n}\n"
	}
	tests := map[string]struct {
		change map[string]string
		// What the error says; empty when there is none.
		want string
	}{
		"modules that stand on their own are fine": {
			change: map[string]string{"lib/lib_test.go": libTest("if _, err := os.Stat(\"lib.go\"); err != nil {\nt.Fatal(err)\n}")},
		},
		"a sibling required at a version that is not served is found": {
			change: map[string]string{"app/go.mod": strings.ReplaceAll(appMod, "v0.1.0", "v0.2.0")},
			want:   "example.test/mesh/lib v0.2.0",
		},
		"a package that does not compile is found": {
			change: map[string]string{"lib/lib.go": "package lib\n"},
			want:   "undefined: lib.Name",
		},
		"a test that does not compile is found": {
			change: map[string]string{"lib/lib_test.go": libTest("_ = os.Args\nt.Fatal(Missing)")},
			want:   "undefined: Missing",
		},
		"a test that needs the files of a sibling is found": {
			change: map[string]string{"lib/lib_test.go": libTest("if _, err := os.Stat(\"../app/go.mod\"); err != nil {\nt.Fatal(err)\n}")},
			want:   "FAIL: TestName",
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
			err = stranger.Check(t.Context(), stranger.Config{
				Workspace: w, Version: "v0.1.0", Tests: map[string][]string{"lib": {"..."}},
				Binaries: []release.Binary{{Name: "app", Module: "app", Package: "cmd/app"}},
			})
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q in it", err, tc.want)
			}
		})
	}
}
