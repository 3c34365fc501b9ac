package api_test

import (
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/api"
	"github.com/identitymesh/identitymesh/engine/store"
)

func TestAMigrationIsShownWithItsBlockedRefs(t *testing.T) {
	w := newWorld(t)
	var list struct{ Items []api.Migration }
	w.send("GET", "/api/migrations", "").is(t, http.StatusOK, &list)
	if list.Items == nil || len(list.Items) > 0 {
		t.Errorf("before there is one: %+v", list)
	}
	for _, m := range []store.Migration{
		{ID: "old", Step: "purge", Started: now.Add(-time.Hour), Finished: now.Add(-time.Minute), Counts: map[string]int64{"purged": 1}},
		{ID: "new", Step: "verify", Problem: "1 is blocked", From: "DPAPI", FromTarget: "db", To: "AzureKeyVault", ToTarget: "v",
			By: "user anna", Machine: "host", Ledger: "/l", Started: now, Counts: map[string]int64{"copied": 2, "blocked": 1},
			Refs: []store.MigrationRef{{Ref: "secret://a", State: "blocked", Reason: "too-large", Message: "too large"}}},
	} {
		if err := w.store.SaveMigration(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	w.send("GET", "/api/migrations", "").is(t, http.StatusOK, &list)
	if len(list.Items) != 2 || list.Items[0].ID != "new" || !list.Items[1].Finished.Equal(now.Add(-time.Minute)) {
		t.Errorf("listed %+v", list.Items)
	}
	var got api.MigrationDetails
	w.send("GET", "/api/migrations/new", "").is(t, http.StatusOK, &got)
	want := api.MigrationDetails{
		Migration: api.Migration{ID: "new", Step: "verify", Problem: "1 is blocked", From: "DPAPI", FromTarget: "db", To: "AzureKeyVault", ToTarget: "v",
			By: "user anna", Machine: "host", Ledger: "/l", Started: now, Updated: now, Counts: map[string]int64{"copied": 2, "blocked": 1}},
		Refs: []api.MigrationRef{{Ref: "secret://a", State: "blocked", Reason: "too-large", Message: "too large"}},
	}
	if !reflect.DeepEqual(want, got) {
		t.Errorf("read %+v\nwant %+v", got, want)
	}
	if a := w.send("GET", "/api/migrations/none", ""); a.StatusCode != http.StatusNotFound {
		t.Errorf("one that is not there: %d %s", a.StatusCode, a.body)
	}
}
