package hr_test

import (
	"database/sql"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/demo/hr"
)

const staff = 120

type fixture struct {
	t    *testing.T
	path string
	now  time.Time
}

func (f *fixture) open() *hr.Database {
	f.t.Helper()
	d, err := hr.Open(f.t.Context(), hr.Config{Path: f.path, Seed: 3, People: staff, Now: func() time.Time { return f.now }})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = d.Close() })
	return d
}

// changed runs the connector's query, from its own connection.
func (f *fixture) changed(watermark string) []int {
	f.t.Helper()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.ToSlash(f.path)}).String())
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(f.t.Context(), hr.Query, sql.Named("watermark", watermark))
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	if err != nil {
		f.t.Fatal(err)
	}
	var out []int
	for rows.Next() {
		id := 0
		into := make([]any, len(names))
		for i := range into {
			into[i] = new(any)
		}
		into[0] = &id
		if err := rows.Scan(into...); err != nil {
			f.t.Fatal(err)
		}
		out = append(out, id)
	}
	if err := rows.Err(); err != nil {
		f.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func newFixture(t *testing.T) *fixture {
	return &fixture{t: t, path: filepath.Join(t.TempDir(), "hr ä?.db"), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
}

func (f *fixture) change(d *hr.Database, n, want int) {
	f.t.Helper()
	if got, err := d.ChangePeople(f.t.Context(), n); err != nil || got != want {
		f.t.Fatalf("changed %d, want %d, %v", got, want, err)
	}
}

func TestChangesShowInADeltaAndNothingElse(t *testing.T) {
	f := newFixture(t)
	d := f.open()
	if all := f.changed(""); len(all) != staff || all[0] != 1001 {
		t.Fatalf("the new database has %d people", len(all))
	}
	if early := f.changed("2026-02-01"); len(early) != 0 {
		t.Errorf("%d people changed by themselves", len(early))
	}
	f.change(d, 10, 10)
	if got := f.changed("2026-03-01 12:00:00"); len(got) != 10 || got[0] != 1001 || got[9] != 1010 {
		t.Errorf("changed %v", got)
	}
}

func TestChangesGoOnWhereTheyEnded(t *testing.T) {
	f := newFixture(t)
	d := f.open()
	f.change(d, 10, 10)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(time.Hour)
	d = f.open()
	f.change(d, staff-5, staff-5)
	got := f.changed("2026-03-01 13:00:00")
	if len(got) != staff-5 || got[0] != 1001 || got[4] != 1005 || got[5] != 1011 {
		t.Errorf("changed %v", got)
	}
	f.change(d, 10*staff, staff)
}

func TestEveryChangeGivesANewTitle(t *testing.T) {
	f := newFixture(t)
	d := f.open()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.ToSlash(f.path)}).String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var titles []string
	for range 3 {
		f.change(d, staff, staff)
		var title string
		if err := db.QueryRowContext(t.Context(), "SELECT Title FROM Employees WHERE EmployeeId = 1001").Scan(&title); err != nil {
			t.Fatal(err)
		}
		titles = append(titles, title)
	}
	if want := []string{"#1", "#121", "#241"}; !strings.HasSuffix(titles[0], want[0]) || !strings.HasSuffix(titles[2], want[2]) ||
		strings.Count(titles[2], "#") != 1 {
		t.Errorf("titles %q", titles)
	}
}

func TestOpenSaysWhichFileItCannotUse(t *testing.T) {
	_, err := hr.Open(t.Context(), hr.Config{Path: filepath.Join(t.TempDir(), "no", "hr.db"), Now: time.Now})
	if err == nil || !strings.Contains(err.Error(), filepath.Join("no", "hr.db")) {
		t.Errorf("got %v", err)
	}
}
