package sqlconn_test

import (
	"strings"
	"testing"
	"time"
)

func TestATestReportsTheServerAndWhatToKnow(t *testing.T) {
	eachSource(t, func(t *testing.T, s *source) {
		s.people()
		for _, id := range strings.Fields("a b c d e f g") {
			s.add(id, "Ann", 1, clock)
		}
		c, _ := s.open(s.byTime(nil))
		report, err := c.Test(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		server := map[string]string{"sqlite": "SQLite 3.", "postgres": "PostgreSQL 1", "mysql": "MariaDB"}[s.driver]
		if !strings.Contains(report.Server, server) || report.Sample != 5 {
			t.Fatalf("%+v", report)
		}
		notes := strings.Join(report.Notes, "\n")
		want := []string{"rows whose ts is NULL", "orderedByDelta is off"}
		if s.driver != "sqlite" {
			want = append(want, "the connection is not encrypted")
		}
		for _, w := range want {
			if strings.Count(notes, w) != 1 {
				t.Errorf("no note %q in\n%s", w, notes)
			}
		}

		c, _ = s.open(s.with(map[string]any{"query": "SELECT id FROM people WHERE id = 'x'"}))
		if report, err = c.Test(t.Context()); err != nil {
			t.Fatal(err)
		}
		notes = strings.Join(report.Notes, "\n")
		for _, w := range []string{"no deltaColumn is configured", "returned no object"} {
			if !strings.Contains(notes, w) {
				t.Errorf("no note %q in\n%s", w, notes)
			}
		}
	})
}

func TestATestReadsEveryQuery(t *testing.T) {
	s := newSource(t, "sqlite")
	s.people()
	for key, want := range map[string]string{"query": "no such column: nobody", "fullQuery": "fullQuery: "} {
		c, _ := s.open(s.byTime(map[string]any{key: "SELECT id, ts, nobody FROM people" + map[string]string{"query": " WHERE ts > @watermark"}[key]}))
		if _, err := c.Test(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestATestDoesNotReadTheRest(t *testing.T) {
	eachSource(t, func(t *testing.T, s *source) {
		c, _ := s.open(s.with(map[string]any{"query": endless[s.driver]}))
		began := time.Now()
		if _, err := c.Test(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Fatalf("it took %s", took)
		}
	})
}
