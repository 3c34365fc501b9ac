package main_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/audit"
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
	if hash := strings.SplitAfter(said, "\n")[1]; !strings.HasSuffix(offline, hash) {
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

func TestOldRecordsAreRemovedAndHeadsCheckedOnTheCommandLine(t *testing.T) {
	i := install(t)
	folder := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	run := func(code int, want string, arguments ...string) string {
		t.Helper()
		out, problems, got := i.run(append(arguments, "--config", i.config)...)
		if got != code || !strings.Contains(out+problems, want) {
			t.Fatalf("%v: %d %q %q", arguments, got, out, problems)
		}
		return out
	}
	for range 3 {
		run(0, "new token", "token", "reset")
	}
	db, err := productdb.Open(t.Context(), productdb.Config{DataFolder: i.data})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	log := audit.On(db, nil)
	keyFile, heads := file("head.key", strings.Repeat("k", 32)), filepath.Join(folder, "heads.jsonl")
	keeper, err := audit.NewKeeper(audit.KeeperConfig{
		Log: log, Logger: slog.New(slog.DiscardHandler), Now: time.Now, Interval: time.Hour,
		Witness: audit.Witness{File: heads, KeyFile: keyFile}, After: func(time.Duration) <-chan time.Time { return time.After(0) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); keeper.Run(ctx) }()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(heads); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no heads are written")
		}
	}
	stop()
	<-ended

	run(2, "belong together", "audit", "verify", "--heads", heads)
	run(0, "1 heads that were written elsewhere are in it", "audit", "verify", "--heads", heads, "--key-file", keyFile)
	run(1, "not written with this key", "audit", "verify", "--heads", heads, "--key-file", file("other.key", strings.Repeat("x", 32)))
	run(2, "--before", "audit", "prune", "--before", "yesterday")
	run(2, "--before", "audit", "prune", "--before", "2999-01-01")
	run(0, "0 records were removed", "audit", "prune", "--before", "2001-01-01")
	run(0, "0 records were removed", "audit", "prune", "--before", "2001-01-01", "--objects")
	time.Sleep(1100 * time.Millisecond)
	run(0, "6 records were removed", "audit", "prune", "--before", time.Now().UTC().Format(time.RFC3339))
	out := run(0, "6 records before them were removed", "audit", "verify")
	key := strings.TrimSpace(run(0, "", "audit", "key"))
	if len(key) != 64 || !strings.Contains(out, "signed with the key "+key) {
		t.Errorf("the key is %q, verify said %q", key, out)
	}
	export := filepath.Join(folder, "export.jsonl")
	run(0, "", "audit", "export", "--out", export)
	offline := func(code int, want string, arguments ...string) {
		t.Helper()
		out, problems, got := i.run(append([]string{"audit", "verify", "--file", export}, arguments...)...)
		if got != code || !strings.Contains(out+problems, want) {
			t.Errorf("%v: %d %q %q", arguments, got, out, problems)
		}
	}
	offline(1, "not trusted")
	offline(0, "6 records before them", "--trust", key)
	offline(0, "6 records before them", "--trust", key, "--heads", heads, "--key-file", keyFile)
	run(0, "", "audit", "export", "--connector", "none")

	// The end is cut off together with its head.
	if _, err := db.Write.ExecContext(t.Context(), "DELETE FROM IM_AdminAudit; DELETE FROM IM_AuditCheckpoints; UPDATE IM_AuditHeads SET seq = 0, hash = '"+
		strings.Repeat("0", 64)+"'"); err != nil {
		t.Fatal(err)
	}
	run(0, "0 records", "audit", "verify")
	run(1, "records at the end were removed", "audit", "verify", "--heads", heads, "--key-file", keyFile)

	// Those that are configured count without being named, also for what is removed.
	run(0, "compared with no heads", "audit", "verify")
	configure := func(path string) {
		t.Helper()
		content, err := os.ReadFile(i.config)
		if err != nil {
			t.Fatal(err)
		}
		var settings map[string]any
		if err := json.Unmarshal(content, &settings); err != nil {
			t.Fatal(err)
		}
		settings["Audit"] = map[string]any{"Head": map[string]any{"File": path, "KeyFile": keyFile}}
		if content, err = json.Marshal(settings); err == nil {
			err = os.WriteFile(i.config, content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	configure(heads)
	run(1, "records at the end were removed", "audit", "verify")
	run(0, "new token", "token", "reset")
	time.Sleep(1100 * time.Millisecond)
	now := time.Now().UTC().Format(time.RFC3339)
	run(1, "records at the end were removed", "audit", "prune", "--before", now)
	configure(filepath.Join(folder, "none.jsonl"))
	if out := run(1, "none.jsonl", "audit", "verify"); !strings.Contains(out, "4 records") {
		t.Errorf("the rest is not verified: %q", out)
	}
	run(1, "nothing is removed", "audit", "prune", "--before", now)
}

func TestWhatTheAdminAPIDoesByItselfIsRecorded(t *testing.T) {
	i := install(t)
	s := i.serve()
	if runtime.GOOS != "windows" {
		if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"instances.start", "tokens.create", `\"state\":\"Ready\"`}
	if runtime.GOOS != "windows" {
		want = append(want, `\"trigger\":\"SIGHUP\"`)
	}
	var answer string
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		_, answer = s.ask(i.token(), "GET", "/api/audit?limit=100", "")
		missing := slices.ContainsFunc(want, func(text string) bool { return !strings.Contains(answer, text) })
		if !missing {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("recorded is %s", answer)
		}
	}
	if strings.Contains(answer, i.token()) {
		t.Error("the token is in the log")
	}
	s.stop()
	out, problems, code := i.run("audit", "verify", "--config", i.config)
	export, _, _ := i.run("audit", "export", "--config", i.config)
	if code != 0 || !strings.Contains(export, "instances.stop") && runtime.GOOS != "windows" {
		t.Errorf("%d %s %s %s", code, out, problems, export)
	}
}
