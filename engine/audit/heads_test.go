package audit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/sdk/logtest"
)

// witnessed keeps the heads of a log of four actions and four changes of objects, two
// and all of them, and returns where.
func witnessed(t *testing.T) audit.Witness {
	t.Helper()
	w := newWorld(t)
	to := audit.Witness{File: filepath.Join(t.TempDir(), "heads.jsonl"), KeyFile: w.keyFile()}
	k := w.keep(audit.KeeperConfig{Witness: to, Interval: time.Hour})
	w.history(2)
	k.once()
	w.history(2)
	k.once()
	return to
}

// history records n actions and n changes of objects, which take n hours.
func (w *world) history(n int) {
	w.t.Helper()
	for range n {
		act(w.t, w.Log, "target", nil)
		w.changes("c", 1)
	}
}

func TestNothingIsRemovedThatContradictsTheHeadsElsewhere(t *testing.T) {
	to := witnessed(t)
	heads, err := to.Heads()
	if err != nil || heads.Count() != 4 {
		t.Fatal(heads.Count(), err)
	}
	for name, c := range map[string]struct {
		same, others int // actions as they were, and then those that were written anew
		hours        int // that are old
		admin, c     int64
	}{
		"as it was":                        {4, 0, 3, 6, 3},
		"as it was, and longer":            {6, 0, 5, 10, 5},
		"all of it, as it was":             {4, 0, 100, 8, 4},
		"written anew from the beginning":  {0, 4, 3, 0, 0},
		"from behind the first head":       {2, 2, 3, 0, 0},
		"from behind what is removed":      {3, 1, 3, 0, 0},
		"from behind the head that covers": {2, 2, 2, 4, 2},
		"without its end":                  {3, 0, 3, 0, 0},
		"without its end, all of it old":   {3, 0, 100, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.history(c.same)
			if c.others > 0 {
				w.pass(time.Minute)
				w.history(c.others)
			}
			old := monday.Add(time.Duration(c.hours) * time.Hour)
			for chain, want := range map[string]int64{audit.AdminChain: c.admin, audit.ObjectChain("c"): c.c} {
				n, err := w.Prune(t.Context(), chain, old, w.key, heads)
				var broken *audit.BrokenError
				if n != want || (want == 0) != errors.As(err, &broken) || broken != nil && !strings.Contains(broken.Why, "written elsewhere") {
					t.Errorf("%s: %d removed, %v", chain, n, err)
				}
				cp, err := w.Checkpoint(t.Context(), chain)
				if err != nil || (cp == nil) != (want == 0) {
					t.Errorf("%s: the checkpoint is %+v, %v", chain, cp, err)
				}
				if again := w.prune(chain, old); want == 0 && again == 0 {
					t.Errorf("%s: without the heads nothing is removed either", chain)
				}
			}
		})
	}
}

func TestTheKeeperRemovesNothingWhileTheHeadsElsewhereDoNotAgree(t *testing.T) {
	to := witnessed(t)
	w := newWorld(t)
	w.history(2)
	w.pass(time.Minute)
	w.history(3)
	logs, pauses, due := &logtest.Buffer{}, make(chan time.Duration), make(chan time.Time)
	const never = 999 * time.Hour // between two heads
	keeper, err := audit.NewKeeper(audit.KeeperConfig{
		Log: w.Log, DataFolder: w.folder, Now: w.now, AdminDays: 1, Witness: to, Interval: never, Logger: slog.New(slog.NewJSONHandler(logs, nil)),
		After: func(d time.Duration) <-chan time.Time {
			if d < time.Minute { // that of the heads, which wait for ever
				return nil
			}
			select {
			case pauses <- d:
			case <-t.Context().Done():
			}
			return due
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); keeper.Run(ctx) }()
	<-pauses
	run := func(want string) {
		t.Helper()
		due <- time.Time{}
		<-pauses
		problems := strings.Join(keeper.Problems(), "\n")
		if report, err := w.Verify(t.Context()); err != nil || report.Removed != 0 {
			t.Errorf("%+v, %v", report, err)
		}
		for _, place := range []string{problems, logs.String()} {
			if !strings.Contains(place, want) || !strings.Contains(place, "remove old records") {
				t.Errorf("%q is not in %q", want, place)
			}
		}
	}
	w.pass(100 * 24 * time.Hour)
	run("the chain was written anew")
	list, err := w.Search(t.Context(), audit.Filter{Action: "audit.prune"}, 1)
	if err != nil || len(list) != 1 || list[0].Detail != `{"chains":1,"failed":1,"removed":0}` || list[0].Outcome == "OK" {
		t.Errorf("recorded is %+v, %v", list, err)
	}
	if err := os.Remove(to.File); err != nil {
		t.Fatal(err)
	}
	run("nothing is removed: compare with the heads")
	stop()
	<-ended
}

func TestHeadsThatCannotBeReadBackAreAnError(t *testing.T) {
	to := witnessed(t)
	folder := t.TempDir()
	empty := filepath.Join(folder, "empty.jsonl")
	other := filepath.Join(folder, "other.key")
	if err := errors.Join(os.WriteFile(empty, nil, 0o600), os.WriteFile(other, bytes.Repeat([]byte("x"), 32), 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		witness audit.Witness
		want    string
	}{
		"no such file":  {audit.Witness{File: filepath.Join(folder, "none"), KeyFile: to.KeyFile}, "none"},
		"an empty file": {audit.Witness{File: empty, KeyFile: to.KeyFile}, "there are no heads"},
		"a folder":      {audit.Witness{File: folder, KeyFile: to.KeyFile}, "no regular file"},
		"another key":   {audit.Witness{File: to.File, KeyFile: other}, "not written with this key"},
		"no key":        {audit.Witness{File: to.File, KeyFile: filepath.Join(folder, "no.key")}, "no.key"},
	} {
		heads, err := c.witness.Heads()
		if heads != nil || err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.witness.File) {
			t.Errorf("%s: %v, %v", name, heads, err)
		}
	}
	if heads, err := (audit.Witness{URL: "https://log.example.net", KeyFile: "none"}).Heads(); heads != nil || err != nil || heads.Count() != 0 {
		t.Errorf("without a file: %v, %v", heads, err)
	}
}

func TestHeadsThatContradictEachOtherAreFoundInAnyOrder(t *testing.T) {
	to := witnessed(t)
	text, err := os.ReadFile(to.File)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.pass(time.Minute)
	w.history(2)
	k := w.keep(audit.KeeperConfig{Witness: to, Interval: time.Hour})
	k.once()
	both, err := os.ReadFile(to.File)
	if err != nil {
		t.Fatal(err)
	}
	for name, lines := range map[string][]byte{"as they came": both, "the other way round": append(both[len(text):], text...)} {
		var broken *audit.BrokenError
		if _, err := audit.ReadHeads(bytes.NewReader(lines), headKey); !errors.As(err, &broken) || broken.Seq == 0 || !strings.Contains(broken.Why, "different hashes") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
