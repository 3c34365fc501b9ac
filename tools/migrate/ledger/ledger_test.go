package ledger_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
)

func open(t *testing.T, folder string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{Folder: folder, Create: true, Who: "user ann", Host: "h1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// planned puts refs into the ledger.
func planned(t *testing.T, l *ledger.Ledger, refs ...secret.Ref) {
	t.Helper()
	var items []ledger.Item
	for _, ref := range refs {
		items = append(items, ledger.Item{Ref: ref, Name: "n-" + string(ref)})
	}
	plan, err := l.BeginPlan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Seen(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	for _, ref := range refs {
		if err := plan.Judge(t.Context(), ref, ledger.Create, ledger.Change{SourceVersion: "s1"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := plan.End(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func entry(t *testing.T, l *ledger.Ledger, ref secret.Ref) ledger.Entry {
	t.Helper()
	e, err := l.Entry(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestAStepIsRecordedBeforeAndAfter(t *testing.T) {
	l := open(t, t.TempDir())
	planned(t, l, "secret://a")
	i, err := l.Begin(t.Context(), "secret://a", ledger.Copy, ledger.Change{SourceVersion: "s2"})
	if err != nil {
		t.Fatal(err)
	}
	if e := entry(t, l, "secret://a"); e.State != ledger.Planned || e.Open != i.Event {
		t.Errorf("with an intent it stays where it was: %+v", e)
	}
	if err := l.End(t.Context(), i, ledger.Change{SourceVersion: "s2", TargetVersion: "t1"}); err != nil {
		t.Fatal(err)
	}
	if e := entry(t, l, "secret://a"); e.State != ledger.Copied || e.Open != 0 || e.SourceVersion != "s2" || e.TargetVersion != "t1" {
		t.Errorf("with an outcome it moves on: %+v", e)
	}
	if err := l.Record(t.Context(), "secret://a", ledger.Block, ledger.Change{Reason: "because", Next: "do that"}); err != nil {
		t.Fatal(err)
	}
	if e := entry(t, l, "secret://a"); e.State != ledger.Blocked || e.Reason != "because" || e.Next != "do that" || e.TargetVersion != "t1" {
		t.Errorf("a block keeps the versions: %+v", e)
	}
}

func TestAStepThatFailedLeavesTheRefWhereItWas(t *testing.T) {
	l := open(t, t.TempDir())
	planned(t, l, "secret://a")
	i, err := l.Begin(t.Context(), "secret://a", ledger.Copy, ledger.Change{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Fail(t.Context(), i, fault.New(fault.Throttled, fault.SourceBackend, "slow down"), ledger.Change{Reason: "slow down"}); err != nil {
		t.Fatal(err)
	}
	if e := entry(t, l, "secret://a"); e.State != ledger.Planned || e.Open != 0 || e.Reason != "slow down" {
		t.Errorf("%+v", e)
	}
	var last ledger.Event
	if err := l.Events(t.Context(), 0, func(e ledger.Event) error { last = e; return nil }); err != nil || last.Outcome != "THROTTLED" || last.Intent != i.Event {
		t.Errorf("%+v, %v", last, err)
	}
}

func TestNoStepIsTakenTwiceAtOnce(t *testing.T) {
	l := open(t, t.TempDir())
	planned(t, l, "secret://a", "secret://b")
	if _, err := l.Begin(t.Context(), "secret://a", ledger.Copy, ledger.Change{}); err != nil {
		t.Fatal(err)
	}
	var busy *ledger.BusyError
	if _, err := l.Begin(t.Context(), "secret://a", ledger.Copy, ledger.Change{}); !errors.As(err, &busy) {
		t.Errorf("a second intent: %v", err)
	}
	if err := l.Record(t.Context(), "secret://a", ledger.Block, ledger.Change{}); !errors.As(err, &busy) {
		t.Errorf("a block under an intent: %v", err)
	}
	var unknown *ledger.UnknownError
	if _, err := l.Begin(t.Context(), "secret://c", ledger.Copy, ledger.Change{}); !errors.As(err, &unknown) {
		t.Errorf("a ref that was not planned: %v", err)
	}
}

func TestAnIntentWithoutOutcomeIsFoundByTheNextProcess(t *testing.T) {
	folder := t.TempDir()
	l := open(t, folder)
	planned(t, l, "secret://a", "secret://b")
	if _, err := l.Begin(t.Context(), "secret://b", ledger.Copy, ledger.Change{SourceVersion: "s7", TargetVersion: "t0"}); err != nil {
		t.Fatal(err)
	}
	next := open(t, folder)
	list, err := next.Interrupted(t.Context())
	if err != nil || len(list) != 1 || list[0].Ref != "secret://b" {
		t.Fatalf("%+v, %v", list, err)
	}
	i, begun, err := next.Resume(t.Context(), list[0])
	if err != nil || i.Step != ledger.Copy || begun.SourceVersion != "s7" || begun.TargetVersion != "t0" || begun.Who != "user ann" {
		t.Fatalf("%+v, %+v, %v", i, begun, err)
	}
	if err := next.End(t.Context(), i, ledger.Change{}); err != nil {
		t.Error(err)
	}
}

func TestTheTableOfTransitionsIsClosed(t *testing.T) {
	allowed := map[ledger.Step]string{
		ledger.Plan: "new planned blocked rolled back", ledger.Copy: "planned drifted", ledger.Verify: "copied verified switched soaking",
		ledger.Drift: "copied verified drifted", ledger.Block: "new planned copied verified drifted blocked rolled back", ledger.Switch: "verified switched",
		ledger.Soak: "switched soaking", ledger.Rollback: "planned copied verified drifted blocked switched soaking rolled back",
		ledger.Purge: "soaking purged", ledger.Note: "",
	}
	for step, states := range allowed {
		for _, from := range append(ledger.States(), "") {
			name := string(from)
			if name == "" {
				name = "new"
			}
			want := strings.Contains(states, name)
			if _, got := ledger.Next(from, step); got != want {
				t.Errorf("%s from %s: %t, want %t", step, name, got, want)
			}
		}
	}
}

func TestAChangedEventIsFound(t *testing.T) {
	folder := t.TempDir()
	l := open(t, folder)
	planned(t, l, "secret://a", "secret://b")
	good, err := l.Fingerprint(t.Context())
	if err != nil || good.Events != 3 {
		t.Fatalf("%+v, %v", good, err)
	}
	for name, statement := range map[string]string{
		"another content":  "UPDATE events SET reason = 'x' WHERE seq = 2",
		"a missing event":  "DELETE FROM events WHERE seq = 2",
		"a shorter ledger": "DELETE FROM events WHERE seq = 3",
	} {
		t.Run(name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "sub")
			c := open(t, copied)
			planned(t, c, "secret://a", "secret://b")
			change(t, c.Path(), statement)
			var broken *ledger.BrokenError
			if _, err := c.Fingerprint(t.Context()); !errors.As(err, &broken) {
				t.Errorf("not found: %v", err)
			}
		})
	}
}

func TestTheSecondMigrationIsToldWhoHasTheFirst(t *testing.T) {
	folder := t.TempDir()
	l := open(t, folder)
	unlock, err := l.Lock(t.Context(), "run")
	if err != nil {
		t.Fatal(err)
	}
	other := open(t, folder)
	var locked *ledger.LockedError
	if _, err := other.Lock(t.Context(), "plan"); !errors.As(err, &locked) || locked.Holder.PID != os.Getpid() || locked.Holder.Who != "user ann" || locked.Holder.Command != "run" {
		t.Fatalf("%v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	again, err := other.Lock(t.Context(), "plan")
	if err != nil {
		t.Fatal(err)
	}
	_ = again()
}

func TestTheLedgerIsItsOwnersAlone(t *testing.T) {
	l := open(t, t.TempDir())
	info, err := os.Stat(l.Path())
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := ledger.Open(t.Context(), ledger.Config{Folder: t.TempDir()}); !errors.Is(err, ledger.ErrNone) {
		t.Errorf("without Create: %v", err)
	}
}

func TestWhatGoesAwayBeforeItWasCopiedLeavesTheLedger(t *testing.T) {
	l := open(t, t.TempDir())
	planned(t, l, "secret://a", "secret://b", "secret://c", "secret://d")
	for _, ref := range []secret.Ref{"secret://c", "secret://d"} {
		i, err := l.Begin(t.Context(), ref, ledger.Copy, ledger.Change{})
		if err == nil {
			err = l.End(t.Context(), i, ledger.Change{TargetVersion: "t1"})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Record(t.Context(), "secret://d", ledger.Block, ledger.Change{Reason: "because"}); err != nil {
		t.Fatal(err)
	}
	planned(t, l, "secret://a")
	var unknown *ledger.UnknownError
	if _, err := l.Entry(t.Context(), "secret://b"); !errors.As(err, &unknown) {
		t.Errorf("b is still there: %v", err)
	}
	if e := entry(t, l, "secret://c"); e.State != ledger.Copied {
		t.Errorf("a copy is not forgotten: %+v", e)
	}
	if e := entry(t, l, "secret://d"); e.Written != "t1" {
		t.Errorf("nor is one that is in the way: %+v", e)
	}
}

func TestManyAtOnceShareTheDisk(t *testing.T) {
	l := open(t, t.TempDir())
	var refs []secret.Ref
	for _, c := range "abcdefghijklmnopqrstuvwxyz" {
		refs = append(refs, secret.Ref("secret://"+string(c)))
	}
	planned(t, l, refs...)
	errs := make(chan error)
	for _, ref := range refs {
		go func() {
			i, err := l.Begin(context.WithoutCancel(t.Context()), ref, ledger.Copy, ledger.Change{})
			if err == nil {
				err = l.End(t.Context(), i, ledger.Change{})
			}
			errs <- err
		}()
	}
	for range refs {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	counts, err := l.Counts(t.Context())
	if err != nil || counts[ledger.Copied] != len(refs) {
		t.Errorf("%v, %v", counts, err)
	}
	if _, err := l.Fingerprint(t.Context()); err != nil {
		t.Error(err)
	}
}
