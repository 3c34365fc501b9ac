package rows_test

import (
	"fmt"
	"maps"
	"testing"

	"github.com/identitymesh/identitymesh/plugins/dpapi/protector"
	"github.com/identitymesh/identitymesh/plugins/dpapi/rows"
)

// ofKey is a host of a test's own with one key, because others share the table.
func ofKey(f *fixture, key string) protector.Identity {
	return protector.Identity{Kind: protector.HostKey, KeyID: key, HostID: mapped(f.ref("host")), HostName: "here"}
}

func (f *fixture) sealedBy(table *rows.Table, name, key string, blob []byte) rows.Row {
	f.t.Helper()
	row := f.row(name, string(blob))
	row.Sealed = ofKey(f, key)
	return f.put(table, row)
}

// outdated pages through the rows that wait for the key.
func (f *fixture) outdated(table *rows.Table, key string) (all []rows.Row, pages int) {
	f.t.Helper()
	after := ""
	for more := true; more; pages++ {
		page, next, err := table.Outdated(f.t.Context(), ofKey(f, key), after)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, row := range page {
			if row.Name <= after {
				f.t.Fatalf("%q follows %q", row.Name, after)
			}
			after = row.Name
		}
		all, more = append(all, page...), next
	}
	return all, pages
}

func resealed(row rows.Row, blob, key string) rows.Resealed {
	return rows.Resealed{Row: row, Blob: []byte(blob), KeyID: key}
}

func TestOutdatedRowsAreThoseOfThisHostAndAnOlderKey(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		table, db := f.open()
		const all = 230
		for i := range all {
			f.sealedBy(table, fmt.Sprint(i), "old", []byte("sealed"))
		}
		f.sealedBy(table, "new", "new", []byte("sealed"))
		f.put(table, f.row("of another host", "sealed"))
		f.legacy(db, f.ref("legacy"), "bare")
		found, pages := f.outdated(table, "new")
		n, err := table.CountOutdated(t.Context(), ofKey(f, "new"))
		if len(found) != all || pages != 3 || n != all || err != nil {
			t.Errorf("%d rows in %d pages, counted %d, %v", len(found), pages, n, err)
		}
		for _, row := range found {
			if row.Sealed.KeyID != "old" || string(row.Blob) != "sealed" {
				t.Errorf("%+v", row)
			}
		}
		counts, err := table.ByKey(t.Context(), ofKey(f, ""))
		if err != nil || !maps.Equal(counts, map[string]int{"old": all, "new": 1}) {
			t.Errorf("counts %v, %v", counts, err)
		}
	})
}

func TestAPageOfLargeOutdatedRowsEndsEarly(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		table, _ := f.open()
		for i := range 7 {
			f.sealedBy(table, fmt.Sprint(i), "old", make([]byte, 1<<20))
		}
		if found, pages := f.outdated(table, "new"); len(found) != 7 || pages < 3 {
			t.Errorf("%d rows in %d pages", len(found), pages)
		}
	})
}

func TestResealKeepsAllButBlobAndKey(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		table, _ := f.open()
		before := f.sealedBy(table, "a", "old", []byte("one"))
		if n, err := table.Reseal(t.Context(), []rows.Resealed{resealed(before, "two", "new")}); n != 1 || err != nil {
			t.Fatalf("%d stored, %v", n, err)
		}
		got := f.find(table, f.ref("a"))
		if string(got.Blob) != "two" || got.Sealed != ofKey(f, "new") || got.Number != before.Number ||
			!got.Updated.Equal(before.Updated) || !got.Created.Equal(before.Created) {
			t.Errorf("was %+v, is %+v", before, got)
		}
	})
}

func TestResealLeavesWhatWasChangedSince(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		table, db := f.open()
		set, gone, sealedAgain, same := f.sealedBy(table, "set", "old", []byte("x")), f.sealedBy(table, "gone", "old", []byte("x")),
			f.sealedBy(table, "again", "old", []byte("x")), f.sealedBy(table, "same", "old", []byte("x"))
		f.sealedBy(table, "set", "new", []byte("a newer value"))
		copied := f.sealedBy(table, "copied", "old", []byte("x"))
		f.sealedBy(table, "copied", "old", []byte("by a host with a copy of the key"))
		if err := table.Delete(t.Context(), f.ref("gone")); err != nil {
			t.Fatal(err)
		}
		if _, err := table.Reseal(t.Context(), []rows.Resealed{resealed(sealedAgain, "by another process", "new")}); err != nil {
			t.Fatal(err)
		}
		n, err := table.Reseal(t.Context(), []rows.Resealed{resealed(set, "stale", "new"), resealed(gone, "stale", "new"), resealed(copied, "stale", "new"),
			resealed(sealedAgain, "stale", "new"), resealed(same, "fresh", "new")})
		if n != 1 || err != nil {
			t.Errorf("%d stored, %v", n, err)
		}
		for name, want := range map[string]string{"set": "a newer value", "again": "by another process", "copied": "by a host with a copy of the key", "same": "fresh"} {
			if got := f.find(table, f.ref(name)); string(got.Blob) != want {
				t.Errorf("%s holds %q", name, got.Blob)
			}
		}
		if count(t, f, db) != 4 {
			t.Error("a deleted row is back")
		}
	})
}
