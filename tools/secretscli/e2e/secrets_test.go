package e2e_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const ref = "secret://ad/svc/password"

// shown is what the commands tell of a secret.
type shown struct {
	Ref, Name, Version, Provider string
	Updated, Expires             time.Time
	Tags                         map[string]string
	Fallback, NewlineRemoved     bool
}

func TestASecretsLife(t *testing.T) {
	w := newWorld(t)

	var set shown
	w.json(canary+"\n", &set, "set", ref, "--stdin", "--tag", "owner=hr, it", "--expires", "90d")
	if set.Ref != ref || set.Name != naming.Name(ref) || set.Version == "" || set.Provider != "DPAPI" || set.Fallback ||
		!set.NewlineRemoved || set.Tags["owner"] != "hr, it" || time.Until(set.Expires).Round(time.Hour) != 90*24*time.Hour {
		t.Errorf("set: %+v", set)
	}
	w.wantStored(ref, canary)

	var described shown
	w.json("", &described, "describe", ref)
	set.NewlineRemoved = false // only set tells that
	if fmt.Sprint(described) != fmt.Sprint(set) {
		t.Errorf("describe: %+v, set said %+v", described, set)
	}
	stdout, _ := w.run("", 0, "describe", ref)
	for _, text := range []string{ref, set.Name, set.Version, "DPAPI", "owner=hr, it", set.Expires.Format(time.RFC3339)} {
		if !strings.Contains(stdout, text) {
			t.Errorf("describe as text lacks %q:\n%s", text, stdout)
		}
	}

	_, stderr := w.run(canary+"2\r\n", 0, "--verbose", "set", ref, "--stdin", "--if-version", set.Version)
	if !strings.Contains(stderr, "secret set") {
		t.Errorf("--verbose does not show the plugin's log:\n%s", stderr)
	}
	w.wantStored(ref, canary+"2")
	w.run(canary+"3", 1, "set", ref, "--stdin", "--if-version", set.Version)
	w.run(canary+"3", 1, "set", ref, "--stdin", "--create-only")
	w.wantStored(ref, canary+"2")

	w.run("", 2, "delete", ref)
	w.json("", &struct{}{}, "delete", ref, "--yes")
	w.wantError(3, "NOT_FOUND", "describe", ref)
	w.wantError(3, "NOT_FOUND", "delete", ref, "--yes")
	w.wantNoCanary()
}

// wantError expects an error object on stderr and nothing on stdout.
func (w *world) wantError(code int, reason string, args ...string) {
	w.Helper()
	stdout, stderr := w.run("", code, append(args, "--output=json")...)
	var object struct {
		Error struct {
			Reason, Message string
			ExitCode        int
		}
	}
	if err := json.Unmarshal([]byte(stderr), &object); err != nil || stdout != "" ||
		object.Error.Reason != reason || object.Error.Message == "" || object.Error.ExitCode != code {
		w.Errorf("%v: %v\nstdout: %s\nstderr: %s", args, err, stdout, stderr)
	}
}

func TestWhereAValueComesFrom(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		stdin, file string
		args        []string
		want        string
	}{
		"the standard input without its last line break": {stdin: canary + "\n\n", args: []string{"--stdin"}, want: canary + "\n"},
		"the standard input as it is":                    {stdin: canary + "\n", args: []string{"--stdin", "--keep-newline"}, want: canary + "\n"},
		"a file without its last line break":             {file: canary + "\r\n", want: canary},
		"a binary file as it is":                         {file: "\x00" + canary + "\xff\n", args: []string{"--keep-newline"}, want: "\x00" + canary + "\xff\n"},
		"an empty value that is asked for":               {args: []string{"--stdin", "--allow-empty"}, want: ""},
		"the largest value":                              {stdin: canary + strings.Repeat("x", secret.MaxValueBytes-len(canary)), args: []string{"--stdin"}, want: canary + strings.Repeat("x", secret.MaxValueBytes-len(canary))},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			args := append([]string{"set", ref}, c.args...)
			if c.file != "" {
				path := w.write("value", c.file)
				defer os.Remove(path)
				args = append(args, "--file", path)
			}
			w.run(c.stdin, 0, args...)
			w.wantStored(ref, c.want)
		})
	}
	for name, c := range map[string]struct {
		stdin, says string
		args        []string
	}{
		"an empty value":                   {"\n", "the value is empty", []string{"set", ref, "--stdin"}},
		"a value beyond what stores take":  {strings.Repeat(canary, secret.MaxValueBytes/len(canary)+1), "larger than 1048576 bytes", []string{"set", ref, "--stdin"}},
		"a file that is not there":         {"", "no-such-file", []string{"set", ref, "--file", "no-such-file"}},
		"a value on the command line":      {"", "refused, because", []string{"set", ref, canary}},
		"a value on the line and in stdin": {canary, "refused, because", []string{"set", "--stdin", ref, canary}},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			if stdout, stderr := w.in(t).run(c.stdin, 2, c.args...); stdout != "" || !strings.Contains(stderr, c.says) {
				t.Errorf("stdout %q, stderr %q", stdout, stderr)
			}
		})
	}
	w.wantNoCanary()
}

func TestListShowsEverything(t *testing.T) {
	w := newWorld(t)
	var listing struct {
		Complete bool
		Secrets  []shown
	}
	w.json("", &listing, "list")
	if !listing.Complete || listing.Secrets == nil || len(listing.Secrets) != 0 {
		t.Errorf("empty store: %+v", listing)
	}
	refs := []string{"secret://a", "secret://b", "other store/c"}
	for _, r := range refs {
		w.run(canary, 0, "set", r, "--stdin", "--any-ref")
	}
	w.json("", &listing, "list")
	found := map[string]string{}
	for _, s := range listing.Secrets {
		found[s.Ref] = s.Name
	}
	for _, r := range refs {
		if found[r] != naming.Name(r) {
			t.Errorf("%s is listed as %q", r, found[r])
		}
	}
	if stdout, _ := w.run("", 0, "list"); !strings.HasSuffix(stdout, "secrets in DPAPI: 3; the listing is complete\n") {
		t.Errorf("got %s", stdout)
	}
	w.wantNoCanary()
}

func TestListTakesMoreThanOnePage(t *testing.T) {
	w := newWorld(t)
	store, err := host.OpenAdministrator(w.host())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	const all = provider.MaxPageSize + 1
	for n := range all {
		request := provider.SetRequest{Ref: secret.Ref(fmt.Sprintf("secret://n/%d", n)), Value: secret.NewValue([]byte(canary))}
		if _, err := store.Set(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	var listing struct {
		Complete bool
		Secrets  []shown
	}
	w.json("", &listing, "list")
	seen := map[string]bool{}
	for _, s := range listing.Secrets {
		seen[s.Ref] = true
	}
	if len(seen) != all || len(listing.Secrets) != all || !listing.Complete {
		t.Errorf("%d secrets, %d different ones, complete %v", len(listing.Secrets), len(seen), listing.Complete)
	}
}

func TestAnUnknownProviderIsToldEachTime(t *testing.T) {
	w := newWorld(t)
	w.configure(map[string]any{"Secrets": map[string]any{"Provider": "AzureKeyVolt"}})
	_, stderr := w.run(canary, 0, "set", ref, "--stdin")
	if !strings.Contains(stderr, `warning: Secrets:Provider: "AzureKeyVolt"`) {
		t.Errorf("stderr %q", stderr)
	}
	var described shown
	w.json("", &described, "describe", ref)
	if !described.Fallback || described.Provider != "DPAPI" {
		t.Errorf("got %+v", described)
	}
}

func TestAChangeThatTookTooLongIsCalledUncertain(t *testing.T) {
	w := newWorld(t)
	w.run(canary, 0, "set", ref, "--stdin")
	db, err := sql.Open("sqlite", filepath.Join(w.folder, "data", "identitymesh.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"set", ref, "--stdin"}, {"delete", ref, "--yes"}} {
		_, stderr := w.run(canary+"2", 5, append(args, "--timeout", "1s")...)
		if !strings.Contains(stderr, "TIMEOUT: ") || !strings.Contains(stderr, "may or may not have happened") {
			t.Errorf("%s: %s", args[0], stderr)
		}
	}
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	w.wantStored(ref, canary)
}
