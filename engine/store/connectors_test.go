package store_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/identitymesh/identitymesh/engine/store"
)

func TestAConnectorComesBackAsItWasStored(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		want := must1(f.CreateConnector(t.Context(), store.Connector{
			Name: " " + name(t) + " Ünïcode ", Type: "sql", Config: json.RawMessage(`{"query": "SELECT 'ä'"}`), InstanceName: "Engine 2"}))(t)
		if want.ID == "" || want.Version != 1 || want.Enabled || strings.HasPrefix(want.Name, " ") {
			t.Errorf("created: %+v", want)
		}
		if diff := cmp.Diff(want, must1(f.Connector(t.Context(), want.ID))(t)); diff != "" {
			t.Errorf("by id (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, must1(f.ConnectorByName(t.Context(), strings.ToUpper(want.Name)))(t)); diff != "" {
			t.Errorf("by name (-want +got):\n%s", diff)
		}
		if _, err := f.ConnectorByName(t.Context(), "no such"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("no such name: %v", err)
		}
	})
}

func TestConnectorNamesAreUniqueWithoutRegardToCase(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		one, two := f.connector(t), f.connector(t)
		one.Name = strings.ToUpper(one.Name)
		another := one
		another.ID = ""
		if _, err := f.CreateConnector(t.Context(), another); !errors.Is(err, store.ErrNameTaken) {
			t.Errorf("create: %v", err)
		}
		two.Name = one.Name
		if _, err := f.UpdateConnector(t.Context(), two); !errors.Is(err, store.ErrNameTaken) {
			t.Errorf("update: %v", err)
		}
		if _, err := f.UpdateConnector(t.Context(), one); err != nil {
			t.Errorf("a connector cannot change the case of its own name: %v", err)
		}
		for _, bad := range []store.Connector{{Config: json.RawMessage(`{}`)}, {Name: name(t), Config: json.RawMessage(`{`)},
			{Name: strings.Repeat("x", 201), Config: json.RawMessage(`{}`)}} {
			if _, err := f.CreateConnector(t.Context(), bad); err == nil {
				t.Errorf("created %+v", bad)
			}
		}
	})
}

func TestOfTwoWhoEditAConnectorTheSecondIsTold(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		mine := f.connector(t)
		theirs := mine
		theirs.Config = json.RawMessage(`{"theirs":true}`)
		f.clock.add(time.Hour)
		updated := must1(f.UpdateConnector(t.Context(), theirs))(t)
		if updated.Version != 2 || !updated.Updated.Equal(f.clock.now()) || updated.Created.Equal(updated.Updated) {
			t.Errorf("updated: %+v", updated)
		}
		if _, err := f.UpdateConnector(t.Context(), mine); !errors.Is(err, store.ErrConflict) {
			t.Errorf("the second: %v", err)
		}
		if got := must1(f.Connector(t.Context(), mine.ID))(t); string(got.Config) != `{"theirs":true}` {
			t.Errorf("stored: %s", got.Config)
		}
		mine.ID = "no such"
		if _, err := f.UpdateConnector(t.Context(), mine); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("no such connector: %v", err)
		}
	})
}

func TestDeletingAConnectorKeepsItsHistoryAlone(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		c, other := f.running(t, store.Full), f.running(t, store.Full)
		id := c.Connector.ID
		if err := f.DeleteConnector(t.Context(), id, 0); !errors.Is(err, store.ErrBusy) {
			t.Fatalf("deleted while it runs: %v", err)
		}
		f.importAll(t, c, people(30)...)
		f.importAll(t, other, people(30)...)
		queued, _, err := f.Enqueue(t.Context(), store.NewRun{ConnectorID: id, Kind: store.Delta, Trigger: store.Manual})
		must(t, err)
		x := must1(f.CreateSchedule(t.Context(), store.Schedule{ConnectorID: id, Kind: store.Delta, Interval: time.Hour, NextDue: f.clock.now()}))(t)
		must(t, f.DeleteConnector(t.Context(), id, 0))

		if _, err := f.Connector(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the connector: %v", err)
		}
		if _, err := f.State(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("its state: %v", err)
		}
		if _, err := f.Schedule(t.Context(), x.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("its schedule: %v", err)
		}
		if n := must1(f.CountObjects(t.Context(), id, false))(t); n != 0 {
			t.Errorf("%d objects are left", n)
		}
		if n := must1(f.CountObjects(t.Context(), other.Connector.ID, false))(t); n != 30 {
			t.Errorf("another connector has %d objects left", n)
		}
		var statuses []store.Status
		for _, r := range must1(f.ListRuns(t.Context(), store.RunFilter{ConnectorID: id}, 10))(t) {
			statuses = append(statuses, r.Status)
		}
		if !slices.Equal(statuses, []store.Status{store.Cancelled, store.Succeeded}) {
			t.Errorf("history: %v", statuses)
		}
		if r := must1(f.Run(t.Context(), queued.ID))(t); r.Reason != store.ReasonDeleted || r.ConnectorName != c.Connector.Name {
			t.Errorf("the queued run: %+v", r)
		}
		if err := f.DeleteConnector(t.Context(), id, 0); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("deleted twice: %v", err)
		}
	})
}

func TestConnectorsAreListedByName(t *testing.T) {
	b := backend{"SQLite", sqliteIn(t)}
	f := b.open(t)
	for _, n := range []string{"delta", "Alpha", "charlie", "Bravo"} {
		must1(f.CreateConnector(t.Context(), store.Connector{Name: n, Config: json.RawMessage(`{}`)}))(t)
	}
	var got []string
	for after := ""; ; {
		page := must1(f.ListConnectors(t.Context(), after, 3))(t)
		for _, c := range page {
			got, after = append(got, c.Name), c.Name
		}
		if len(page) < 3 {
			break
		}
	}
	if want := []string{"Alpha", "Bravo", "charlie", "delta"}; !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
}
