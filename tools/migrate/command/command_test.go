package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/buildinfo"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/command"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
)

func TestSecretsGoFromStoreToStore(t *testing.T) {
	w := newWorld(t)
	values := some(30)
	w.set(w.folder, values)
	w.planned(0, "30    create   copies it", "a run can take over everything", "next: identitymesh-migrate run")
	w.must(0, []string{"run", "--dry-run"}, "a run would copy 30,")
	w.must(0, []string{"run"}, "    30  copied", "    30  verified", "next: identitymesh-migrate switch")
	w.has(w.other, values)
	rotated := map[secret.Ref]string{"secret://t/07": "-rotated"}
	w.set(w.folder, rotated)
	w.must(0, []string{"verify"}, "     1  changed since", "     1  copied", "    30  verified")
	w.has(w.other, rotated)
	w.set(w.other, map[secret.Ref]string{"secret://t/08": "-theirs"})
	w.must(6, []string{"verify"}, "blocked: secret://t/08", "left as it is", "run --replace secret://t/08;")
	w.has(w.other, map[secret.Ref]string{"secret://t/08": "-theirs"})
	w.must(0, []string{"status"}, "verified  29", "blocked   1", "secret://t/08")
	w.clean()
}

func TestEveryResultIsThereAsJSON(t *testing.T) {
	w := newWorld(t)
	w.set(w.folder, some(2))
	w.set(w.other, map[secret.Ref]string{"secret://t/01": "-other"})
	for _, c := range []struct {
		code int
		args []string
		keys string
	}{
		{6, []string{"plan", "--to-config", settings(w.other)}, "migration verdicts runnable blocked plan next"},
		{0, []string{"run", "--dry-run"}, "copy adopt blocked skipped"},
		{6, []string{"run"}, "copied verified inTheWay needOperator counts next interrupted"},
		{6, []string{"verify"}, "copied verified counts next"},
		{0, []string{"status"}, "id from to counts blocked needOperator next ledger"},
	} {
		e := w.must(c.code, append(c.args, "--output", "json"))
		var result map[string]any
		if err := json.Unmarshal([]byte(e.out), &result); err != nil || e.errors != "" {
			t.Fatalf("%v: %v\n%s", c.args, err, e.out+e.errors)
		}
		for _, key := range strings.Fields(c.keys) {
			if _, there := result[key]; !there {
				t.Errorf("%v: no %s in %s", c.args, key, e.out)
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(w.folder, "migration-plan.json"))
	var file struct {
		Runnable bool
		Refs     []ledger.Entry
	}
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	if err != nil || file.Runnable || len(file.Refs) != 2 || file.Refs[1].Verdict != ledger.Differs {
		t.Errorf("%+v, %v", file, err)
	}
	w.clean()
}

func TestExitCodes(t *testing.T) {
	w := newWorld(t)
	w.must(3, []string{"status"}, "there is no migration", "plan --to PROVIDER")
	w.must(3, []string{"run"})
	w.must(2, []string{"plan"}, "--to")
	w.must(2, []string{"plan", "--to-config", settings(w.other), "--concurrency", "0"}, "--concurrency")
	w.must(2, []string{"run", "extra"}, "takes no arguments")
	w.must(2, []string{"run", "--nonsense"}, "nonsense")
	w.must(4, []string{"plan", "--to", "DPAPI"}, "are the same store")
	w.must(4, []string{"plan", "--to", "Vaultwarden"}, `no provider "Vaultwarden"`, "DPAPI, AzureKeyVault")
	w.must(4, []string{"plan", "--to-config", "/nowhere.json"})
	w.must(3, []string{"status"})
	w.set(w.folder, some(1))
	w.planned(0)
	w.must(0, []string{"run"})
	third, err := filepath.Abs(t.TempDir())
	if err == nil {
		err = os.WriteFile(settings(third), []byte(`{"IdentityMesh":{"DataFolder":"data","PluginFolder":"`+filepath.ToSlash(built.Path)+`"}}`), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.must(1, []string{"plan", "--to-config", settings(third)}, "has copied secrets", "--ledger")
	// The store of the plan is another one now.
	if err := os.WriteFile(settings(w.other), []byte(`{"IdentityMesh":{"DataFolder":"moved","PluginFolder":"`+filepath.ToSlash(built.Path)+`"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	w.must(4, []string{"verify"}, "was planned with")
}

func TestTheSecondOfTwoIsTurnedAway(t *testing.T) {
	w := newWorld(t)
	w.set(w.folder, some(1))
	w.planned(0)
	l, err := ledger.Open(t.Context(), ledger.Config{Folder: w.folder, Who: "user ann", Host: "h1"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	unlock, err := l.Lock(t.Context(), "run")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unlock() }()
	w.must(7, []string{"run"}, "user ann works with the migration", "run, process")
	w.must(7, []string{"plan"}, "user ann")
	w.must(0, []string{"status"}, "planned  1")
}

func TestTheSecondOfTwoIsTurnedAwayThoughItHasALedgerOfItsOwn(t *testing.T) {
	w := newWorld(t)
	w.set(w.folder, some(1))
	unlock, err := ledger.LockHost(filepath.Join(w.folder, "data"))
	if err != nil {
		t.Fatal(err)
	}
	plan := []string{"plan", "--to-config", settings(w.other), "--ledger", t.TempDir()}
	w.must(7, plan, "another process works with the migration of", "data")
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	w.must(0, plan)
}

func TestOnlySomeRefsAreCopiedWhenAsked(t *testing.T) {
	w := newWorld(t)
	w.set(w.folder, some(4))
	w.planned(0)
	w.must(0, []string{"run", "--only", "secret://t/*", "--exclude", "*/03", "--exclude=secret://t/0?x"}, "     3  copied", "     1  not asked for")
	w.must(0, []string{"run", "--only-used"}, "     1  not asked for")
	w.must(0, []string{"run"}, "     1  copied")
}

func TestEachStepIsAuditedAndShownToWatchers(t *testing.T) {
	w := newWorld(t)
	w.set(w.folder, some(2))
	w.planned(0)
	w.must(0, []string{"run", "--only", "*/01"})
	db, err := store.Open(t.Context(), store.Config{DB: productdb.Config{DataFolder: filepath.Join(w.folder, "data")}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	log, err := audit.Open(t.Context(), db.DB(), nil)
	if err != nil {
		t.Fatal(err)
	}
	list, err := log.Search(t.Context(), audit.Filter{Action: "migration.run"}, 10)
	if err != nil || len(list) != 2 || list[0].Outcome != "OK" || !strings.Contains(list[0].Detail, `"copied":1`) ||
		!strings.Contains(list[0].Detail, `"hash":"`) || !strings.Contains(list[1].Detail, "*/01") {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := log.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	shown, err := db.ListMigrations(t.Context(), 10)
	if err != nil || len(shown) != 1 || shown[0].Step != "run" || shown[0].Counts["verified"] != 1 || shown[0].Counts["planned"] != 1 {
		t.Errorf("%+v, %v", shown, err)
	}
	w.clean()
}

func TestARowOfTheDotNetProductThatDoesNotOpenIsNamed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: such rows may open on Windows")
	}
	w := newWorld(t)
	w.set(w.folder, some(1))
	db, err := productdb.Open(t.Context(), productdb.Config{DataFolder: filepath.Join(w.folder, "data")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Write.ExecContext(t.Context(), "INSERT INTO IM_Secrets (name, blob) VALUES ('secret://legacy', x'01000000d08c9ddf')"); err != nil {
		t.Fatal(err)
	}
	w.planned(6, "1     unreadable-at-source", "blocked: secret://legacy", "then plan again")
	w.must(6, []string{"run"}, "     1  copied", "blocked: secret://legacy")
	w.must(0, []string{"run", "--exclude", "secret://legacy"})
}

func TestAnInterruptTellsWhatIsLeft(t *testing.T) {
	w := newWorld(t)
	w.set(w.folder, some(60))
	w.planned(0)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errs bytes.Buffer
	var reads atomic.Int64
	code := command.Run(ctx, []string{"identitymesh-migrate", "--config", settings(w.folder), "run", "--concurrency", "2", "--output", "json"}, command.Config{
		Build: buildinfo.Info{Version: version}, Environ: w.env, Stdin: os.Stdin, Stdout: &out, Stderr: &errs,
		Now: func() time.Time { // it is read for each record
			if reads.Add(1) == 20 {
				cancel()
			}
			return time.Now()
		},
	})
	var result struct {
		Interrupted bool
		Counts      map[string]int
	}
	if err := json.Unmarshal(out.Bytes(), &result); err != nil || code != 6 || !result.Interrupted || result.Counts["planned"] == 0 ||
		result.Counts["verified"]+result.Counts["copied"] == 0 {
		t.Fatalf("code %d, %v\n%s%s", code, err, &out, &errs)
	}
	w.must(0, []string{"run"}, "next: identitymesh-migrate switch")
	w.sound(60)
}

func TestASwitchThatTheSettingsCannotExpressIsRefusedBeforeItBegins(t *testing.T) {
	w := newWorld(t)
	w.set(w.folder, some(1))
	w.planned(0, "a switch would be refused", "configures another store of DPAPI")
	w.must(0, []string{"run"})
	before, err := os.ReadFile(settings(w.folder))
	if err != nil {
		t.Fatal(err)
	}
	w.must(4, []string{"switch"}, "configures another store of DPAPI", "IdentityMesh must be as in the plan")
	after, err := os.ReadFile(settings(w.folder))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the settings are %s, %v", after, err)
	}
	w.must(0, []string{"status"}, "verified  1")
	w.must(0, []string{"rollback"}, "stays in force")
}
