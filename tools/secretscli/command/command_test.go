package command_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/buildinfo"
	"github.com/identitymesh/identitymesh/tools/secretscli/command"
)

// suspect stands where a value might have been typed by mistake.
const suspect = "canary-7d21-typed"

// run plays the program, with stdin from a file, where no configuration and no
// plugin can be had.
func run(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stdin")
	if err := os.WriteFile(path, []byte(stdin), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var out, errs bytes.Buffer
	code = command.Run(t.Context(), append([]string{"secretscli", "--config", filepath.Join(t.TempDir(), "none.json")}, args...), command.Config{
		Build: buildinfo.Info{Version: "1.2.3", Commit: "583a1923d63e", Go: "go1.26", Platform: "linux/amd64"},
		Stdin: in, Stdout: &out, Stderr: &errs, Now: func() time.Time { return time.Unix(1_800_000_000, 0) },
	})
	return code, out.String(), errs.String()
}

func TestMistakesOnTheCommandLine(t *testing.T) {
	const ref = "secret://ad/svc/password"
	for name, c := range map[string]struct {
		args string
		says string
	}{
		"a value after the ref":                       {"set " + ref + " " + suspect, "refused, because the shell's history and the list of processes"},
		"a value after the ref, with options":         {"set " + ref + " --stdin " + suspect, "refused, because"},
		"a value after a double dash":                 {"set " + ref + " -- -" + suspect, "refused, because"},
		"a value that looks like an option":           {"set " + ref + " -" + suspect, "an option is not known"},
		"a value of an option that does not exist":    {"set " + ref + " --value " + suspect, "an option is not known"},
		"a value in an option that does not exist":    {"set " + ref + " --value=" + suspect, "an option is not known"},
		"a value for a switch":                        {"set " + ref + " --stdin=" + suspect, "an option is not known"},
		"a value in place of the ref":                 {"set --stdin " + suspect, "invalid secret reference"},
		"a value in place of the command":             {suspect + " " + ref, "there is no such command"},
		"a value as the expiry":                       {"set " + ref + " --stdin --expires " + suspect, "--expires needs a time"},
		"a value as a tag":                            {"set " + ref + " --stdin --tag " + suspect, "--tag needs KEY=VALUE"},
		"a value as the form of the output":           {"set " + ref + " --stdin --output " + suspect, "--output must be text or json"},
		"a value as the time limit":                   {"set " + ref + " --stdin --timeout " + suspect, "an option is not known"},
		"a value where describe takes one ref":        {"describe " + ref + " " + suspect, "takes one ref and nothing else"},
		"no ref":                                      {"set --stdin", "the ref is missing"},
		"a ref without a name":                        {"describe secret://", "invalid secret reference"},
		"both sources":                                {"set " + ref + " --stdin --file x", "exclude each other"},
		"no source and no terminal":                   {"set " + ref, "use --stdin or --file"},
		"both conditions":                             {"set " + ref + " --stdin --create-only --if-version 1", "exclude each other"},
		"a condition without a version":               {"set " + ref + " --stdin --if-version=", "needs a version"},
		"an expiry in the past":                       {"set " + ref + " --stdin --expires 2001-01-01T00:00:00Z", "must be in the future"},
		"an expiry of no days":                        {"set " + ref + " --stdin --expires 0d", "must be in the future"},
		"an expiry beyond all days":                   {"set " + ref + " --stdin --expires 99999999d", "--expires needs a time"},
		"the same tag twice":                          {"set " + ref + " --stdin --tag a=1 --tag a=2", "the same key twice"},
		"a delete that nobody can confirm":            {"delete " + ref, "say --yes"},
		"an argument of list":                         {"list " + ref, "takes no arguments"},
		"an argument of doctor":                       {"doctor " + ref, "takes no arguments"},
		"a time limit of nothing":                     {"list --timeout 0s", "must be longer"},
		"no refs for name":                            {"name", "the refs are missing"},
		"refs from both places":                       {"name " + ref + " --stdin", "either as arguments"},
		"a bad ref among good ones, and which it was": {"name " + ref + " " + suspect + " x", "argument 2: invalid secret reference"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, form := range []string{"text", "json"} {
				args := strings.Fields(c.args)
				if !strings.Contains(c.args, "--output") {
					args = append([]string{"--output", form}, args...)
				}
				code, stdout, stderr := run(t, "", args...)
				if code != 2 || stdout != "" || !strings.Contains(stderr, c.says) {
					t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
				}
				if strings.Contains(stderr, suspect) {
					t.Errorf("what may be a value is repeated: %s", stderr)
				}
				var object struct {
					Error struct{ Reason, Message string }
				}
				if err := json.Unmarshal([]byte(stderr), &object); (err == nil) != (form == "json" && !strings.Contains(c.args, "--output")) {
					t.Errorf("%s form: %q, %v", form, stderr, err)
				} else if err == nil && object.Error.Reason != "USAGE" {
					t.Errorf("got %+v", object)
				}
			}
		})
	}
}

func TestOptionsMayStandAnywhere(t *testing.T) {
	const name = "im-4dcca9e40db8d988ebd8f907f7449ec4"
	for _, args := range []string{
		"name secret://ad/svc/password --output json",
		"name --output=json secret://ad/svc/password",
		"--output json name secret://ad/svc/password",
		"-output json name -- secret://ad/svc/password",
		"--any-ref name --output json secret://ad/svc/password",
		"name secret://ad/svc/password --output text --output json --verbose",
	} {
		code, stdout, stderr := run(t, "", strings.Fields(args)...)
		var got struct{ Names []struct{ Ref, Name string } }
		if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 || len(got.Names) != 1 || got.Names[0].Name != name {
			t.Errorf("%s: exit code %d, %q, %q", args, code, stdout, stderr)
		}
	}
}

func TestNameWorksOffline(t *testing.T) {
	for name, c := range map[string]struct {
		stdin string
		args  []string
		want  string
	}{
		"one ref gives the bare name": {"", []string{"name", "secret://ad/svc/password"}, "im-4dcca9e40db8d988ebd8f907f7449ec4\n"},
		"several come with their refs": {"", []string{"name", "secret://a", "secret://b"},
			"im-fc5aa1d1e4deeca745af529b4ca77fa0  secret://a\nim-dd5f1aefa162e8298c480f0f9f64dc9c  secret://b\n"},
		"lines of the standard input": {"secret://a\r\nsecret://b\n", []string{"name", "--stdin"},
			"im-fc5aa1d1e4deeca745af529b4ca77fa0  secret://a\nim-dd5f1aefa162e8298c480f0f9f64dc9c  secret://b\n"},
		"any ref when asked for": {"", []string{"name", "--any-ref", "--", "-x"}, "im-a420962426d711880258b007d6767792\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if code, stdout, stderr := run(t, c.stdin, c.args...); code != 0 || stdout != c.want || stderr != "" {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
			}
		})
	}
	code, stdout, stderr := run(t, "secret://a\n\nnothing", "name", "--stdin")
	if code != 2 || stdout != "" || !strings.Contains(stderr, "line 2: ") || !strings.Contains(stderr, "line 3: ") {
		t.Errorf("bad lines: exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestConfigurationThatCannotBeUsed(t *testing.T) {
	for _, args := range []string{"list", "describe secret://a", "set secret://a --stdin", "delete secret://a --yes"} {
		if code, stdout, stderr := run(t, "v", strings.Fields(args)...); code != 4 || stdout != "" || !strings.Contains(stderr, "none.json") {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
	code, stdout, stderr := run(t, "", "doctor")
	if code != 1 || stderr != "" || !strings.Contains(stdout, "[FAIL] configuration") || !strings.Contains(stdout, "none.json") {
		t.Errorf("doctor: exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestHelpTellsTheExitCodes(t *testing.T) {
	for _, args := range []string{"", "--help", "help"} {
		if code, stdout, _ := run(t, "", strings.Fields(args)...); code != 0 || !strings.Contains(stdout, "3  there is no such secret") {
			t.Errorf("%q: exit code %d, %s", args, code, stdout)
		}
	}
	for _, command := range []string{"set", "describe", "list", "delete", "name", "doctor"} {
		if code, stdout, _ := run(t, "", command, "--help"); code != 0 || !strings.Contains(stdout, "secretscli "+command) {
			t.Errorf("%s: exit code %d, %s", command, code, stdout)
		}
	}
	if _, stdout, _ := run(t, "", "--version"); stdout != "secretscli version 1.2.3 (commit 583a1923d63e, go1.26, linux/amd64)\n" {
		t.Errorf("got %q", stdout)
	}
}
