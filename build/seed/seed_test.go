package seed_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/seed"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

func TestTheProductReadsWhatWasFilledIn(t *testing.T) {
	folder, until := t.TempDir(), time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	if err := seed.Fill(t.Context(), seed.Config{DataFolder: folder, Connectors: 200, Runs: 4000, Objects: 3000, Until: until, Span: 90 * 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Config{DB: productdb.Config{DataFolder: folder}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	var connectors int
	for c, err := range pages(t, func(after *store.Mark) ([]store.ListedConnector, *store.Mark, error) {
		return s.PageConnectors(t.Context(), store.ConnectorFilter{}, store.Paging{Limit: 200, After: after})
	}) {
		if err != nil {
			t.Fatal(err)
		}
		connectors++
		if c.ID != seed.ConnectorID(connectors) || c.Name != fmt.Sprintf(seed.ConnectorName, connectors) || c.Last.ID == "" || len(c.Trend) == 0 || (c.Type == "ldap") != (len(c.Refs) == 1) {
			t.Fatalf("the connector %d is %+v", connectors, c)
		}
	}
	runs, statuses := 0, map[store.Status]int{}
	for r, err := range pages(t, func(after *store.Mark) ([]store.Run, *store.Mark, error) {
		return s.PageRuns(t.Context(), store.RunFilter{}, store.Paging{Limit: 500, After: after})
	}) {
		if err != nil {
			t.Fatal(err)
		}
		runs++
		statuses[r.Status]++
		if ended := r.Status != store.Queued && r.Status != store.Running; ended == r.Finished.IsZero() || r.Queued.After(until) || ended && r.Finished.Before(r.Started) {
			t.Fatalf("the run %d is %+v", r.Seq, r)
		}
	}
	objects, _, err := s.PageObjects(t.Context(), store.ObjectFilter{Q: fmt.Sprintf(seed.ObjectName, 2345)}, store.Paging{Limit: 10})
	if connectors != 200 || runs != 4000 || len(statuses) != 6 || err != nil || len(objects) != 1 || objects[0].ConnectorID != seed.ConnectorID(3) {
		t.Errorf("there are %d connectors, %d runs %v, and %+v, %v", connectors, runs, statuses, objects, err)
	}
	failing, err := s.FailingConnectors(t.Context(), 1000)
	if err != nil || len(failing) < 5 || len(failing) > 30 {
		t.Errorf("%d connectors fail, %v", len(failing), err)
	}
}

// pages returns the rows of all pages.
func pages[T any](t *testing.T, page func(*store.Mark) ([]T, *store.Mark, error)) func(func(T, error) bool) {
	t.Helper()
	return func(yield func(T, error) bool) {
		for after := (*store.Mark)(nil); ; {
			list, next, err := page(after)
			for _, row := range list {
				if !yield(row, nil) {
					return
				}
			}
			if err != nil || next == nil {
				if err != nil {
					var none T
					yield(none, err)
				}
				return
			}
			after = next
		}
	}
}
