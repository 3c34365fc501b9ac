package e2e_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/identitymesh/identitymesh/engine/connector/ldap/ldaptest"
	"github.com/identitymesh/identitymesh/engine/run"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const (
	people      = 10_000
	passwordRef = secret.Ref("secret://directory/sync/password")
	canary1     = "canary-one-7d793037a076"
	canary2     = "canary-two-b4f1c9d2e811"
)

// directory starts slapd and an installation that imports from it. Pages are
// small, so that there is time to break a run in the middle.
func directory(t *testing.T) (*world, *ldaptest.Server, string) {
	t.Helper()
	server := ldaptest.Run(t, ldaptest.Config{People: people, Password: canary1})
	w := newWorld(t)
	w.setSecret(passwordRef, canary1)
	id := w.connector("Directory", "ldap", map[string]any{
		"host": server.Host, "port": server.TLSPort, "tls": map[string]any{"caFile": server.CAFile},
		"baseDn": ldaptest.PeopleDN, "bindDn": ldaptest.SyncDN, "passwordSecretRef": passwordRef, "pageSize": 100,
	})
	w.startEngine()
	return w, server, id
}

func TestDirectoryIsImportedThroughAllItsPasswords(t *testing.T) {
	w, server, id := directory(t)

	w.expectCounts("the first run, a delta that must be full", w.run(id, store.Delta), people, 0, 0)
	w.expectPeople(id, people)

	if err := server.ModifyPeople(t.Context(), 0, 100, "Engineer"); err != nil {
		t.Fatal(err)
	}
	w.expectCounts("the delta of 100 changes", w.run(id, store.Delta), 0, 100, 0)
	mark := w.watermark(id)

	// The password changes at the directory only.
	if err := server.SetPassword(t.Context(), canary2); err != nil {
		t.Fatal(err)
	}
	if err := server.ModifyPeople(t.Context(), 100, 50, "Architect"); err != nil {
		t.Fatal(err)
	}
	w.expectFailure("with the old password", w.run(id, store.Delta), run.ReasonSource, "Invalid Credentials", ldaptest.SyncDN)
	if got := w.watermark(id); got != mark {
		t.Errorf("the failed run moved the watermark from %s to %s", mark, got)
	}

	// And now in the store, without a restart of anything.
	w.setSecret(passwordRef, canary2)
	r := w.run(id, store.Delta)
	w.expectCounts("with the new password", r, 0, 50, 0)

	// Every child of the engine dies: the plugin. The next run needs a new one.
	for _, pid := range children(w.engine.Process.Pid) {
		n, _ := strconv.Atoi(pid)
		if err := syscall.Kill(n, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	w.expectCounts("after the plugin was killed", w.run(id, store.Delta), 0, 0, 0)

	if err := server.DeletePeople(t.Context(), 0, 10); err != nil {
		t.Fatal(err)
	}
	r = w.run(id, store.Full)
	w.expectCounts("the full import after deletions", r, 0, 0, 10)
	if r.Counts.Unchanged != people-10 {
		t.Errorf("unchanged %d", r.Counts.Unchanged)
	}
	w.expectTrace(r)
}

// expectTrace checks that the run's trace id is in the log and in the spans of
// both processes, so that one id leads an operator through everything.
func (w *world) expectTrace(r store.Run) {
	w.t.Helper()
	if len(r.TraceID) != 32 {
		w.t.Fatalf("the run has trace id %q", r.TraceID)
	}
	log, err := os.ReadFile(filepath.Join(w.dir, "engine.log"))
	if err != nil || !strings.Contains(string(log), r.TraceID) {
		w.t.Errorf("the log lacks the run's trace id (%v)", err)
	}
	w.eventually("the spans carry the run's trace id", waitForSpans, func() bool {
		spans, err := os.ReadFile(filepath.Join(w.dir, "engine.out"))
		return err == nil && strings.Contains(string(spans), r.TraceID) && strings.Contains(string(spans), "SecretValue/Get")
	})
}

func TestSecretThatIsMissingFailsTheRunAndOnlyThat(t *testing.T) {
	w, _, id := directory(t)
	other := w.connector("Nobody's", "ldap", map[string]any{
		"host": "127.0.0.1", "baseDn": "dc=x", "bindDn": "cn=x", "passwordSecretRef": "secret://never/set",
	})
	lost, good := w.enqueue(other, store.Full), w.enqueue(id, store.Full)
	w.expectFailure("the run without a secret", w.wait(lost), "NOT_FOUND", "secret://never/set")
	if mark := w.watermark(other); mark != "" {
		t.Errorf("its watermark moved to %s", mark)
	}
	w.expectCounts("the other run", w.wait(good), people, 0, 0)
}

func TestDirectoryThatStopsInTheMiddleOfPagingLosesNothing(t *testing.T) {
	w, server, id := directory(t)
	broken := w.enqueue(id, store.Full)
	w.eventually("some pages are staged", waitForPages, func() bool { return w.get(broken).Pages >= 3 })
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	w.expectFailure("the run whose directory died", w.wait(broken), run.ReasonSource, server.Host)
	if mark := w.watermark(id); mark != "" {
		t.Errorf("a read that was not complete moved the watermark to %s", mark)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := w.run(id, store.Delta)
	if r.Status != store.Succeeded || r.Counts.Absent != 0 || r.Counts.Added+r.Counts.Unchanged != people {
		t.Fatalf("the run after the restart: %s %q %+v", r.Status, r.Error, r.Counts)
	}
	w.expectPeople(id, people)
}

func TestEngineKilledInTheMiddleOfARunLosesAndDoublesNothing(t *testing.T) {
	w, _, id := directory(t)
	broken := w.enqueue(id, store.Full)
	w.eventually("some pages are staged", waitForPages, func() bool { return w.get(broken).Pages >= 3 })
	w.killEngine()
	if r := w.get(broken); r.Status != store.Running {
		t.Fatalf("the engine had finished already (%s, %d pages)", r.Status, r.Pages)
	}
	if mark := w.watermark(id); mark != "" {
		t.Errorf("the watermark moved to %s", mark)
	}
	w.startEngine()
	if r := w.wait(broken); r.Status != store.Interrupted {
		t.Errorf("after the restart the run is %s", r.Status)
	}
	r := w.run(id, store.Delta)
	if r.Status != store.Succeeded || r.Counts.Added+r.Counts.Unchanged != people || r.Counts.Added == people {
		t.Fatalf("the run after the restart: %s %q %+v", r.Status, r.Error, r.Counts)
	}
	w.expectPeople(id, people)
	w.expectCounts("the delta after that", w.run(id, store.Delta), 0, 0, 0)
}

func TestSecondEngineOfTheSameNameIsRefused(t *testing.T) {
	w, _, id := directory(t)
	w.expectCounts("the first engine's run", w.run(id, store.Full), people, 0, 0)
	first := w.engine
	w.startEngine()
	err := w.engine.Wait()
	w.engine = first
	if err == nil || !strings.Contains(w.tail(), "IdentityMesh:InstanceName") {
		t.Errorf("the second engine ended with %v\n%s", err, w.tail())
	}
}
