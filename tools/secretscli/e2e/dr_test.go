package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// keygen makes a key for a person and returns its file and the public key.
func (w *world) keygen(name string) (file, public string) {
	w.Helper()
	file = filepath.Join(w.folder, name)
	stdout, _ := w.run("", 0, "dr", "keygen", "--out", file)
	return file, strings.TrimSpace(stdout)
}

// database opens the product database of this world.
func (w *world) database() *store.Store {
	w.Helper()
	db, err := store.Open(w.Context(), store.Config{DB: productdb.Config{DataFolder: filepath.Join(w.folder, "data")}})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = db.Close() })
	return db
}

func (w *world) connector(name, ref string) {
	w.Helper()
	config := json.RawMessage(`{"Server":"ldaps://x","Login":{"Password":"` + ref + `"}}`)
	if _, err := w.database().CreateConnector(w.Context(), store.Connector{Name: name, Type: "ldap", Config: config, Enabled: true}); err != nil {
		w.Fatal(err)
	}
}

// records returns the audit log of this world, after it was verified.
func (w *world) records() (all []audit.Record) {
	w.Helper()
	log, err := audit.Open(w.Context(), w.database().DB(), nil)
	if err != nil {
		w.Fatal(err)
	}
	if report, err := log.Verify(w.Context()); err != nil || report.Open != 0 {
		w.Errorf("the audit log: %+v, %v", report, err)
	}
	if err := log.Records(w.Context(), 0, func(r audit.Record) error { all = append(all, r); return nil }); err != nil {
		w.Fatal(err)
	}
	return all
}

type drSecret struct {
	Ref, State, Action, Problem string
	UsedBy                      []string
}

type drResult struct {
	Work     int
	Complete bool
	Secrets  []drSecret
	Counts   map[string]int
}

func (w *world) check(code int, args ...string) (r drResult) {
	w.Helper()
	stdout, _ := w.run("", code, append([]string{"dr", "check", "--output", "json"}, args...)...)
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		w.Fatal(err)
	}
	return r
}

func TestAHostIsRebuiltFromItsBundle(t *testing.T) {
	old := newWorld(t)
	values := map[string]string{ref: canary + "\x00\xff", "secret://hr/db": canary + "-hr", "secret://spare": canary + "-spare"}
	for ref, value := range values {
		old.run(value, 0, "set", ref, "--stdin", "--keep-newline", "--tag", "team=it")
	}
	old.connector("Directory", ref)
	old.connector("Finance", "secret://finance/key") // nobody has set it yet

	before := old.check(6)
	if before.Work != 4 || !before.Complete || before.Secrets[0].State == "" {
		t.Errorf("before the export: %+v", before)
	}
	for _, s := range before.Secrets {
		want := map[string]string{ref: "host-bound", "secret://hr/db": "host-bound", "secret://spare": "host-bound", "secret://finance/key": "missing"}[s.Ref]
		if s.State != want {
			t.Errorf("%s is %q, want %q", s.Ref, s.State, want)
		}
	}
	text, _ := old.run("", 6, "dr", "check")
	for _, part := range []string{"secretscli set '" + ref + "'", "Directory", "4 would have to be entered again"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}

	anna, annaKey := old.keygen("anna.key")
	ben, benKey := old.keygen("ben.key")
	_, carlaKey := old.keygen("carla.key")
	bundle := filepath.Join(old.folder, "bundle")
	old.run("", 0, "dr", "export", "--to", annaKey, "--to", benKey, "--to", carlaKey, "--need", "2", "--out", bundle)
	if info, err := os.Stat(bundle); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if body, _ := os.ReadFile(bundle); strings.Contains(string(body), canary) || strings.Contains(string(body), `"team"`) {
		t.Error("a value or a tag is in the open in the bundle")
	}
	if _, stderr := old.run("", 1, "dr", "export", "--to", annaKey, "--out", bundle); !strings.Contains(stderr, "exists already") {
		t.Errorf("a bundle is replaced: %s", stderr)
	}
	if after := old.check(6, "--bundle", bundle); after.Work != 1 {
		t.Errorf("after the export only the missing one is left, got %+v", after)
	}
	old.run(canary+"-new", 0, "set", "secret://hr/db", "--stdin")
	if after := old.check(6, "--bundle", bundle); after.Work != 2 {
		t.Errorf("a secret was changed after the export: %+v", after)
	}
	if stdout, _ := old.run("", 0, "dr", "show", bundle); !strings.Contains(stdout, ref) || !strings.Contains(stdout, "2 of 3") || !strings.Contains(stdout, annaKey) {
		t.Errorf("show:\n%s", stdout)
	}

	young := newWorld(t)
	if _, stderr := young.run("", 2, "dr", "import", bundle, "--identity", anna); !strings.Contains(stderr, "2 of its 3 recipients") {
		t.Errorf("one person alone: %s", stderr)
	}
	young.run(canary+"-mine", 0, "set", "secret://spare", "--stdin")
	var dry drResult
	young.json("", &dry, "dr", "import", bundle, "--identity", anna, "--identity", ben, "--dry-run")
	if dry.Counts["created"] != 2 || dry.Counts["kept"] != 1 {
		t.Errorf("dry run: %+v", dry)
	}
	young.run("", 3, "describe", ref)

	collector, collectorKey := young.keygen("collector.key")
	share := filepath.Join(young.folder, "share")
	young.run("", 0, "dr", "share", bundle, "--identity", ben, "--to", collectorKey, "--out", share)
	var done drResult
	young.json("", &done, "dr", "import", bundle, "--identity", anna, "--identity", collector, "--share", share)
	if done.Counts["created"] != 2 || done.Counts["kept"] != 1 || done.Counts["failed"] != 0 {
		t.Errorf("import: %+v", done)
	}
	young.wantStored(ref, values[ref])
	young.wantStored("secret://hr/db", values["secret://hr/db"])
	young.wantStored("secret://spare", canary+"-mine")
	var described shown
	young.json("", &described, "describe", ref)
	if described.Tags["team"] != "it" {
		t.Errorf("the tags are lost: %+v", described)
	}
	young.run("", 0, "dr", "import", bundle, "--identity", anna, "--identity", ben, "--replace")
	young.wantStored("secret://spare", values["secret://spare"])

	wantRecords(t, old.records(), "secrets.export OK 1 of them", "secrets.export ALREADY_EXISTS 1 of them")
	wantRecords(t, young.records(), "secrets.import OK 2 of them", "secret.set OK 5 of them")
	for _, w := range []*world{old, young} {
		if strings.Contains(w.said.String(), canary) {
			t.Error("a value was printed")
		}
	}
}

// wantRecords compares the outcomes, as in "action OK 2 of them".
func wantRecords(t *testing.T, records []audit.Record, want ...string) {
	t.Helper()
	count := map[string]int{}
	for _, r := range records {
		if r.Actor == "" || r.Address == "" || r.Target == "" || strings.Contains(r.Detail, canary) {
			t.Errorf("record %+v", r)
		}
		if r.Phase == audit.Outcome {
			count[r.Action+" "+r.Outcome]++
		}
	}
	for _, text := range want {
		fields := strings.Fields(text)
		key := fields[0] + " " + fields[1]
		if got := count[key]; got != int(fields[2][0]-'0') {
			t.Errorf("%d records of %s, want %s", got, key, fields[2])
		}
		delete(count, key)
	}
	if len(count) > 0 {
		t.Errorf("more records: %v", count)
	}
}

func TestAnExportSaysWhatIsWrongBeforeItReads(t *testing.T) {
	w := newWorld(t)
	file, key := w.keygen("a.key")
	_, other := w.keygen("b.key")
	if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	keys := w.write("keys.txt", "# the holders\n"+key+"\n\n"+other+"\n")
	out := filepath.Join(w.folder, "out")
	for text, args := range map[string][]string{
		"to whom":             {"--out", out},
		"where to write":      {"--to", key},
		"how many of the 2":   {"--to", key, "--to", other, "--out", out},
		"from 1 to 2":         {"--to", keys, "--need", "3", "--out", out},
		"is there twice":      {"--to", keys, "--to", key, "--need", "1", "--out", out},
		"is no public key":    {"--to", "age1nonsense", "--out", out},
		"begins with age1":    {"--to", filepath.Join(w.folder, "nowhere"), "--out", out},
		"takes no arguments":  {"--to", key, "--out", out, "more"},
		"an option is not kn": {"--too", key},
	} {
		if _, stderr := w.run("", 2, append([]string{"dr", "export"}, args...)...); !strings.Contains(stderr, text) {
			t.Errorf("%v: %q is missing in: %s", args, text, stderr)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(text))
	private := lines[len(lines)-1]
	for _, args := range [][]string{
		{"export", "--to", private, "--out", out}, {"export", "--to", file, "--out", out}, {"import", out, "--identity", private},
	} {
		if _, stderr := w.run("", 2, append([]string{"dr"}, args...)...); strings.Contains(stderr, private[15:]) {
			t.Errorf("dr %s repeats a private key", args[0])
		}
	}
	if _, stderr := w.run("", 2, "dr", "keygen", "--out", file); !strings.Contains(stderr, "exists already") {
		t.Errorf("a private key is replaced: %s", stderr)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("there is a bundle")
	}
	w.run("", 0, "dr", "export", "--to", keys, "--need", "2", "--out", out)
	if r := w.check(0, "--bundle", out); r.Work != 0 {
		t.Errorf("an empty store leaves work: %+v", r)
	}
	if _, stderr := w.run("", 2, "dr", "check", "--bundle", keys); !strings.Contains(stderr, "no escrow bundle") {
		t.Errorf("another file: %s", stderr)
	}
	if _, stderr := w.run("", 2, "dr", "import", out, "--identity", keys); !strings.Contains(stderr, "no file of private keys") {
		t.Errorf("public keys: %s", stderr)
	}
}

func TestASecretThatCannotBeReadKeepsTheBundleFromBeingWritten(t *testing.T) {
	w := newWorld(t)
	w.run(canary, 0, "set", ref, "--stdin")
	w.run(canary, 0, "set", "secret://other", "--stdin")
	w.run(canary, 0, "set", "secret://zzz", "--stdin")
	if _, err := w.database().DB().Write.ExecContext(t.Context(), "UPDATE IM_Secrets SET blob = zeroblob(40) WHERE ref IN (?, 'secret://zzz')", ref); err != nil {
		t.Fatal(err)
	}
	_, key := w.keygen("a.key")
	out := filepath.Join(w.folder, "out")
	_, stderr := w.run("", 1, "dr", "export", "--to", key, "--out", out)
	if !strings.Contains(stderr, ref) || !strings.Contains(stderr, "secret://zzz") || !strings.Contains(stderr, "no bundle was written") || strings.Contains(stderr, "secret://other") {
		t.Errorf("said: %s", stderr)
	}
	left, err := filepath.Glob(filepath.Join(w.folder, "*out*"))
	hidden, _ := filepath.Glob(filepath.Join(w.folder, ".escrow-*"))
	if err != nil || len(left)+len(hidden) > 0 {
		t.Errorf("left behind: %v %v", left, hidden)
	}
	if records := w.records(); len(records) != 2 || records[1].Outcome != "CORRUPT" {
		t.Errorf("records: %+v", records)
	}
}

// A restored database has entries that only the lost host could open.
func TestARestoredDatabaseGetsItsSecretsBack(t *testing.T) {
	old := newWorld(t)
	old.run(canary, 0, "set", ref, "--stdin")
	key, public := old.keygen("a.key")
	bundle := filepath.Join(old.folder, "bundle")
	old.run("", 0, "dr", "export", "--to", public, "--out", bundle)

	young := newWorld(t)
	young.run(canary+"-other", 0, "set", "secret://other", "--stdin") // the new host has a key of its own by now
	for _, ending := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(filepath.Join(young.folder, "data", productdb.FileName+ending))
	}
	if _, err := old.database().DB().Write.ExecContext(t.Context(), "VACUUM INTO ?", filepath.Join(young.folder, "data", productdb.FileName)); err != nil {
		t.Fatal(err)
	}
	var done drResult
	young.json("", &done, "dr", "import", bundle, "--identity", key)
	if done.Counts["kept"] != 1 {
		t.Errorf("without --replace: %+v", done)
	}
	young.json("", &done, "dr", "import", bundle, "--identity", key, "--replace")
	if done.Counts["replaced"] != 1 {
		t.Errorf("import: %+v", done)
	}
	young.wantStored(ref, canary)
}
