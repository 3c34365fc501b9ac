package audit_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/audit"
)

func TestWhatIsLeftBehindACheckpointStillVerifies(t *testing.T) {
	w := newWorld(t)
	w.acts(10) // two records an hour
	w.changes("c", 10)
	for chain, c := range map[string]struct {
		before           time.Time
		removed, records int64
	}{
		audit.AdminChain:       {monday.Add(4 * time.Hour), 8, 12},
		audit.ObjectChain("c"): {monday.Add(13 * time.Hour), 3, 7},
	} {
		connector := strings.TrimPrefix(strings.TrimPrefix(chain, "objects/"), audit.AdminChain)
		if n := w.prune(chain, c.before); n != c.removed {
			t.Errorf("%s: %d removed", chain, n)
		}
		if n := w.prune(chain, c.before); n != 0 {
			t.Errorf("%s: %d removed again", chain, n)
		}
		report, err := w.VerifyChain(t.Context(), chain, nil)
		if err != nil || report.Records != c.records || report.Removed != c.removed || report.Signer != w.key.Public() || report.Open != 0 {
			t.Errorf("%s: %+v, %v", chain, report, err)
		}
		text := w.export(connector)
		again, err := audit.Offline{Trusted: []string{w.key.Public()}}.Verify(bytes.NewReader(text))
		if err != nil || again != report {
			t.Errorf("%s: exported %+v, %v", chain, again, err)
		}
		if _, err := audit.VerifyExport(bytes.NewReader(text)); err == nil || !strings.Contains(err.Error(), w.key.Public()) {
			t.Errorf("%s: without trust %v", chain, err)
		}
		// Twice, and then everything.
		w.prune(chain, c.before.Add(2*time.Hour))
		if report, err := w.VerifyChain(t.Context(), chain, nil); err != nil || report.Removed <= c.removed {
			t.Errorf("%s: after the second time %+v, %v", chain, report, err)
		}
		w.prune(chain, monday.Add(1000*time.Hour))
		if report, err := w.VerifyChain(t.Context(), chain, nil); err != nil || report.Records != 0 {
			t.Errorf("%s: empty %+v, %v", chain, report, err)
		}
		if _, err := (audit.Offline{Trusted: []string{w.key.Public()}}).Verify(bytes.NewReader(w.export(connector))); err != nil {
			t.Errorf("%s: empty, exported: %v", chain, err)
		}
	}
	w.acts(1)
	w.changes("c", 1)
	if report, err := w.Verify(t.Context()); err != nil || report.Records != 2 || report.Removed != 20 {
		t.Errorf("it goes on: %+v, %v", report, err)
	}
}

func TestAnOutcomeWhoseIntentWasRemovedIsGood(t *testing.T) {
	w := newWorld(t)
	op, err := w.Begin(t.Context(), entry("long"))
	if err != nil {
		t.Fatal(err)
	}
	w.pass(time.Hour)
	if err := op.End(t.Context(), nil, ""); err != nil {
		t.Fatal(err)
	}
	w.prune(audit.AdminChain, monday.Add(time.Minute))
	if report, err := w.Verify(t.Context()); err != nil || report.Records != 1 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestEachLieAboutWhatWasRemovedIsFound(t *testing.T) {
	for name, sql := range map[string]string{
		"more removed than said":      "DELETE FROM IM_AdminAudit WHERE seq <= 5",
		"the checkpoint removed":      "DELETE FROM IM_AuditCheckpoints",
		"another number":              "UPDATE IM_AuditCheckpoints SET seq = 5, hash = (SELECT hash FROM IM_AdminAudit WHERE seq = 5)",
		"another hash":                "UPDATE IM_AuditCheckpoints SET hash = lower(hex(zeroblob(32)))",
		"another time":                "UPDATE IM_AuditCheckpoints SET at = '2026-01-01T00:00:00.000000Z'",
		"another signer":              "UPDATE IM_AuditCheckpoints SET signer = lower(hex(zeroblob(32)))",
		"another signature":           "UPDATE IM_AuditCheckpoints SET signature = lower(hex(zeroblob(64)))",
		"a record before made up":     "UPDATE IM_AdminAudit SET actor = 'nobody' WHERE seq = 5",
		"one signed for another":      "DELETE FROM IM_AuditCheckpoints WHERE chain = 'admin'; UPDATE IM_AuditCheckpoints SET chain = 'admin'",
		"all removed with their head": "DELETE FROM IM_AdminAudit; UPDATE IM_AuditHeads SET seq = 0, hash = lower(hex(zeroblob(32))) WHERE chain = 'admin'",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.acts(4)
			w.changes("c", 4)
			w.prune(audit.AdminChain, monday.Add(2*time.Hour))
			w.prune(audit.ObjectChain("c"), monday.Add(6*time.Hour))
			if _, err := w.Verify(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.exec(sql)
			if report, err := w.Verify(t.Context()); !errors.As(err, new(*audit.BrokenError)) {
				t.Errorf("got %+v, %v", report, err)
			}
		})
	}
}

func TestWhoseWordIsNotTrustedCannotHideWhatWasRemoved(t *testing.T) {
	w := newWorld(t)
	w.acts(4)
	stranger, err := audit.OpenKey(t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Prune(t.Context(), audit.AdminChain, monday.Add(2*time.Hour), stranger, nil); err != nil {
		t.Fatal(err)
	}
	var broken *audit.BrokenError
	if _, err := w.Verify(t.Context()); !errors.As(err, &broken) || !strings.Contains(broken.Why, stranger.Public()) {
		t.Errorf("got %v", err)
	}
	if _, err := w.Prune(t.Context(), audit.AdminChain, monday.Add(3*time.Hour), w.key, nil); !errors.As(err, &broken) {
		t.Errorf("it goes on behind a stranger's checkpoint: %v", err)
	}
	w.Trust(w.key.Public(), stranger.Public())
	if report, err := w.Verify(t.Context()); err != nil || report.Removed != 4 {
		t.Errorf("trusted: %+v, %v", report, err)
	}
}

func TestWhatWasChangedIsNotRemoved(t *testing.T) {
	w := newWorld(t)
	w.acts(4)
	w.exec("UPDATE IM_AdminAudit SET actor = 'nobody' WHERE seq = 3")
	n, err := w.Prune(t.Context(), audit.AdminChain, monday.Add(100*time.Hour), w.key, nil)
	var broken *audit.BrokenError
	if !errors.As(err, &broken) || broken.Seq != 3 || n != 0 {
		t.Errorf("%d removed, %v", n, err)
	}
	if cp, err := w.Checkpoint(t.Context(), audit.AdminChain); cp != nil || err != nil {
		t.Errorf("%+v, %v", cp, err)
	}
}

func TestWhoIsKilledBetweenCheckpointAndRemovalIsFinishedByTheNext(t *testing.T) {
	w := newWorld(t)
	w.acts(4)
	w.exec("CREATE TRIGGER away BEFORE DELETE ON IM_AdminAudit BEGIN SELECT RAISE(FAIL, 'killed'); END")
	if _, err := w.Prune(t.Context(), audit.AdminChain, monday.Add(2*time.Hour), w.key, nil); err == nil {
		t.Fatal("the removal did not fail")
	}
	if report, err := w.Verify(t.Context()); err != nil || report.Removed != 4 || report.Records != 4 {
		t.Errorf("in between: %+v, %v", report, err)
	}
	w.exec("DROP TRIGGER away")
	if n := w.prune(audit.AdminChain, monday); n != 4 {
		t.Errorf("%d removed", n)
	}
	if report, err := w.Verify(t.Context()); err != nil || report.Records != 4 {
		t.Errorf("afterwards: %+v, %v", report, err)
	}
}

func TestManyRemoveAtOnceWhileOthersWriteAndVerify(t *testing.T) {
	w := newWorld(t)
	w.acts(30)
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for hour := range 8 {
				before := monday.Add(time.Duration(3*hour+n) * time.Hour)
				if _, err := w.Prune(t.Context(), audit.AdminChain, before, w.key, nil); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range 5 {
				act(t, w.Log, "meanwhile", nil)
				if report, err := w.Verify(t.Context()); err != nil {
					t.Errorf("%+v, %v", report, err)
				}
			}
		})
	}
	all.Wait()
	report, err := w.Verify(t.Context())
	if err != nil || report.Removed != 2*24 || report.Records != 2*6+2*4*5 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestAVerificationThatCannotReadTheHeadEnds(t *testing.T) {
	w := newWorld(t)
	w.acts(2)
	w.prune(audit.AdminChain, monday.Add(time.Hour))
	w.exec("ALTER TABLE IM_AuditHeads RENAME TO gone")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := w.VerifyChain(ctx, audit.AdminChain, nil); err == nil || ctx.Err() != nil {
		t.Errorf("got %v, %v", err, ctx.Err())
	}
}

func TestAnExportFromWhichRecordsAreRemovedFails(t *testing.T) {
	for name, upTo := range map[string]int{"ahead of it": 50, "behind it": 5} {
		w := newWorld(t)
		for range 60 {
			err := w.db.InWriteTx(t.Context(), func(tx *sql.Tx) error {
				o, err := w.Objects(t.Context(), tx, "c")
				if err == nil {
					err = o.Add(t.Context(), "run", audit.ObjectsChanged, bytes.Repeat([]byte("x"), 8<<10))
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			w.pass(time.Hour)
		}
		out := &removing{w: w, before: monday.Add(time.Duration(upTo) * time.Hour)}
		err := w.ExportObjects(t.Context(), "c", out)
		if (err == nil) != (upTo == 5) || err != nil && !strings.Contains(err.Error(), "export it again") {
			t.Errorf("%s: %v", name, err)
		}
		if _, broken := audit.VerifyExport(&out.text); (broken == nil) != (err == nil) {
			t.Errorf("%s: %v, and verified %v", name, err, broken)
		}
	}
}

// removing removes old records when the first part of an export is written.
type removing struct {
	w      *world
	before time.Time
	text   bytes.Buffer
	done   bool
}

func (r *removing) Write(p []byte) (int, error) {
	if !r.done {
		r.done = true
		r.w.prune(audit.ObjectChain("c"), r.before)
	}
	return r.text.Write(p)
}

func TestRetentionRemovesWhatIsDueAndRecordsIt(t *testing.T) {
	w := newWorld(t)
	w.acts(4)
	w.changes("c", 4)
	w.changes("d", 4)
	e := audit.Entry{Actor: "system", Action: "audit.prune", Target: "audit"}
	if n, err := w.PruneAll(t.Context(), audit.Retention{}, w.key, e); n != 0 || err != nil {
		t.Errorf("nothing is due: %d, %v", n, err)
	}
	n, err := w.PruneAll(t.Context(), audit.Retention{Objects: monday.Add(9 * time.Hour)}, w.key, e)
	if n != 4+1 || err != nil {
		t.Errorf("objects: %d, %v", n, err)
	}
	n, err = w.PruneAll(t.Context(), audit.Retention{Admin: monday.Add(time.Hour)}, w.key, e)
	if n != 2 || err != nil {
		t.Errorf("admin: %d, %v", n, err)
	}
	list, err := w.Search(t.Context(), audit.Filter{Action: "audit.prune"}, 10)
	if err != nil || len(list) != 4 || list[0].Detail != `{"chains":1,"failed":0,"removed":2}` || list[2].Detail != `{"chains":2,"failed":0,"removed":5}` {
		t.Errorf("recorded is %+v, %v", list, err)
	}
	// One that is broken does not keep it from the others.
	w.changes("e", 3)
	w.exec("UPDATE IM_ObjectAudit SET run_id = 'x' WHERE connector_id = 'd' AND seq = 3")
	n, err = w.PruneAll(t.Context(), audit.Retention{Admin: monday.Add(2 * time.Hour), Objects: monday.Add(100 * time.Hour)}, w.key, e)
	if n != 2+3 || !errors.As(err, new(*audit.BrokenError)) {
		t.Errorf("with a broken one: %d, %v", n, err)
	}
	if err := w.VerifyObjects(t.Context(), nil, func(string, audit.Report) {}); err == nil || !strings.Contains(err.Error(), "connector d") || strings.Contains(err.Error(), "connector e") {
		t.Errorf("got %v", err)
	}
}

func TestTheKeyIsMadeOnceAndForItsOwnerOnly(t *testing.T) {
	folder := t.TempDir()
	if _, err := audit.OpenKey(folder, false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without one: %v", err)
	}
	keys := make([]string, 4)
	var all sync.WaitGroup
	for n := range keys {
		all.Go(func() {
			key, err := audit.OpenKey(folder, true)
			if err != nil {
				t.Error(err)
				return
			}
			keys[n] = key.Public()
		})
	}
	all.Wait()
	for _, k := range keys {
		if k != keys[0] || len(k) != 64 {
			t.Errorf("several keys: %v", keys)
		}
	}
	path := filepath.Join(folder, audit.KeyFile)
	if runtime.GOOS != "windows" {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		if err := os.Chmod(path, 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := audit.OpenKey(folder, true); err == nil || !strings.Contains(err.Error(), "chmod 0600") {
			t.Errorf("one that others read: %v", err)
		}
	}
	if err := os.WriteFile(path, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(path, 0o600)
	if _, err := audit.OpenKey(folder, true); err == nil || !strings.Contains(err.Error(), "no Ed25519 key") {
		t.Errorf("no key: %v", err)
	}
}
