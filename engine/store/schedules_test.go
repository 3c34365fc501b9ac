package store_test

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/identitymesh/identitymesh/engine/store"
)

func TestASchedulesLife(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		c := f.connector(t)
		x := must1(f.CreateSchedule(t.Context(), store.Schedule{ConnectorID: c.ID, Kind: store.Delta, Interval: 5 * time.Minute,
			Enabled: true, NextDue: f.clock.now()}))(t)
		if diff := cmp.Diff([]store.Schedule{x}, must1(f.ListSchedules(t.Context(), c.ID))(t)); diff != "" || x.Version != 1 || x.Interval != 5*time.Minute {
			t.Errorf("created %+v (-want +got):\n%s", x, diff)
		}
		old := x
		x.Interval, x.Cron = 0, "0 3 * * *"
		x = must1(f.UpdateSchedule(t.Context(), x))(t)
		if x.Version != 2 || x.Cron != "0 3 * * *" {
			t.Errorf("updated: %+v", x)
		}
		if _, err := f.UpdateSchedule(t.Context(), old); !errors.Is(err, store.ErrConflict) {
			t.Errorf("updated from an old version: %v", err)
		}
		if err := f.DeleteSchedule(t.Context(), old.ID, old.Version); !errors.Is(err, store.ErrConflict) {
			t.Errorf("deleted at an old version: %v", err)
		}
		must(t, f.DeleteSchedule(t.Context(), x.ID, 0))
		for what, err := range map[string]error{
			"delete": f.DeleteSchedule(t.Context(), x.ID, 0), "get": must2(f.Schedule(t.Context(), x.ID)), "update": must2(f.UpdateSchedule(t.Context(), x)),
		} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s after the delete: %v", what, err)
			}
		}
	})
}

func must2[T any](_ T, err error) error { return err }

func TestAScheduleThatMakesNoSenseIsRefused(t *testing.T) {
	b := backend{"SQLite", sqliteIn(t)}
	f := b.open(t)
	now := f.clock.now()
	cases := map[string]store.Schedule{
		"without interval and cron": {Kind: store.Full, NextDue: now},
		"with interval and cron":    {Kind: store.Full, Interval: time.Hour, Cron: "0 3 * * *", NextDue: now},
		"with half a second":        {Kind: store.Full, Interval: time.Second / 2, NextDue: now},
		"below zero":                {Kind: store.Full, Interval: -time.Second, NextDue: now},
		"without a kind":            {Interval: time.Hour, NextDue: now},
		"never due":                 {Kind: store.Full, Interval: time.Hour},
	}
	for name, x := range cases {
		x.ConnectorID = f.connector(t).ID
		if _, err := f.CreateSchedule(t.Context(), x); err == nil {
			t.Errorf("%s: it was created", name)
		}
	}
	if _, err := f.CreateSchedule(t.Context(), store.Schedule{ConnectorID: "none", Kind: store.Full, Interval: time.Hour, NextDue: now}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of no connector: %v", err)
	}
}

func TestDueIsWhatThisInstanceMayRunNow(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		me, now := name(t), f.clock.now()
		add := func(assigned string, due time.Time, enabled, connectorEnabled bool) string {
			c := f.connector(t)
			c.InstanceName, c.Enabled = assigned, connectorEnabled
			must1(f.UpdateConnector(t.Context(), c))(t)
			return must1(f.CreateSchedule(t.Context(), store.Schedule{ConnectorID: c.ID, Kind: store.Full, Interval: time.Hour, Enabled: enabled, NextDue: due}))(t).ID
		}
		second, first := add(me, now, true, true), add(me, now.Add(-time.Hour), true, true)
		add(me, now.Add(time.Microsecond), true, true)
		add(me, now, false, true)
		add(me, now, true, false)
		add(name(t), now, true, true)
		var got []string
		for _, x := range must1(f.Due(t.Context(), now, me))(t) {
			got = append(got, x.ID)
		}
		if want := []string{first, second}; !slices.Equal(got, want) {
			t.Errorf("due: %v, want %v", got, want)
		}
	})
}

func TestADueScheduleFiresOnceAmongManyInstances(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		cl := newClock()
		engines := []*fixture{b.openAt(t, cl), b.openAt(t, cl)}
		c := engines[0].connector(t)
		x := must1(engines[0].CreateSchedule(t.Context(), store.Schedule{ConnectorID: c.ID, Kind: store.Full, Interval: time.Hour,
			Enabled: true, NextDue: cl.now()}))(t)
		next := cl.now().Add(time.Hour)
		var fired atomic.Int32
		var wg sync.WaitGroup
		for n := range 6 {
			wg.Go(func() {
				run, created, err := engines[n%2].Fire(t.Context(), x, next)
				switch {
				case err == nil && created && run.Trigger == store.BySchedule && run.RequestedBy == x.ID:
					fired.Add(1)
				case !errors.Is(err, store.ErrConflict):
					t.Errorf("fire: %+v, %v", run, err)
				}
			})
		}
		wg.Wait()
		if fired.Load() != 1 {
			t.Errorf("it fired %d times", fired.Load())
		}
		if err := engines[1].Advance(t.Context(), x.ID, x.NextDue, next); !errors.Is(err, store.ErrConflict) {
			t.Errorf("advanced from a time that passed: %v", err)
		}
		must(t, engines[1].Advance(t.Context(), x.ID, next, next.Add(time.Hour)))
		if got := must1(engines[0].Schedule(t.Context(), x.ID))(t); !got.NextDue.Equal(next.Add(time.Hour)) || got.Version != 1 {
			t.Errorf("advanced: %+v", got)
		}
	})
}
