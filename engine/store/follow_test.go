package store_test

import (
	"testing"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/store"
)

func TestRunsCanBeFollowed(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		last := must1(f.NewestRun(t.Context()))(t)
		one, two := f.running(t, store.Full), f.running(t, store.Full)
		queued, _, err := f.Enqueue(t.Context(), store.NewRun{ConnectorID: f.connector(t).ID, Kind: store.Full, Trigger: store.Manual})
		must(t, err)
		ours := func(list []store.Run) (n int) {
			for _, r := range list {
				if r.ID == one.Run.ID || r.ID == two.Run.ID || r.ID == queued.ID {
					n++
				}
			}
			return n
		}
		if fresh := must1(f.RunsAfter(t.Context(), last, 1000))(t); ours(fresh) != 3 {
			t.Errorf("%d of ours are new", ours(fresh))
		}
		if some := must1(f.RunsBySeq(t.Context(), []int64{queued.Seq, one.Run.Seq, 1 << 60}))(t); len(some) != 2 || some[0].ID != one.Run.ID {
			t.Errorf("by seq %+v", some)
		}
		if none := must1(f.RunsBySeq(t.Context(), nil))(t); len(none) != 0 {
			t.Errorf("of no seq %+v", none)
		}
		found := false
		for _, seq := range must1(f.QueuedRuns(t.Context(), 10000))(t) {
			found = found || seq == queued.Seq
			if seq == one.Run.Seq {
				t.Error("one that runs is queued")
			}
		}
		if !found {
			t.Error("the queued one is not")
		}
	})
}

func TestTheLogsOfSomeRunsAreReadFromWhereEachIs(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		one, two, other := f.running(t, store.Full), f.running(t, store.Full), f.running(t, store.Full)
		for _, c := range []store.Claimed{one, two, other, one, two, other} {
			must1(f.begin(t, c).Stage(t.Context(), store.Batch{Rejected: []connector.Rejection{{Entry: "e", Reason: "r"}}}))(t)
		}
		first := must1(f.ListLogs(t.Context(), one.Run.ID, 0, 10))(t)[0].ID
		got := must1(f.LogsAfter(t.Context(), map[string]int64{one.Run.ID: first, two.Run.ID: 0, "none": 0}, 10))(t)
		if len(got) != 3 || got[0].RunID != two.Run.ID || got[1].RunID != one.Run.ID || got[2].RunID != two.Run.ID || got[1].ID <= first {
			t.Errorf("%+v", got)
		}
		if got := must1(f.LogsAfter(t.Context(), nil, 10))(t); len(got) != 0 {
			t.Errorf("of no run %+v", got)
		}
	})
}
