package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/identitymesh/identitymesh/engine/store"
)

func TestAMigrationIsShownAsItWasSavedLast(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		m := store.Migration{
			ID: uuid.NewString(), Step: "run", From: "DPAPI", FromTarget: "db", To: "AzureKeyVault", ToTarget: "v.vault.azure.net",
			By: "user anna", Machine: "host1", Ledger: "/etc/identitymesh/migration.db", Started: f.clock.now(),
			Counts: map[string]int64{"copied": 2, "blocked": 1},
			Refs:   []store.MigrationRef{{Ref: "secret://ad/Ä/password", State: "blocked", Reason: "TOO_LARGE", Message: "19,201 bytes"}},
		}
		must(t, f.SaveMigration(t.Context(), m))
		f.clock.add(time.Minute)
		m.Step, m.Problem, m.Counts = "verify", "1 ref is blocked", map[string]int64{"verified": 2, "blocked": 1}
		refs := m.Refs
		m.Refs = nil // those that are there stay
		must(t, f.SaveMigration(t.Context(), m))
		m.Updated = f.clock.now()
		found := false
		for _, listed := range must1(f.ListMigrations(t.Context(), 1000))(t) {
			if listed.ID == m.ID {
				found = true
				if diff := cmp.Diff(m, listed); diff != "" {
					t.Errorf("listed (-want +got):\n%s", diff)
				}
			}
		}
		if !found {
			t.Error("it is not listed")
		}
		m.Refs = refs
		if diff := cmp.Diff(m, must1(f.GetMigration(t.Context(), m.ID))(t)); diff != "" {
			t.Errorf("read (-want +got):\n%s", diff)
		}

		m.Refs, m.Finished = []store.MigrationRef{}, f.clock.now()
		must(t, f.SaveMigration(t.Context(), m))
		if got := must1(f.GetMigration(t.Context(), m.ID))(t); len(got.Refs) > 0 || !got.Finished.Equal(m.Finished) {
			t.Errorf("finished: %+v", got)
		}
		for n := range 1001 {
			m.Refs = append(m.Refs, store.MigrationRef{Ref: fmt.Sprint("secret://r/", n), State: "drifted"})
		}
		must(t, f.SaveMigration(t.Context(), m))
		if got := must1(f.GetMigration(t.Context(), m.ID))(t); len(got.Refs) != 1000 || got.Refs[999].Ref != "secret://r/999" {
			t.Errorf("%d refs are kept", len(got.Refs))
		}
		if _, err := f.GetMigration(t.Context(), "none"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("one that is not there: %v", err)
		}
	})
}
