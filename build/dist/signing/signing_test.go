//go:build unix

package signing_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/build/dist/signing"
)

func TestFileIsReplacedByWhatTheCommandMadeOfIt(t *testing.T) {
	for name, c := range map[string]struct {
		hook    signing.Hook
		content string
		problem string
	}{
		"a command that names no file":       {"cp /dev/null {out}", "", "has to name {in} and {out}"},
		"a command that copies":              {"cp {in} {out}", "program", ""},
		"no command":                         {"", "program", ""},
		"a command that fails":               {"false {in} {out}", "program", "exit status 1"},
		"a command that writes nothing":      {"test {in} != {out}", "program", "wrote nothing"},
		"a command that signs a part of it":  {"dd status=none count=1 bs=4 if={in} of={out}", "prog", ""},
		"a command that is not there at all": {"identitymesh-no-such-command {in} {out}", "program", "executable file not found"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "program.exe")
			if err := os.WriteFile(file, []byte("program"), 0o755); err != nil {
				t.Fatal(err)
			}
			err := c.hook.Sign(t.Context(), file)
			if (err == nil) != (c.problem == "") || err != nil && !strings.Contains(err.Error(), c.problem) {
				t.Errorf("error %v, want %q in it", err, c.problem)
			}
			data, err := os.ReadFile(file)
			info, statErr := os.Stat(file)
			if err != nil || statErr != nil || info.Mode().Perm() != 0o755 || c.problem == "" && string(data) != c.content {
				t.Errorf("it holds %q with %v, %v, %v", data, info.Mode(), err, statErr)
			}
			if c.problem != "" && string(data) != "program" {
				t.Errorf("a failure changed it to %q", data)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
				t.Errorf("the folder holds %v, %v", left, err)
			}
		})
	}
}
