package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/identity"
	"github.com/identitymesh/identitymesh/engine/store"
)

// account is an object with the attributes name=value.
func account(anchor string, attributes ...string) identity.Object {
	o := identity.Object{Anchor: anchor, Type: "user"}
	for _, a := range attributes {
		name, value, _ := strings.Cut(a, "=")
		o.Attributes = append(o.Attributes, identity.Attribute{Name: name, Values: []string{value}})
	}
	o.Normalize()
	return o
}

func told(list []store.ObjectChange) (text []string) {
	for _, c := range list {
		text = append(text, fmt.Sprint(c.Change, c.Attributes))
	}
	return text
}

func TestTheHistoryOfAnObjectTellsWhatEachRunDid(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		const anchor = `CN="Ann" \<Ä>` + "\u2028"
		c := f.running(t, store.Full)
		f.importAll(t, c, account(anchor, "mail=canary-1", "tele phone=1"), account("other", "mail=o"))
		runs := []string{c.Run.ID}
		step := func(kind store.Kind, batch store.Batch, absent bool) {
			t.Helper()
			f.clock.add(time.Minute)
			again := f.runAgain(t, c.Connector, kind)
			i := f.begin(t, again)
			must1(i.Stage(t.Context(), batch))(t)
			must1(i.Complete(t.Context(), "", absent))(t)
			must(t, f.ReleaseLease(t.Context(), again.Lease))
			runs = append(runs, again.Run.ID)
		}
		changed := account(anchor, "mail=canary-2", `a"b=1`)
		step(store.Delta, store.Batch{Objects: []identity.Object{changed}}, false)
		step(store.Delta, store.Batch{Objects: []identity.Object{changed}}, false) // nothing new
		step(store.Full, store.Batch{Objects: []identity.Object{account("other", "mail=o")}}, true)
		step(store.Full, store.Batch{Objects: []identity.Object{account(anchor, "mail=canary-2"), account("other", "mail=o")}}, true)
		step(store.Delta, store.Batch{Gone: []string{anchor}}, false)

		objects := must1(f.ListObjects(t.Context(), c.Connector.ID, 0, 5, false))(t)
		list, next, err := f.ObjectHistory(t.Context(), c.Connector.ID, objects[0].ID, 0, 10)
		must(t, err)
		want := `[absent[] returned[a"b] absent[] updated[a"b mail tele phone] added[]]`
		if got := fmt.Sprint(told(list)); got != want || next != 0 {
			t.Fatalf("got %s, next %d\nwant %s", got, next, want)
		}
		hash, _ := changed.Hash(nil)
		if u := list[3]; u.RunID != runs[1] || u.Anchor != anchor || u.Content != fmt.Sprintf("%x", hash) || !u.At.Equal(f.clock.now().Add(-4*time.Minute)) {
			t.Errorf("the update is %+v", u)
		}
		if strings.Contains(fmt.Sprint(list), "canary") {
			t.Error("a value is in the chain")
		}

		var paged []store.ObjectChange
		for from := int64(0); ; {
			page, next, err := f.ObjectHistory(t.Context(), c.Connector.ID, objects[0].ID, from, 2)
			must(t, err)
			paged = append(paged, page...)
			if from = next; from == 0 {
				break
			}
		}
		if got := fmt.Sprint(told(paged)); got != want {
			t.Errorf("by pages %s", got)
		}
		if list, _, err := f.ObjectHistory(t.Context(), c.Connector.ID, objects[1].ID, 0, 10); err != nil || fmt.Sprint(told(list)) != "[added[]]" {
			t.Errorf("the other: %v, %v", told(list), err)
		}
		if _, _, err := f.ObjectHistory(t.Context(), f.connector(t).ID, objects[0].ID, 0, 10); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("through another connector: %v", err)
		}
		if list, _, err := f.ObjectHistory(t.Context(), c.Connector.ID, objects[0].ID, 1<<40, 10); err != nil || len(list) != 0 {
			t.Errorf("a record that is not there: %v, %v", list, err)
		}
	})
}

func TestAPageThatFailsLeavesNoAuditRecord(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		c := f.running(t, store.Full)
		i := f.begin(t, c)
		must1(i.Stage(t.Context(), store.Batch{Objects: people(3)}))(t)
		log := audit.On(f.DB(), nil)
		before := must1(log.ObjectHead(t.Context(), c.Connector.ID))(t)
		f.clock.add(time.Hour) // the lease ends, and another takes it
		must1(f.AcquireLease(t.Context(), c.Connector.ID, "another", time.Minute))(t)
		taken := must1(log.ObjectHead(t.Context(), c.Connector.ID))(t)
		if _, err := i.Stage(t.Context(), store.Batch{Objects: people(5)}); !errors.Is(err, store.ErrFenced) {
			t.Fatalf("got %v", err)
		}
		if after := must1(log.ObjectHead(t.Context(), c.Connector.ID))(t); after != taken || before == 0 {
			t.Errorf("the chain moved from %d over %d to %d", before, taken, after)
		}
	})
}

func TestTheChainOfAConnectorTellsHowItsRunsWent(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		log := audit.On(f.DB(), nil)
		c := f.running(t, store.Full)
		f.importAll(t, c, people(3)...)
		failed := f.runAgain(t, c.Connector, store.Delta)
		must(t, f.Finish(t.Context(), failed.Run.ID, store.Result{Status: store.Failed, Reason: "TIMEOUT", Error: "canary-9"}))
		must(t, f.ReleaseLease(t.Context(), failed.Lease))
		lost := f.runAgain(t, c.Connector, store.Full)
		f.clock.add(time.Hour)
		must1(f.AcquireLease(t.Context(), c.Connector.ID, "another", time.Minute))(t)
		var got []string
		must(t, log.ObjectRecords(t.Context(), c.Connector.ID, 0, func(r audit.ObjectRecord) error {
			line := string(r.Kind)
			if r.Kind != audit.ObjectsChanged {
				line += " " + r.Body
			}
			if strings.Contains(r.Body, "canary") {
				t.Errorf("the text of an error is in %s", r.Body)
			}
			if r.Seq > 5 && r.Run != lost.Run.ID || r.Seq <= 3 && r.Run != c.Run.ID {
				t.Errorf("record %d is of run %s", r.Seq, r.Run)
			}
			got = append(got, line)
			return nil
		}))
		want := []string{
			`started {"by":"ann","instance":"engine of ` + c.Connector.ID + `","kind":"full","trigger":"manual"}`, "changed",
			`ended {"absent":0,"added":3,"failed":0,"reason":"","status":"Succeeded","unchanged":0,"updated":0}`,
			`started {"by":"ann","instance":"engine of ` + c.Connector.ID + `","kind":"delta","trigger":"manual"}`,
			`ended {"absent":0,"added":0,"failed":0,"reason":"TIMEOUT","status":"Failed","unchanged":0,"updated":0}`,
			`started {"by":"ann","instance":"engine of ` + c.Connector.ID + `","kind":"full","trigger":"manual"}`,
			`ended {"absent":0,"added":0,"failed":0,"reason":"INTERRUPTED","status":"Interrupted","unchanged":0,"updated":0}`,
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		must1(log.VerifyChain(t.Context(), audit.ObjectChain(c.Connector.ID), nil))(t)
	})
}
