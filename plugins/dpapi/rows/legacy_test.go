package rows_test

import (
	"errors"
	"testing"

	"github.com/identitymesh/identitymesh/plugins/dpapi/rows"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func TestLegacyRows(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		table, db := f.open()
		t.Run("are found by their ref", func(t *testing.T) {
			f.legacy(db, f.ref("a"), "bare")
			got := f.find(table, f.ref("a"))
			if !got.Legacy() || got.Name != string(f.ref("a")) || got.Ref != f.ref("a") || string(got.Blob) != "bare" || got.Version() != "0" {
				t.Errorf("got %+v", got)
			}
		})
		t.Run("are found only by exactly their ref", func(t *testing.T) {
			for _, other := range []string{"A", "a ", " a"} {
				if _, err := table.Find(t.Context(), f.ref(other)); !errors.Is(err, rows.ErrNotFound) {
					t.Errorf("%q: %v", other, err)
				}
			}
		})
		t.Run("count as existing", func(t *testing.T) {
			none := secret.Version("")
			if _, err := table.Put(t.Context(), f.row("a", "new"), &none); !errors.Is(err, rows.ErrExists) {
				t.Errorf("got %v", err)
			}
		})
		t.Run("are replaced by a set that expects them", func(t *testing.T) {
			zero := secret.Version("0")
			stored, err := table.Put(t.Context(), f.row("a", "new"), &zero)
			if err != nil || stored.Legacy() {
				t.Fatalf("got %+v, %v", stored, err)
			}
			found, _ := f.mine(table, 1000)
			if len(found) != 1 || found[f.ref("a")].Name != mapped(f.ref("a")) {
				t.Errorf("rows %+v", found)
			}
		})
		t.Run("give way to a row under the mapped name, and the next set removes them", func(t *testing.T) {
			f.legacy(db, f.ref("a"), "written by the other product since")
			if got := f.find(table, f.ref("a")); string(got.Blob) != "new" {
				t.Errorf("got %q", got.Blob)
			}
			f.put(table, f.row("a", "newer"))
			if got := count(t, f, db); got != 1 {
				t.Errorf("%d rows", got)
			}
		})
		t.Run("are deleted with their ref", func(t *testing.T) {
			f.legacy(db, f.ref("a"), "bare")
			if err := table.Delete(t.Context(), f.ref("a")); err != nil {
				t.Fatal(err)
			}
			if got := count(t, f, db); got != 0 {
				t.Errorf("%d rows", got)
			}
		})
		t.Run("whose name looks like a mapped one are not taken for its row", func(t *testing.T) {
			f.legacy(db, secret.Ref(mapped(f.ref("b"))), "foreign")
			defer func() { _ = table.Delete(t.Context(), secret.Ref(mapped(f.ref("b")))) }()
			if got, err := table.Find(t.Context(), f.ref("b")); !errors.Is(err, rows.ErrNotFound) {
				t.Errorf("got %+v, %v", got, err)
			}
			if _, err := table.Put(t.Context(), f.row("b", "new"), nil); err == nil {
				t.Error("the foreign row was overwritten")
			}
		})
		t.Run("are counted as not ours", func(t *testing.T) {
			all, foreign, err := table.Count(t.Context(), here.HostID)
			if err != nil {
				t.Fatal(err)
			}
			f.put(table, f.row("ours", "sealed"))
			f.legacy(db, f.ref("old"), "bare")
			other := f.row("theirs", "sealed")
			other.Sealed.HostID = "bb"
			f.put(table, other)
			all2, foreign2, err := table.Count(t.Context(), here.HostID)
			if err != nil || all2-all != 3 || foreign2-foreign != 2 {
				t.Errorf("before %d and %d, after %d and %d, %v", all, foreign, all2, foreign2, err)
			}
		})
	})
}
