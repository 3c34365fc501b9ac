package main_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
)

type shownToken struct {
	ID, Name, Hint, Role, CreatedBy, Token string
	Permissions                            []string
	Expires                                time.Time
}

// command runs the program, which must succeed, and decodes its output.
func (i *installation) command(into any, arguments ...string) string {
	i.t.Helper()
	stdout, stderr, code := i.run(arguments...)
	if code != 0 {
		i.t.Fatalf("%v: code %d: %s", arguments, code, stderr)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(stdout), into); err != nil {
			i.t.Fatalf("%v: %v: %s", arguments, err, stdout)
		}
	}
	return stdout
}

func TestTokensAreMadeListedAndRevokedOnTheCommandLine(t *testing.T) {
	i := install(t)
	s := i.serve()
	var made shownToken
	i.command(&made, "token", "create", "--config", i.config, "--name", "nightly", "--permission", "runs.start", "--permission", "runs.read", "--expires", "30d", "--output", "json")
	if made.Role != "Operator" || len(made.Permissions) != 3 || time.Until(made.Expires).Round(24*time.Hour) != 30*24*time.Hour || made.CreatedBy == "" || !strings.HasPrefix(made.Token, "imat_"+made.Hint) {
		t.Errorf("made %+v", made)
	}
	plain := strings.TrimSpace(i.command(nil, "token", "create", "--config", i.config, "--name", "other", "--role", "viewer", "--expires", "never"))
	for token, path := range map[string]string{made.Token: "/api/runs", plain: "/api/status"} {
		if code, body := s.ask(token, "GET", path, ""); code != 200 {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	if code, body := s.ask(made.Token, "GET", "/api/status", ""); code != 403 {
		t.Errorf("more than it may: %d %s", code, body)
	}
	var list struct{ Items []shownToken }
	text := i.command(&list, "token", "list", "--config", i.config, "--output", "json")
	if len(list.Items) != 3 || list.Items[0].Name != "administrator" || list.Items[2].Role != "Viewer" || !list.Items[2].Expires.IsZero() {
		t.Errorf("listed %s", text)
	}
	table := i.command(nil, "token", "list", "--config", i.config)
	if strings.Contains(text+table, made.Token[9:]) || !strings.Contains(table, "imat_"+made.Hint) || !strings.Contains(table, "runs.read runs.start") {
		t.Errorf("listed %s", table)
	}
	i.command(nil, "token", "revoke", "--config", i.config, "NIGHTLY")
	i.command(nil, "token", "revoke", "--config", i.config, list.Items[2].ID)
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		first, _ := s.ask(made.Token, "GET", "/api/runs", "")
		second, _ := s.ask(plain, "GET", "/api/status", "")
		if first == 401 && second == 401 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the tokens are still good: %d, %d", first, second)
		}
	}
	_, records := s.ask(i.token(), "GET", "/api/audit", "")
	for _, action := range []string{"tokens.create", "tokens.delete"} {
		if strings.Count(records, `"action":"`+action+`"`) < 4 {
			t.Errorf("%s is not recorded: %s", action, records)
		}
	}
	s.stop()
	for name, place := range map[string]string{"the log": s.log.String(), "the records": records} {
		if strings.Contains(place, made.Token[9:]) || strings.Contains(place, plain[9:]) {
			t.Errorf("%s has a token", name)
		}
	}
	if err := filepath.WalkDir(i.data, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), made.Token[9:]) {
			t.Errorf("%s has a token", path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestATokenThatWasMadeIsPrintedEvenIfThatCannotBeRecorded(t *testing.T) {
	i := install(t)
	i.command(nil, "token", "list", "--config", i.config)
	db, err := productdb.Open(t.Context(), productdb.Config{DataFolder: i.data})
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Write.ExecContext(t.Context(), `CREATE TRIGGER full BEFORE INSERT ON IM_AdminAudit WHEN NEW.phase = 'outcome'
		BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	stdout, problems, code := i.run("token", "create", "--config", i.config, "--name", "x", "--role", "Viewer")
	if code != 1 || !strings.HasPrefix(stdout, "imat_") || !strings.Contains(problems, "audit log") || !strings.Contains(problems, "the disk is full") {
		t.Errorf("%d %q %s", code, stdout, problems)
	}
}

func TestTokensThatCannotBeAreRefusedOnTheCommandLine(t *testing.T) {
	i := install(t)
	for _, c := range []struct {
		words     string
		code      int
		arguments []string
	}{
		{"what about tokens", 2, []string{"token"}},
		{"--role, --permission", 2, []string{"token", "create", "--name", "x"}},
		{"name", 2, []string{"token", "create", "--role", "Viewer"}},
		{"administrator", 2, []string{"token", "create", "--name", "Administrator", "--role", "Viewer"}},
		{"moon.land", 2, []string{"token", "create", "--name", "x", "--permission", "moon.land"}},
		{"--name: the name must have 1 to 200 bytes; say what the token may do: --role, --permission, or both; --expires takes", 2,
			[]string{"token", "create", "--expires", "soon"}},
		{"expected one of", 2, []string{"token", "create", "--name", "x", "--role", "King"}},
		{"a time to come", 2, []string{"token", "create", "--name", "x", "--role", "Viewer", "--expires", "2020-01-01"}},
		{"a time to come", 2, []string{"token", "create", "--name", "x", "--role", "Viewer", "--expires", "soon"}},
		{"text or json", 2, []string{"token", "list", "--output", "xml"}},
		{"the name or the id", 2, []string{"token", "revoke"}},
		{"no token of that name", 1, []string{"token", "revoke", "--config", i.config, "nobody"}},
	} {
		stdout, problems, code := i.run(c.arguments...)
		if code != c.code || !strings.Contains(problems, c.words) || stdout != "" && c.code == 1 {
			t.Errorf("%v: code %d: %s%s", c.arguments, code, problems, stdout)
		}
	}
}
