package buf_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/build/suite/buf"
	"github.com/identitymesh/identitymesh/build/workspace"
)

// Each case changes a copy of today's contract and holds it against today's.
func TestCheckBreaking(t *testing.T) {
	w, err := workspace.Find("")
	if err != nil {
		t.Fatal(err)
	}
	sdk := filepath.Join(w.Root, "sdk")
	const commit = "  string commit = 3;\n"
	for name, tc := range map[string]struct{ old, changed, want string }{
		"the contract as it is":     {commit, commit, ""},
		"a field that is added":     {commit, commit + "  string added = 4711;\n", ""},
		"a field that is removed":   {commit, "", "field \"3\""},
		"a removed one, reserved":   {commit, "  reserved 3;\n  reserved \"commit\";\n", "field \"3\""},
		"a field that is renamed":   {commit, "  string source = 3;\n", "\"commit\""},
		"a field of another type":   {commit, "  bytes commit = 3;\n", "type"},
		"a field of another number": {commit, "  string commit = 4711;\n", "field \"3\""},
		"an RPC that is removed":    {"  rpc Drain(DrainRequest) returns (DrainResponse);\n", "", "Drain"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, part := range []string{"buf.yaml", "proto"} {
				copyTo(t, filepath.Join(sdk, part), filepath.Join(dir, part))
			}
			file := filepath.Join(dir, "proto", "identitymesh", "secretprovider", "v1", "plugin.proto")
			text, err := os.ReadFile(file)
			if err != nil || strings.Count(string(text), tc.old) != 1 {
				t.Fatalf("%s has %q %d times, %v", file, tc.old, strings.Count(string(text), tc.old), err)
			}
			if err := os.WriteFile(file, []byte(strings.Replace(string(text), tc.old, tc.changed, 1)), 0o644); err != nil {
				t.Fatal(err)
			}
			err = buf.CheckBreaking(t.Context(), dir, sdk)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q in it", err, tc.want)
			}
		})
	}
}

func copyTo(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		err = os.CopyFS(to, os.DirFS(from))
	} else {
		var text []byte
		if text, err = os.ReadFile(from); err == nil {
			err = os.WriteFile(to, text, 0o644)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
