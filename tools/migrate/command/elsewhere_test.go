package command_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

func TestAMigrationThatAnotherHostWorksWithIsNotJoined(t *testing.T) {
	w := newWorld(t)
	w.set(w.folder, some(1))
	db, err := store.Open(t.Context(), store.Config{DB: productdb.Config{DataFolder: filepath.Join(w.folder, "data")}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	other := store.Migration{ID: "theirs", Step: "run", By: "user ann", Machine: "elsewhere", Ledger: "/there/migration.db", Started: time.Now()}
	publish := func() {
		if err := db.SaveMigration(context.WithoutCancel(t.Context()), other); err != nil {
			t.Error(err)
		}
	}
	publish()
	stop := make(chan struct{})
	var working sync.WaitGroup
	working.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(500 * time.Millisecond):
				publish()
			}
		}
	})
	w.planned(7, "worked with on elsewhere (run)", "begun by user ann", "/there/migration.db")
	close(stop)
	working.Wait()
	w.planned(0) // it was left alone
	other.Finished = time.Now()
	publish()
	w.must(0, []string{"run"})
}
