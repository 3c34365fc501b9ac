package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// engine builds the program and returns what runs it to its end.
func engine(t *testing.T) (run func(arguments ...string) (stdout, stderr string, code int)) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "identitymesh-engine")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X main.version=1.2.3", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return func(arguments ...string) (string, string, int) {
		var stdout, stderr bytes.Buffer
		cmd := exec.CommandContext(t.Context(), binary, arguments...)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		_ = cmd.Run() // the code says it
		return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
	}
}

func TestTheExitCodeTellsAWrongCommandLineFromAFailedStart(t *testing.T) {
	run := engine(t)
	folder := t.TempDir()
	broken, occupied := filepath.Join(folder, "broken.json"), filepath.Join(folder, "occupied.json")
	for file, text := range map[string]string{
		broken:   `{"Engine":{"PollInterval":"soon"},"Logging":{"Level":"loud"}}`,
		occupied: `{"IdentityMesh":{"DataFolder":"broken.json"}}`,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		arguments []string
		code      int
		words     []string
	}{
		"an unknown option":               {[]string{"--bogus"}, 2, []string{"error: ", "bogus", "--help"}},
		"an option without its argument":  {[]string{"--config"}, 2, []string{"config", "--help"}},
		"an argument":                     {[]string{"now"}, 2, []string{`unexpected argument "now"`, "--help"}},
		"a configuration that is missing": {[]string{"--config", filepath.Join(folder, "none.json")}, 1, []string{"none.json"}},
		"every problem of a bad one":      {[]string{"--config", broken}, 1, []string{"Engine:PollInterval", "Logging:Level", "broken.json, line 1"}},
		"a data folder that is a file":    {[]string{"--config", occupied}, 1, []string{"broken.json is a file", "IdentityMesh:DataFolder"}},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := run(c.arguments...)
			if code != c.code || stdout != "" {
				t.Errorf("exit code %d, standard output %q, standard error %q", code, stdout, stderr)
			}
			for _, word := range c.words {
				if !strings.Contains(stderr, word) {
					t.Errorf("standard error lacks %q: %s", word, stderr)
				}
			}
		})
	}
	if stdout, _, code := run("--version"); code != 0 || !strings.Contains(stdout, "1.2.3") {
		t.Errorf("--version: exit code %d, %q", code, stdout)
	}
}
