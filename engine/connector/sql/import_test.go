package sqlconn_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/connector"
)

func TestFullImportReturnsEveryRowInPages(t *testing.T) {
	eachSource(t, func(t *testing.T, s *source) {
		s.people()
		for i := range 25 {
			s.add(fmt.Sprintf("p%02d", i), "Ann", i, clock)
		}
		c, _ := s.open(s.with(map[string]any{"query": "SELECT id, name FROM people", "pageSize": 10, "objectType": "person"}))
		r := full(t, c).must(t)
		if len(r.objects) != 25 || len(r.pages) != 3 {
			t.Fatalf("%d objects in %d pages", len(r.objects), len(r.pages))
		}
		o := r.objects["p07"]
		if o.Type != "person" || fmt.Sprint(o.Attributes) != "[{id [p07]} {name [Ann]}]" {
			t.Fatalf("%+v", o)
		}
		if r.watermark != "" || r.pages[0].Checkpoint != "" {
			t.Fatal("a watermark without a deltaColumn")
		}
		if _, ok := connector.FullRequired(delta(t, c, "").err); !ok {
			t.Fatal("a delta without a deltaColumn did not ask for a full import")
		}
	})
}

func TestDeltaImportReturnsWhatChangedAndTheOverlap(t *testing.T) {
	eachSource(t, func(t *testing.T, s *source) {
		s.people()
		s.add("old", "Ann", 1, clock.Add(-time.Hour))
		s.add("near", "Bea", 2, clock.Add(-10*time.Second))
		s.add("last", "Cid", 3, clock)
		c, _ := s.open(s.byTime(map[string]any{"overlap": "1m"}))
		r := full(t, c).must(t)
		if r.anchors() != "last near old" || !strings.Contains(string(r.watermark), "2026-03-01T12:00:00Z") {
			t.Fatalf("full: %s, %s", r.anchors(), r.watermark)
		}
		first := r.watermark

		// A row that shares the last value and one that was committed late.
		s.add("same", "Dan", 4, clock)
		s.add("late", "Eve", 5, clock.Add(-30*time.Second))
		s.add("later", "Fay", 6, clock.Add(1500*time.Microsecond))
		r = delta(t, c, first).must(t)
		if r.anchors() != "last late later near same" {
			t.Fatalf("delta: %s", r.anchors())
		}
		if !strings.Contains(string(r.watermark), "2026-03-01T12:00:00.0015Z") {
			t.Fatalf("watermark %s", r.watermark)
		}

		// A read that finds nothing newer does not move the watermark back.
		s.exec("DELETE FROM people WHERE id IN ('last', 'same', 'later')")
		again := delta(t, c, r.watermark).must(t)
		if again.anchors() != "late near" || again.watermark != r.watermark {
			t.Fatalf("%s, %s", again.anchors(), again.watermark)
		}
	})
}

func TestIntegerDeltaCountsItsOverlap(t *testing.T) {
	eachSource(t, func(t *testing.T, s *source) {
		s.people()
		for _, n := range []int{-5, 10, 11, 12} {
			s.add(fmt.Sprint("n", n), "Ann", n, clock)
		}
		c, _ := s.open(s.with(map[string]any{
			"query": "SELECT id, n FROM people WHERE n > @watermark", "deltaColumn": "N", "deltaType": "integer", "overlap": 2,
		}))
		r := full(t, c).must(t)
		if r.anchors() != "n-5 n10 n11 n12" {
			t.Fatalf("full: %s", r.anchors())
		}
		s.add("same", "Bea", 12, clock)
		r = delta(t, c, r.watermark).must(t)
		if r.anchors() != "n11 n12 same" {
			t.Fatalf("delta: %s", r.anchors())
		}
		if !strings.Contains(string(r.watermark), `"value":"12"`) {
			t.Fatalf("watermark %s", r.watermark)
		}
	})
}

func TestNarrowIntegerColumnsTakeTheLowestWatermark(t *testing.T) {
	eachSource(t, func(t *testing.T, s *source) {
		s.exec("CREATE TABLE v (id int, n smallint)")
		s.exec("INSERT INTO v VALUES (1, -3), (2, 4)")
		c, _ := s.open(s.with(map[string]any{
			"query": "SELECT * FROM v WHERE n > @watermark", "deltaColumn": "n", "deltaType": "integer",
		}))
		if r := full(t, c).must(t); r.anchors() != "1 2" {
			t.Fatal(r.anchors())
		}
	})
}

func TestFullQueryIncludesRowsWithoutADeltaValue(t *testing.T) {
	eachSource(t, func(t *testing.T, s *source) {
		s.people()
		s.add("dated", "Ann", 1, clock)
		s.add("undated", "Bea", 2, time.Time{})
		c, _ := s.open(s.byTime(nil))
		if r := full(t, c).must(t); r.anchors() != "dated" {
			t.Fatalf("without: %s", r.anchors())
		}
		c, _ = s.open(s.byTime(map[string]any{"fullQuery": "SELECT id, name, ts FROM people"}))
		r := full(t, c).must(t)
		if r.anchors() != "dated undated" || r.watermark == "" {
			t.Fatalf("with: %s, %s", r.anchors(), r.watermark)
		}
		if r := delta(t, c, r.watermark).must(t); r.anchors() != "dated" {
			t.Fatalf("delta: %s", r.anchors())
		}
	})
}

func TestFutureRowsAreImportedButNeverMoveTheWatermark(t *testing.T) {
	eachSource(t, func(t *testing.T, s *source) {
		s.people()
		s.add("now", "Ann", 1, clock)
		s.add("tomorrow", "Bea", 2, clock.Add(23*time.Hour))
		s.add("typo", "Cid", 3, clock.AddDate(10, 0, 0))
		c, log := s.open(s.byTime(nil))
		r := full(t, c).must(t)
		if r.anchors() != "now tomorrow typo" || !strings.Contains(string(r.watermark), "2026-03-02T11:00:00Z") {
			t.Fatalf("%s, %s", r.anchors(), r.watermark)
		}
		if !strings.Contains(log.String(), "rows=1 column=ts") {
			t.Fatalf("log: %s", log)
		}
	})
}

func TestRowsWithoutAnAnchorAreRejected(t *testing.T) {
	eachSource(t, func(t *testing.T, s *source) {
		s.people()
		s.add("ok", "Ann", 1, clock)
		s.add("", "Bea", 2, clock)
		s.exec("INSERT INTO people (id, name) VALUES (NULL, 'Cid')")
		c, _ := s.open(s.with(map[string]any{"query": "SELECT id, name FROM people ORDER BY name"}))
		r := full(t, c).must(t)
		if r.anchors() != "ok" || len(r.rejected) != 2 {
			t.Fatalf("%s, %+v", r.anchors(), r.rejected)
		}
		want := []connector.Rejection{
			{Entry: "row 2", Reason: `anchorColumn "id" is empty`}, {Entry: "row 3", Reason: `anchorColumn "id" is NULL`},
		}
		for i := range want {
			if r.rejected[i] != want[i] {
				t.Errorf("%+v, want %+v", r.rejected[i], want[i])
			}
		}
	})
}

func TestOrderedReadsCheckpointEachPage(t *testing.T) {
	eachSource(t, func(t *testing.T, s *source) {
		s.people()
		for i := range 6 {
			s.add(fmt.Sprint("p", i), "Ann", i, clock.Add(time.Duration(i)*time.Minute))
		}
		c, _ := s.open(s.byTime(map[string]any{
			"query":          "SELECT id, ts FROM people WHERE ts > @watermark ORDER BY ts",
			"orderedByDelta": true, "pageSize": 4, "overlap": "1s",
		}))
		r := full(t, c).must(t)
		if len(r.pages) != 2 || !strings.Contains(string(r.pages[0].Checkpoint), "12:03:00Z") || r.pages[1].Checkpoint != r.watermark {
			t.Fatalf("%+v", r.pages)
		}
		// What a run that broke off after the first page would read next.
		if r := delta(t, c, r.pages[0].Checkpoint).must(t); r.anchors() != "p3 p4 p5" {
			t.Fatal(r.anchors())
		}
	})
}

func TestADeltaOfAnotherConfigurationAsksForAFullImport(t *testing.T) {
	s := newSource(t, "sqlite")
	s.people()
	s.add("a", "Ann", 1, clock)
	c, _ := s.open(s.byTime(nil))
	mark := string(full(t, c).must(t).watermark)
	if want := `{"v":1,"driver":"sqlite","column":"ts","type":"timestamp","value":"2026-03-01T12:00:00Z"}`; mark != want {
		t.Fatalf("watermark %s, want %s", mark, want)
	}
	for name, c := range map[string]struct{ since, why string }{
		"nothing was read":        {"", "nothing was read yet"},
		"another driver":          {strings.Replace(mark, "sqlite", "postgres", 1), "driver postgres"},
		"another column":          {strings.Replace(mark, `"ts"`, `"changed"`, 1), "deltaColumn changed"},
		"another type":            {strings.Replace(mark, "timestamp", "integer", 1), "deltaType integer"},
		"a later form":            {strings.Replace(mark, `"v":1`, `"v":2`, 1), "unknown form"},
		"something else entirely": {"17", "unknown form"},
		"a broken value":          {strings.Replace(mark, "2026", "x", 1), "unknown form"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, _ := s.open(s.byTime(nil))
			why, ok := connector.FullRequired(delta(t, conn, connector.Watermark(c.since)).err)
			if !ok || !strings.Contains(why, c.why) {
				t.Fatalf("%v %q, want %q", ok, why, c.why)
			}
		})
	}
}
