package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/productdb"
)

func TestTheAuditLogIsVerifiedAndExportedOnTheCommandLine(t *testing.T) {
	i := install(t)
	if out, problems, code := i.run("token", "reset", "--config", i.config); code != 0 {
		t.Fatal(out, problems)
	}
	export := filepath.Join(t.TempDir(), "export.jsonl")
	must := func(want string, arguments ...string) string {
		t.Helper()
		out, problems, code := i.run(arguments...)
		if code != 0 || problems != "" || !strings.Contains(out, want) {
			t.Errorf("%v: %d %q %q", arguments, code, out, problems)
		}
		return out
	}
	refused := func(code int, want string, arguments ...string) {
		t.Helper()
		out, problems, got := i.run(arguments...)
		if got != code || out != "" || !strings.Contains(problems, want) {
			t.Errorf("%v: %d %q %q", arguments, got, out, problems)
		}
	}
	said := must("is as it was written: 2 records, 0 actions without an outcome", "audit", "verify", "--config", i.config)
	must("", "audit", "export", "--config", i.config, "--out", export)
	refused(1, "is there already", "audit", "export", "--config", i.config, "--out", export)
	content, err := os.ReadFile(export)
	if err != nil {
		t.Fatal(err)
	}
	if text := must(`"action":"tokens.reset"`, "audit", "export", "--config", i.config); text != string(content) {
		t.Errorf("standard output got %q, the file %q", text, content)
	}
	if text := string(content); strings.Count(text, `"actor":"user `) != 2 || !strings.Contains(text, `"outcome":"OK"`) || strings.Contains(text, i.token()) {
		t.Errorf("the record is %s", text)
	}

	db, err := productdb.Open(t.Context(), productdb.Config{DataFolder: i.data})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Write.ExecContext(t.Context(), "DELETE FROM IM_AdminAudit WHERE seq = 2"); err != nil {
		t.Fatal(err)
	}
	refused(1, "changed at record 2", "audit", "verify", "--config", i.config)

	// Away from here: no database, and no configuration that could be read.
	t.Setenv("IDENTITYMESH_ENVIRONMENT", "Elsewhere")
	if err := os.Rename(i.config, i.config+".away"); err != nil {
		t.Fatal(err)
	}
	offline := must("2 records", "audit", "verify", "--file", export)
	if hash := said[strings.Index(said, "hash "):]; !strings.HasSuffix(offline, hash) {
		t.Errorf("offline %q, online %q", offline, said)
	}
	changed := strings.Replace(string(content), `"actor":"user `, `"actor":"user not`, 1)
	if err := os.WriteFile(export, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(1, "changed at record 1: its hash does not fit", "audit", "verify", "--file", export)
	refused(1, "export.jsonl.gone", "audit", "verify", "--file", export+".gone")
	refused(2, "audit verify", "audit")
	refused(2, `"now"`, "audit", "verify", "now")
	refused(2, "-nope", "audit", "export", "--nope")
}
