package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
)

// ended makes an import that ended after the duration.
func (f *fixture) ended(t *testing.T, c store.Connector, status store.Status, lasting time.Duration) store.Run {
	t.Helper()
	claimed := f.runAgain(t, c, store.Full)
	f.clock.add(lasting)
	if status == store.Succeeded {
		f.importAll(t, claimed, people(2)...)
	} else {
		must(t, f.Finish(t.Context(), claimed.Run.ID, store.Result{Status: status, Reason: "TIMEOUT", Error: "no answer"}))
		must(t, f.ReleaseLease(t.Context(), claimed.Lease))
	}
	return must1(f.Run(t.Context(), claimed.Run.ID))(t)
}

func TestStatisticsHaveTheImportsThatEndedInTheTime(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		c := f.connector(t)
		f.ended(t, c, store.Failed, time.Second) // before
		from := f.clock.now().Add(time.Millisecond)
		good := f.ended(t, c, store.Succeeded, 3*time.Second)
		f.ended(t, c, store.Failed, time.Second)
		tested := f.runAgain(t, c, store.Test)
		must(t, f.Finish(t.Context(), tested.Run.ID, store.Result{Status: store.Succeeded}))
		must(t, f.ReleaseLease(t.Context(), tested.Lease))
		to := f.clock.now().Add(time.Millisecond)
		f.clock.add(time.Minute)
		f.ended(t, c, store.Failed, time.Second) // after
		var all []store.FinishedRun
		must(t, f.EachFinished(t.Context(), c.ID, from, to, func(r store.FinishedRun) { all = append(all, r) }))
		if len(all) != 2 {
			t.Fatalf("%+v", all)
		}
		for _, r := range all {
			if r.Status == store.Succeeded && (r.Counts.Added != 2 || !r.Finished.Equal(good.Finished) || r.Finished.Sub(r.Started) != 3*time.Second) {
				t.Errorf("the good one is %+v", r)
			}
		}
		if counts := must1(f.CountEnded(t.Context(), from))(t); counts["Succeeded"] < 1 || counts["Failed"] < 2 {
			t.Errorf("counted %v", counts)
		}
		n := 0
		must(t, f.EachFinished(t.Context(), "", from, to, func(store.FinishedRun) { n++ }))
		if n < 2 {
			t.Errorf("of all connectors there are %d", n)
		}
	})
}

func TestAConnectorFailsFromTheFirstFailureAfterItsLastSuccessOn(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		failing := func(c store.Connector) (found []store.FailingConnector) {
			for _, x := range must1(f.FailingConnectors(t.Context(), 1000))(t) {
				if x.ID == c.ID {
					found = append(found, x)
				}
			}
			return found
		}
		never, bad, mended, off := f.connector(t), f.connector(t), f.connector(t), f.connector(t)
		f.ended(t, bad, store.Failed, time.Second)
		f.ended(t, bad, store.Succeeded, time.Second)
		first := f.ended(t, bad, store.Failed, time.Second)
		last := f.ended(t, bad, store.Failed, time.Second)
		f.ended(t, bad, store.Interrupted, time.Second)
		tested := f.runAgain(t, bad, store.Test)
		must(t, f.Finish(t.Context(), tested.Run.ID, store.Result{Status: store.Succeeded}))
		must(t, f.ReleaseLease(t.Context(), tested.Lease))
		f.ended(t, mended, store.Failed, time.Second)
		f.ended(t, mended, store.Succeeded, time.Second)
		f.ended(t, off, store.Failed, time.Second)
		off = must1(f.Connector(t.Context(), off.ID))(t)
		off.Enabled = false
		must1(f.UpdateConnector(t.Context(), off))(t)
		if x := failing(bad); len(x) != 1 || x[0].RunID != last.ID || !x[0].Since.Equal(first.Finished) || x[0].Reason != "TIMEOUT" || x[0].Error != "no answer" {
			t.Errorf("failing: %+v", x)
		}
		for what, c := range map[string]store.Connector{"never ran": never, "is mended": mended, "is switched off": off} {
			if x := failing(c); len(x) != 0 {
				t.Errorf("one that %s: %+v", what, x)
			}
		}
	})
}

func TestConnectorsThatNobodyRunsAreFound(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		c, scheduled := f.connector(t), f.connector(t)
		must1(f.CreateSchedule(t.Context(), store.Schedule{ConnectorID: scheduled.ID, Kind: store.Full, Interval: time.Hour, Enabled: true, NextDue: f.clock.now()}))(t)
		has := func(list []store.Named, n int, err error) func(store.Connector) bool {
			must(t, err)
			return func(c store.Connector) bool {
				for _, x := range list {
					if x.ID == c.ID && x.Name == c.Name {
						return n >= len(list)
					}
				}
				return false
			}
		}
		if un := has(f.Unscheduled(t.Context(), 10000)); !un(c) || un(scheduled) {
			t.Error("the wrong ones have no schedule")
		}
		engine := store.Instance{Role: store.RoleEngine, Name: name(t), Incarnation: "1", Started: f.clock.now()}
		must(t, f.Register(t.Context(), engine))
		c.InstanceName, scheduled.InstanceName = strings.ToUpper(engine.Name), name(t)
		must1(f.UpdateConnector(t.Context(), c))(t)
		must1(f.UpdateConnector(t.Context(), scheduled))(t)
		if home := has(f.Homeless(t.Context(), f.clock.now(), 10000)); home(c) || !home(scheduled) {
			t.Error("the wrong ones have no engine")
		}
		if home := has(f.Homeless(t.Context(), f.clock.now().Add(time.Second), 10000)); !home(c) {
			t.Error("an engine that is silent counts")
		}
		if _, n, err := f.Unscheduled(t.Context(), 1); err != nil || n < 1 {
			t.Errorf("%d, %v", n, err)
		}
	})
}

func TestARunUnderWayIsAskedToEndByWhoAsksFirst(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		claimed := f.running(t, store.Full)
		if by, err := f.CancelWanted(t.Context(), claimed.Run.ID); by != "" || err != nil {
			t.Errorf("before: %q, %v", by, err)
		}
		for _, by := range []string{"ann", "bob"} {
			if asked := must1(f.Cancel(t.Context(), claimed.Run.ID, by))(t); !asked {
				t.Error("it was not asked")
			}
		}
		r := must1(f.Run(t.Context(), claimed.Run.ID))(t)
		if by := must1(f.CancelWanted(t.Context(), r.ID))(t); by != "ann" || r.CancelBy != "ann" || r.Status != store.Running {
			t.Errorf("%q; %+v", by, r)
		}
	})
}

func TestTheDatabaseSaysWhatItIs(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		is := must1(f.Software(t.Context()))(t)
		if is.Version == "" || is.Dialect == "" || is.Schemas["IM_EngineSchema"] < 7 {
			t.Errorf("%+v", is)
		}
	})
}

func TestATrendHasItsLengthWhileOneRunsAndOthersWait(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		c := f.connector(t)
		for range 10 {
			f.ended(t, c, store.Failed, time.Second)
		}
		under := f.runAgain(t, c, store.Full)
		for _, kind := range []store.Kind{store.Full, store.Delta} {
			if _, fresh, err := f.Enqueue(t.Context(), store.NewRun{ConnectorID: c.ID, Kind: kind, Trigger: store.Manual}); err != nil || !fresh {
				t.Fatal(fresh, err)
			}
		}
		listed := must1(f.ListedConnector(t.Context(), c.ID))(t)
		if len(listed.Trend) != 10 || listed.Last.Status != store.Queued {
			t.Errorf("%d in the trend, the last is %s", len(listed.Trend), listed.Last.Status)
		}
		must(t, f.ReleaseLease(t.Context(), under.Lease))
	})
}
