package store_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/store"
)

func TestATestOfADisabledConnectorIsClaimedAndKeepsItsReport(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		c := f.connector(t)
		c.Enabled, c.InstanceName = false, name(t)
		c = must1(f.UpdateConnector(t.Context(), c))(t)
		if _, _, err := f.Enqueue(t.Context(), store.NewRun{ConnectorID: c.ID, Kind: store.Full, Trigger: store.Manual}); !errors.Is(err, store.ErrDisabled) {
			t.Fatalf("an import of a disabled connector was queued: %v", err)
		}
		_, _, err := f.Enqueue(t.Context(), store.NewRun{ConnectorID: c.ID, Kind: store.Test, Trigger: store.Manual})
		must(t, err)
		claimed, ok, err := f.Claim(t.Context(), store.Claimant{Instance: c.InstanceName, Incarnation: "1", TTL: time.Minute})
		if must(t, err); !ok {
			t.Fatal("the test was not claimed")
		}
		if _, err := f.BeginImport(t.Context(), importOf(claimed)); !errors.Is(err, store.ErrFenced) {
			t.Errorf("a test may begin an import: %v", err)
		}
		report := connector.Report{Server: "slapd 2.6", Sample: 3, Notes: []string{"no index on modifyTimestamp"}}
		must(t, f.Finish(t.Context(), claimed.Run.ID, store.Result{Status: store.Succeeded, Report: &report}))
		run := must1(f.Run(t.Context(), claimed.Run.ID))(t)
		if run.Status != store.Succeeded || run.Report == nil || !reflect.DeepEqual(*run.Report, report) {
			t.Errorf("the history says %s with report %+v", run.Status, run.Report)
		}
	})
}

func TestAnImportCannotSucceedWithoutItsLastRows(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		claimed := f.running(t, store.Full)
		if err := f.Finish(t.Context(), claimed.Run.ID, store.Result{Status: store.Succeeded}); !errors.Is(err, store.ErrFenced) {
			t.Errorf("finishing an import as succeeded: %v", err)
		}
		if run := must1(f.Run(t.Context(), claimed.Run.ID))(t); run.Status != store.Running || run.Report != nil {
			t.Errorf("the run is %s with report %+v", run.Status, run.Report)
		}
	})
}

func TestATestCannotBeScheduled(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		c := f.connector(t)
		if _, err := f.CreateSchedule(t.Context(), store.Schedule{ConnectorID: c.ID, Kind: store.Test, Interval: time.Hour, NextDue: time.Now()}); err == nil {
			t.Error("a test was scheduled")
		}
	})
}
