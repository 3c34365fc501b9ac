package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/identity"
	"github.com/identitymesh/identitymesh/engine/store"
)

func TestAFullImportStoresObjectsAndRecordsItsRun(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		c := f.running(t, store.Full)
		i := f.begin(t, c)
		must1(i.Stage(t.Context(), store.Batch{Objects: people(50)}))(t)
		counts := must1(i.Complete(t.Context(), "w1", true))(t)
		if want := (store.Counts{Added: 50}); counts != want {
			t.Errorf("counts: %+v, want %+v", counts, want)
		}
		run := must1(f.Run(t.Context(), c.Run.ID))(t)
		if run.Status != store.Succeeded || run.Counts.Added != 50 || run.Pages != 1 || run.WatermarkAfter != "w1" ||
			run.TraceID != "trace" || !run.Finished.Equal(f.clock.now()) {
			t.Errorf("run: %+v", run)
		}
		if st := must1(f.State(t.Context(), c.Connector.ID))(t); st.Watermark != "w1" {
			t.Errorf("watermark: %q", st.Watermark)
		}
		if n := must1(f.CountObjects(t.Context(), c.Connector.ID, true))(t); n != 50 {
			t.Errorf("%d objects are present", n)
		}
	})
}

func TestStagingTheSameAgainWritesNoRow(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		c := f.running(t, store.Full)
		f.importAll(t, c, people(300)...)

		again := f.runAgain(t, c.Connector, store.Full)
		f.tally.reset()
		counts := f.importAll(t, again, people(300)...)
		if want := (store.Counts{Unchanged: 300}); counts != want {
			t.Errorf("counts: %+v, want %+v", counts, want)
		}
		for _, statement := range []string{"insert objects", "update objects", "mark absent"} {
			if n := f.tally.statements[statement]; n != 0 {
				t.Errorf("%d statements %q", n, statement)
			}
		}
		if n := f.tally.rows["look up objects"]; n != 300 || f.tally.statements["look up objects"] != 1 {
			t.Errorf("read %d rows in %d look-ups", n, f.tally.statements["look up objects"])
		}
	})
}

func TestADeltaReadsAndWritesOnlyItsOwnRows(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		c := f.running(t, store.Full)
		all := people(2000)
		f.importAll(t, c, all...)

		delta := f.runAgain(t, c.Connector, store.Delta)
		i := f.begin(t, delta)
		changed := append([]identity.Object{}, all[500:600]...)
		for k := range changed[:70] {
			changed[k] = person(changed[k].Anchor, "new name")
		}
		changed = append(changed, people(2010)[2000:]...)
		f.tally.reset()
		counts := must1(i.Stage(t.Context(), store.Batch{Objects: changed, Gone: []string{all[7].Anchor, "never seen"}, Checkpoint: "w2"}))(t)
		if want := (store.Counts{Added: 10, Updated: 70, Unchanged: 30, Absent: 1}); counts != want {
			t.Errorf("counts: %+v, want %+v", counts, want)
		}
		want := map[string]int{"fence": 1, "look up objects": 101, "insert objects": 10, "update objects": 70, "mark absent": 1, "record run": 1}
		if diff := cmp.Diff(want, f.tally.rows); diff != "" {
			t.Errorf("rows touched (-want +got):\n%s", diff)
		}
		must1(i.Complete(t.Context(), "", false))(t)
		if n := must1(f.CountObjects(t.Context(), c.Connector.ID, true))(t); n != 2009 {
			t.Errorf("%d objects are present", n)
		}
	})
}

func TestOnlyACompleteFullImportMakesUnseenObjectsAbsent(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		c := f.running(t, store.Full)
		f.importAll(t, c, people(5000)...)

		c2 := f.runAgain(t, c.Connector, store.Full)
		broken := f.begin(t, c2)
		must1(broken.Stage(t.Context(), store.Batch{Objects: people(10)}))(t)
		must(t, f.Finish(t.Context(), c2.Run.ID, store.Result{Status: store.Failed, Reason: "UNAVAILABLE", Error: "the line broke"}))
		must(t, f.ReleaseLease(t.Context(), c2.Lease))
		if n := must1(f.CountObjects(t.Context(), c.Connector.ID, true))(t); n != 5000 {
			t.Fatalf("after a broken import %d objects are present", n)
		}

		f.clock.add(time.Hour)
		c3 := f.runAgain(t, c.Connector, store.Full)
		i := f.begin(t, c3)
		must1(i.Stage(t.Context(), store.Batch{Objects: people(5000)[100:4900]}))(t)
		must1(i.Stage(t.Context(), store.Batch{Objects: []identity.Object{person("brand new", "x")}}))(t)
		counts := must1(i.Complete(t.Context(), "w", true))(t)
		if want := (store.Counts{Added: 1, Unchanged: 4800, Absent: 200}); counts != want {
			t.Errorf("counts: %+v, want %+v", counts, want)
		}
		all := f.present(t, c.Connector.ID)
		if all["anchor-000000"] || !all["anchor-000100"] || all["anchor-004999"] || !all["brand new"] || len(all) != 5001 {
			t.Errorf("the wrong objects are absent")
		}
		first := must1(f.ListObjects(t.Context(), c.Connector.ID, 0, 1, false))(t)[0]
		if !first.AbsentSince.Equal(f.clock.now()) || first.LastRunID != c3.Run.ID {
			t.Errorf("absent since %s by %s", first.AbsentSince, first.LastRunID)
		}
		must(t, f.ReleaseLease(t.Context(), c3.Lease))

		back := f.importAll(t, f.runAgain(t, c.Connector, store.Delta), people(1)...)
		if want := (store.Counts{Added: 1}); back != want {
			t.Errorf("an object that came back: %+v, want %+v", back, want)
		}
		if again := f.present(t, c.Connector.ID); !again["anchor-000000"] || len(again) != 5001 {
			t.Error("an object that came back is not present once")
		}
	})
}

func TestAnUnreadableEntryNeverMakesAnObjectAbsent(t *testing.T) {
	cases := []struct {
		name     string
		rejected connector.Rejection
		absent   int64
	}{
		{"with its anchor known only that one is kept", connector.Rejection{Entry: "cn=0", Anchor: "anchor-000000", Reason: "no type"}, 2},
		{"without an anchor all are kept", connector.Rejection{Entry: "cn=?", Reason: "no objectGUID"}, 0},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			onEach(t, func(t *testing.T, b backend) {
				f := b.open(t)
				c := f.running(t, store.Full)
				f.importAll(t, c, people(5)...)
				c2 := f.runAgain(t, c.Connector, store.Full)
				i := f.begin(t, c2)
				must1(i.Stage(t.Context(), store.Batch{Objects: people(5)[3:], Rejected: []connector.Rejection{tc.rejected}}))(t)
				counts := must1(i.Complete(t.Context(), "", true))(t)
				if counts.Absent != tc.absent || counts.Failed != 1 {
					t.Errorf("counts: %+v", counts)
				}
				if !f.present(t, c.Connector.ID)["anchor-000000"] {
					t.Error("the unreadable object is absent")
				}
				logs := must1(f.ListLogs(t.Context(), c2.Run.ID, 0, 10))(t)
				if len(logs) == 0 || logs[0].Message != tc.rejected.Reason || logs[0].Entry != tc.rejected.Entry {
					t.Errorf("log: %+v", logs)
				}
				if tc.absent == 0 && (len(logs) != 2 || !strings.Contains(logs[1].Message, "no object was marked absent")) {
					t.Errorf("log: %+v", logs)
				}
			})
		})
	}
}

func TestAPageThatBreaksOffLeavesEverythingAsItWas(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		c := f.running(t, store.Delta)
		i := f.begin(t, c)
		must1(i.Stage(t.Context(), store.Batch{Objects: people(5), Checkpoint: "w1"}))(t)
		ctx, cancel := context.WithCancel(t.Context())
		f.tally.onInsert = cancel
		if _, err := i.Stage(ctx, store.Batch{Objects: people(3000), Checkpoint: "w2"}); !errors.Is(err, context.Canceled) {
			t.Fatalf("the page: %v, want that it was cancelled", err)
		}
		f.tally.onInsert = nil
		f.stillAtPageOne(t, c)
		if _, err := i.Stage(t.Context(), store.Batch{Objects: people(1)}); err == nil {
			t.Error("a page was taken after one that failed")
		}
		if _, err := i.Complete(t.Context(), "w3", false); err == nil {
			t.Error("the import completed after a page that failed")
		}
		f.stillAtPageOne(t, c)
	})
}

// stillAtPageOne checks that only a page of five objects and the checkpoint w1
// was ever committed.
func (f *fixture) stillAtPageOne(t *testing.T, c store.Claimed) {
	t.Helper()
	if st := must1(f.State(t.Context(), c.Connector.ID))(t); st.Watermark != "w1" {
		t.Errorf("watermark: %q", st.Watermark)
	}
	if n := must1(f.CountObjects(t.Context(), c.Connector.ID, false))(t); n != 5 {
		t.Errorf("%d objects are stored", n)
	}
	run := must1(f.Run(t.Context(), c.Run.ID))(t)
	if run.WatermarkAfter != "w1" || run.Counts.Added != 5 || run.Pages != 1 || run.Status != store.Running {
		t.Errorf("run: %+v", run)
	}
}

func TestWhoLostTheLeaseCannotCommit(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		cl := newClock()
		slow, fast := b.openAt(t, cl), b.openAt(t, cl)
		c := slow.running(t, store.Full)
		i := slow.begin(t, c)
		must1(i.Stage(t.Context(), store.Batch{Objects: people(3), Checkpoint: "w1"}))(t)

		cl.add(2 * time.Minute) // the lease of a minute is over
		lease := must1(fast.AcquireLease(t.Context(), c.Connector.ID, "other", time.Minute))(t)
		if lease.Token <= c.Lease.Token {
			t.Errorf("the token went from %d to %d", c.Lease.Token, lease.Token)
		}
		_, err := i.Stage(t.Context(), store.Batch{Objects: people(9), Checkpoint: "w2"})
		fenced(t, "stage", err)
		_, err = slow.BeginImport(t.Context(), importOf(c))
		fenced(t, "begin", err)
		_, err = slow.RenewLease(t.Context(), c.Lease, time.Minute)
		fenced(t, "renew", err)
		fenced(t, "release", slow.ReleaseLease(t.Context(), c.Lease))
		fenced(t, "finish", slow.Finish(t.Context(), c.Run.ID, store.Result{Status: store.Failed}))

		st := must1(fast.State(t.Context(), c.Connector.ID))(t)
		if st.Watermark != "w1" || st.Lease != lease {
			t.Errorf("state: %+v", st)
		}
		if run := must1(fast.Run(t.Context(), c.Run.ID))(t); run.Status != store.Interrupted || run.Reason != store.ReasonInterrupted {
			t.Errorf("the run that was left behind: %+v", run)
		}
		if n := must1(fast.CountObjects(t.Context(), c.Connector.ID, false))(t); n != 3 {
			t.Errorf("%d objects are stored", n)
		}
	})
}

func TestCompletingAfterTheLeaseWasLostChangesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		c := f.running(t, store.Full)
		f.importAll(t, c, people(10)...)
		c2 := f.runAgain(t, c.Connector, store.Full)
		i := f.begin(t, c2)
		must1(i.Stage(t.Context(), store.Batch{Objects: people(1)}))(t)
		f.clock.add(time.Hour)
		must1(f.AcquireLease(t.Context(), c.Connector.ID, "other", time.Minute))(t)
		_, err := i.Complete(t.Context(), "w2", true)
		fenced(t, "complete", err)
		if n := must1(f.CountObjects(t.Context(), c.Connector.ID, true))(t); n != 10 {
			t.Errorf("%d objects are present", n)
		}
	})
}

func fenced(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrFenced) {
		t.Errorf("%s: %v, want ErrFenced", what, err)
	}
}

func TestAnAnchorIsNeverStoredTwice(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		c := f.running(t, store.Full)
		i := f.begin(t, c)
		counts := must1(i.Stage(t.Context(), store.Batch{Objects: []identity.Object{
			person("a", "first"), person("b", "x"), person("a", "last"), person("A", "other case"), person("a ", "other blank"),
		}}))(t)
		if counts.Added != 4 {
			t.Errorf("counts: %+v", counts)
		}
		must1(i.Stage(t.Context(), store.Batch{Objects: []identity.Object{person("a", "last"), person("b", "y")}}))(t)
		must1(i.Complete(t.Context(), "", true))(t)
		if got, want := f.present(t, c.Connector.ID), (map[string]bool{"a": true, "b": true, "A": true, "a ": true}); !cmp.Equal(got, want) {
			t.Errorf("stored: %v", got)
		}
		for _, o := range must1(f.ListObjects(t.Context(), c.Connector.ID, 0, 10, true))(t) {
			want := map[string]string{"a": "last", "b": "y", "A": "other case", "a ": "other blank"}[o.Anchor]
			if got := o.Get("displayName"); len(got) != 1 || got[0] != want {
				t.Errorf("%q: %q, want %q", o.Anchor, got, want)
			}
		}
	})
}

func TestWhatCannotBeStoredIsRejectedAndCounted(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		c := f.running(t, store.Full)
		i := f.begin(t, c)
		longest := strings.Repeat("é", 800)
		bad := []identity.Object{person("", "x"), person(longest+"e", "x"), person("\xff", "x"), person("nul\x00", "x"), {Anchor: "t", Type: strings.Repeat("t", 257)}}
		counts := must1(i.Stage(t.Context(), store.Batch{Objects: append(bad, person(longest, "x"))}))(t)
		if want := (store.Counts{Added: 1, Failed: 5}); counts != want {
			t.Errorf("counts: %+v, want %+v", counts, want)
		}
		var rejected []connector.Rejection
		for k := range 1200 {
			rejected = append(rejected, connector.Rejection{Entry: fmt.Sprint(k), Reason: "bad"})
		}
		must1(i.Stage(t.Context(), store.Batch{Rejected: rejected}))(t)
		must1(i.Stage(t.Context(), store.Batch{Rejected: rejected}))(t)
		if run := must1(f.Run(t.Context(), c.Run.ID))(t); run.Counts.Failed != 2405 {
			t.Errorf("the run counts %d", run.Counts.Failed)
		}
		logs := must1(f.ListLogs(t.Context(), c.Run.ID, 0, 5000))(t)
		if len(logs) != 1001 || !strings.Contains(logs[1000].Message, "only the first 1000") {
			t.Errorf("%d lines are logged", len(logs))
		}
	})
}

func TestAttributesComeBackAsTheyWere(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		c := f.running(t, store.Full)
		o := identity.Object{Anchor: `o"\é😀`, Type: "user", Attributes: []identity.Attribute{
			{Name: "b", Values: []string{"", "quote \" backslash \\ slash /", "tab\tline\nreturn\r", "\x00\x01\x1f\x7f", "emoji 😀 \u2028"}},
			{Name: `a "b"`, Values: []string{"x", "x"}},
			{Name: "empty"},
			{Name: "broken", Values: []string{"a\xffb\xc3", "\xed\xa0\x80"}},
		}}
		o.Normalize()
		f.importAll(t, c, o)
		stored := must1(f.ListObjects(t.Context(), c.Connector.ID, 0, 10, true))(t)[0]
		want := o
		want.Attributes = append([]identity.Attribute{}, o.Attributes...)
		for k, a := range want.Attributes {
			if a.Name == "broken" {
				want.Attributes[k].Values = []string{"a\ufffdb\ufffd", "\ufffd\ufffd\ufffd"}
			}
		}
		if diff := cmp.Diff(want, stored.Object); diff != "" {
			t.Errorf("object (-want +got):\n%s", diff)
		}
		if again := f.importAll(t, f.runAgain(t, c.Connector, store.Full), o); again.Unchanged != 1 {
			t.Errorf("the same again: %+v", again)
		}
	})
}

func TestWithoutItsLeaseARunningImportCannotCommitEither(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		c := f.running(t, store.Full)
		begun, ended := f.begin(t, c), f.begin(t, c)
		must(t, f.ReleaseLease(t.Context(), c.Lease))
		_, err := begun.Stage(t.Context(), store.Batch{Objects: people(1), Checkpoint: "w"})
		fenced(t, "stage", err)
		_, err = ended.Complete(t.Context(), "w", true)
		fenced(t, "complete", err)
		if st := must1(f.State(t.Context(), c.Connector.ID))(t); st.Watermark != "" {
			t.Errorf("watermark: %q", st.Watermark)
		}
	})
}
