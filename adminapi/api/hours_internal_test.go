package api

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
)

func TestHoursToWhichNothingIsAddedAreReadOnce(t *testing.T) {
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	now := day.Add(10*time.Hour + 20*time.Minute)
	var asked []string
	var refuse error
	h := newHours(func(_ context.Context, from, to time.Time, visit func(store.FinishedRun)) error {
		asked = append(asked, fmt.Sprintf("%d-%d", int(from.Sub(day).Hours()), int(to.Sub(day).Hours())))
		for at := from; at.Before(to) && refuse == nil; at = at.Add(20 * time.Minute) {
			visit(store.FinishedRun{Status: store.Succeeded, Started: at.Add(-time.Duration(at.Hour()+1) * time.Second), Finished: at, Counts: store.Counts{Added: 2}})
			visit(store.FinishedRun{Status: store.Cancelled, Started: at.Add(-time.Hour), Finished: at})
		}
		return refuse
	})
	look := func(from, to int, reads ...string) RunBucket {
		t.Helper()
		asked = nil
		list, err := h.between(t.Context(), day.Add(time.Duration(from)*time.Hour), day.Add(time.Duration(to)*time.Hour), now)
		if err != nil || len(list) != to-from || !reflect.DeepEqual(asked, reads) {
			t.Fatalf("%d hours, %v, after reading %v instead of %v", len(list), err, asked, reads)
		}
		return together(list)
	}
	want := RunBucket{Runs: RunNumbers{Succeeded: 6, Cancelled: 6}, Objects: ObjectCounts{Added: 12}, Duration: &Quantiles{P50: 5, P90: 6, P99: 6, Max: 6}}
	for range 2 { // what is returned is not changed by who adds it up
		h.known, h.kept = map[int64]*hour{}, 0
		if got := look(4, 6, "4-6"); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v %+v", got, got.Duration)
		}
		if got := look(4, 6); !reflect.DeepEqual(got, want) {
			t.Errorf("once more %+v %+v", got, got.Duration)
		}
	}
	look(2, 11, "2-4", "6-11")
	if got := look(2, 11, "9-11"); got.Runs.Succeeded != 27 || got.Duration.Max != 11 {
		t.Errorf("in all %+v %+v", got, got.Duration)
	}
	now = now.Add(10 * time.Minute) // which settles another hour
	look(8, 11, "9-11")
	look(8, 11, "10-11")

	refuse = errors.New("the database is away")
	if _, err := h.between(t.Context(), day, day.Add(2*time.Hour), now); !errors.Is(err, refuse) {
		t.Errorf("got %v", err)
	}
	refuse = nil
	look(0, 2, "0-2")

	h.kept = mostDurations
	look(-2, 0, "-2-0")
	look(-2, 0, "-2-0")
}

func TestWhoWaitsForStatisticsCanLeave(t *testing.T) {
	h := newHours(nil)
	h.turn <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.between(ctx, time.Unix(0, 0), time.Unix(3600, 0), time.Now()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestHoursThatAreRememberedAreBounded(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	h := newHours(func(context.Context, time.Time, time.Time, func(store.FinishedRun)) error { return nil })
	to := now
	for range 2*mostHours/(mostBuckets*24) + 1 {
		from := to.Add(-mostBuckets * 24 * time.Hour)
		if list, err := h.between(t.Context(), from, to, now); err != nil || len(list) != mostBuckets*24 || list[0] == nil {
			t.Fatalf("%d hours, %v", len(list), err)
		}
		to = from
	}
	if len(h.known) == 0 || len(h.known) > mostHours {
		t.Errorf("%d hours are remembered", len(h.known))
	}
}
