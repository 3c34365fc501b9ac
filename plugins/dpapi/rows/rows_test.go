package rows_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/dpapi/rows"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func TestARowComesBackAsItWasPut(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		table, _ := f.open()
		blob := make([]byte, 1<<20)
		for i := range blob {
			blob[i] = byte(i)
		}
		for name, row := range map[string]rows.Row{
			"with all fields": {Ref: f.ref("all"), Blob: blob, Sealed: here, Tags: map[string]string{"a": "ä", "b": ""},
				Expires: time.Date(2031, 2, 3, 4, 5, 6, 789012345, time.FixedZone("", 3600))},
			"with the least":                {Ref: f.ref("least"), Blob: []byte{0}, Sealed: here},
			"with a ref of the longest":     {Ref: f.ref(strings.Repeat("é", (secret.MaxRefBytes-len(f.prefix))/2)), Blob: []byte{1}, Sealed: here},
			"with a ref of blanks at ends":  {Ref: f.ref("  x  "), Blob: []byte{2}, Sealed: here},
			"with a ref in decomposed form": {Ref: f.ref("e\u0301"), Blob: []byte{3}, Sealed: here},
		} {
			t.Run(name, func(t *testing.T) {
				before := time.Now().Add(-time.Millisecond)
				stored := f.put(table, row)
				if stored.Name != mapped(row.Ref) || stored.Created.Before(before) || !stored.Updated.Equal(stored.Created) {
					t.Errorf("stored %+v", stored)
				}
				row.Name, row.Number, row.Created, row.Updated = stored.Name, stored.Number, stored.Created, stored.Updated
				row.Expires = row.Expires.UTC().Truncate(time.Microsecond)
				if got := f.find(table, row.Ref); !reflect.DeepEqual(got, row) {
					got.Blob, row.Blob = nil, nil
					t.Errorf("got  %+v\nwant %+v", got, row)
				}
			})
		}
	})
}

func TestRefsThatDifferInAByteAreDifferentRows(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		table, _ := f.open()
		names := []string{"x", "X", "x ", " x", "x/", "\u00e9", "e\u0301"}
		for _, name := range names {
			f.put(table, f.row(name, name))
		}
		for _, name := range names {
			if got := f.find(table, f.ref(name)); string(got.Blob) != name || got.Ref != f.ref(name) {
				t.Errorf("%q: got %q of %q", name, got.Blob, got.Ref)
			}
		}
	})
}

func TestASetKeepsTheCreationAndCountsTheVersionUp(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		table, _ := f.open()
		first := f.put(table, f.row("a", "one"))
		time.Sleep(2 * time.Millisecond)
		second := f.put(table, f.row("a", "two"))
		if second.Number != first.Number+1 || !second.Created.Equal(first.Created) || !second.Updated.After(first.Updated) {
			t.Errorf("first %+v, second %+v", first, second)
		}
		if got := f.find(table, f.ref("a")); string(got.Blob) != "two" || got.Version() != second.Version() {
			t.Errorf("got %+v", got)
		}
	})
}

func TestADeletedRowIsGoneAndItsVersionsDoNotComeBack(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		table, _ := f.open()
		f.put(table, f.row("a", "one"))
		old := f.put(table, f.row("a", "two"))
		if err := table.Delete(t.Context(), f.ref("a")); err != nil {
			t.Fatal(err)
		}
		if _, err := table.Find(t.Context(), f.ref("a")); !errors.Is(err, rows.ErrNotFound) {
			t.Errorf("Find: %v", err)
		}
		if err := table.Delete(t.Context(), f.ref("a")); !errors.Is(err, rows.ErrNotFound) {
			t.Errorf("second Delete: %v", err)
		}
		if again := f.put(table, f.row("a", "three")); again.Number <= old.Number {
			t.Errorf("version %d after %d", again.Number, old.Number)
		}
	})
}

func TestConditionalPut(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		table, _ := f.open()
		current := f.put(table, f.row("there", "old")).Version()
		version := func(v secret.Version) *secret.Version { return &v }
		var conflict *rows.ConflictError
		for _, test := range []struct {
			name, ref string
			expected  *secret.Version
			wrong     func(error) bool
		}{
			{"at the expected version", "there", &current, nil},
			{"at a version that has passed", "there", &current, func(err error) bool { return errors.As(err, &conflict) && conflict.Current != "" }},
			{"at a version that is no number", "there", version("x"), func(err error) bool { return errors.As(err, &conflict) && conflict.Current != "" }},
			{"expected not to exist, and exists", "there", version(""), func(err error) bool { return errors.Is(err, rows.ErrExists) }},
			{"expected at a version, and does not exist", "gone", version("1"), func(err error) bool { return errors.As(err, &conflict) && conflict.Current == "" }},
			{"expected not to exist, and does not", "new", version(""), nil},
		} {
			t.Run(test.name, func(t *testing.T) {
				_, err := table.Put(t.Context(), f.row(test.ref, test.name), test.expected)
				if test.wrong == nil && err != nil || test.wrong != nil && (err == nil || !test.wrong(err)) {
					t.Errorf("got %v", err)
				}
				got, err := table.Find(t.Context(), f.ref(test.ref))
				if written := err == nil && string(got.Blob) == test.name; written != (test.wrong == nil) {
					t.Errorf("written: %v", written)
				}
			})
		}
	})
}

func TestPagesHoldEveryRowOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		table, db := f.open()
		const all = 23
		for i := range all - 1 {
			f.put(table, f.row(fmt.Sprint(i), "sealed"))
		}
		f.legacy(db, f.ref("old"), "bare")
		for _, size := range []int{1, 5, all, all + 1, 1000} {
			found, pages := f.mine(table, size)
			if len(found) != all || pages < all/size {
				t.Errorf("size %d: %d rows in %d pages", size, len(found), pages)
			}
			for ref, row := range found {
				if row.Blob != nil || row.Legacy() != (ref == f.ref("old")) || row.Version() == "" {
					t.Errorf("%s: %+v", ref, row)
				}
			}
		}
	})
}

func TestAPageOfLongRowsEndsEarly(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		table, _ := f.open()
		tags := map[string]string{}
		for i := range 50 {
			tags[fmt.Sprint(i)] = strings.Repeat("t", 500)
		}
		for i := range 120 { // 25 kB each
			row := f.row(fmt.Sprint(i), "sealed")
			row.Tags = tags
			f.put(table, row)
		}
		if found, pages := f.mine(table, 1000); len(found) != 120 || pages < 2 {
			t.Errorf("%d rows in %d pages", len(found), pages)
		}
	})
}

func TestProbeWriteLeavesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		table, db := f.open()
		for range 2 {
			if err := table.ProbeWrite(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		var n int
		if err := db.Read.QueryRow("SELECT COUNT(*) FROM IM_Secrets WHERE protector = 'probe'").Scan(&n); err != nil || n != 0 {
			t.Errorf("%d rows, %v", n, err)
		}
	})
}

func TestRowsSurviveARestart(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		table, _ := f.open()
		stored := f.put(table, f.row("a", "sealed"))
		again, _ := f.open()
		if got := f.find(again, f.ref("a")); string(got.Blob) != "sealed" || got.Version() != stored.Version() {
			t.Errorf("got %+v", got)
		}
	})
}
