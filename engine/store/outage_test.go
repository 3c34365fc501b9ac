package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/productdb/unreliable"
)

// What a database that fails does to a whole run is tested with package run.

// breakable is SQLite behind a line that breaks.
func breakable(t *testing.T) (backend, *unreliable.Line) {
	line := &unreliable.Line{}
	return backend{"SQLite", productdb.Config{DataFolder: t.TempDir(), Wrap: line.Wrap, Jitter: func(time.Duration) time.Duration { return 0 }}}, line
}

func TestAMigrationThatBreaksOffIsCompletedByTheNextStart(t *testing.T) {
	b, line := breakable(t)
	b.open(t)
	statements := len(line.Sent())
	if statements < 30 {
		t.Fatalf("only %d statements", statements)
	}
	for _, f := range unreliable.Faults() {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			for at := 1; at <= statements; at += 3 {
				b, line := breakable(t)
				b.db.DataFolder = fmt.Sprintf("%s/%d", b.db.DataFolder, at)
				line.Break(unreliable.Plan{At: at, Fault: f})
				s, err := store.Open(t.Context(), store.Config{DB: b.db})
				if err == nil {
					must(t, s.Close())
				}
				if line.Heal() == "" {
					t.Fatalf("nothing broke at %d", at)
				}
				b.open(t).connector(t)
			}
		})
	}
}

func TestAPageThatDidNotArriveIsNotTakenForOneOfAnEarlierImportOfTheRun(t *testing.T) {
	b, line := breakable(t)
	f := b.open(t)
	// again begins an import anew after a page, as when the source asks for a full one.
	again := func() (*store.Import, store.Claimed) {
		c := f.running(t, store.Delta)
		must1(f.begin(t, c).Stage(t.Context(), store.Batch{Objects: people(1)}))(t)
		return f.begin(t, c), c
	}
	sound, _ := again()
	line.Break(unreliable.Plan{})
	must1(sound.Stage(t.Context(), store.Batch{Objects: people(3)}))(t)
	commit := len(line.Sent())

	i, c := again()
	line.Break(unreliable.Plan{At: commit, Fault: unreliable.CutBefore})
	_, err := i.Stage(t.Context(), store.Batch{Objects: people(3)})
	if at := line.Heal(); at != "COMMIT" {
		t.Fatal("it failed at ", at)
	}
	if n := len(f.present(t, c.Connector.ID)); err == nil || n != 1 {
		t.Errorf("the page is said to be staged, and %d objects are there: %v", n, err)
	}
}
