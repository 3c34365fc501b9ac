package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
)

func TestTwoEnginesNeverClaimTheSameRun(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		cl := newClock()
		engines := []*fixture{b.openAt(t, cl), b.openAt(t, cl)}
		const connectors = 12
		instance := name(t) // both use one name, which claims must survive too
		for range connectors {
			c := engines[0].connector(t)
			c.InstanceName = instance
			must1(engines[0].UpdateConnector(t.Context(), c))(t)
			for _, kind := range []store.Kind{store.Full, store.Delta} {
				_, _, err := engines[0].Enqueue(t.Context(), store.NewRun{ConnectorID: c.ID, Kind: kind, Trigger: store.Manual})
				must(t, err)
			}
		}
		ctx := soon(t)
		var mu sync.Mutex
		var wg sync.WaitGroup
		claimed, working := map[string]int{}, map[string]bool{}
		for n, f := range engines {
			for worker := range 3 {
				who := store.Claimant{Instance: instance, Incarnation: fmt.Sprint(n, worker), TTL: time.Minute}
				wg.Go(func() {
					for ctx.Err() == nil {
						c, ok, err := f.Claim(ctx, who)
						if err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						done := len(claimed) == 2*connectors
						if ok && working[c.Connector.ID] {
							t.Errorf("two runs of %s at once", c.Connector.Name)
						}
						if ok {
							claimed[c.Run.ID]++
							working[c.Connector.ID] = true
						}
						mu.Unlock()
						if !ok && done {
							return
						}
						if !ok {
							continue
						}
						i, err := f.BeginImport(ctx, importOf(c))
						if err == nil {
							_, err = i.Complete(ctx, "", false)
						}
						mu.Lock()
						working[c.Connector.ID] = false
						mu.Unlock()
						if err = errors.Join(err, f.ReleaseLease(ctx, c.Lease)); err != nil {
							t.Error(err)
						}
					}
				})
			}
		}
		wg.Wait()
		if len(claimed) != 2*connectors {
			t.Errorf("%d of %d runs were claimed", len(claimed), 2*connectors)
		}
		for id, times := range claimed {
			if times != 1 {
				t.Errorf("run %s was claimed %d times", id, times)
			}
		}
	})
}

func TestClaimTakesTheOldestRunThatIsOurs(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		me, other := name(t), name(t)
		enqueue := func(assigned string) store.Run {
			c := f.connector(t)
			c.InstanceName = assigned
			must1(f.UpdateConnector(t.Context(), c))(t)
			run, created, err := f.Enqueue(t.Context(), store.NewRun{ConnectorID: c.ID, Kind: store.Full, Trigger: store.Manual})
			must(t, err)
			if !created {
				t.Fatal("the run was not queued")
			}
			return run
		}
		enqueue(other)
		disabled, first, second := enqueue(me), enqueue(me), enqueue(strings.ToUpper(me))
		c := must1(f.Connector(t.Context(), disabled.ConnectorID))(t)
		c.Enabled = false
		must1(f.UpdateConnector(t.Context(), c))(t)

		who := store.Claimant{Instance: me, Incarnation: "1", TTL: time.Minute}
		for _, want := range []store.Run{first, second} {
			got, ok, err := f.Claim(t.Context(), who)
			must(t, err)
			if !ok || got.Run.ID != want.ID {
				t.Fatalf("claimed %+v, want %s", got.Run, want.ID)
			}
			if got.Run.Status != store.Running || got.Run.Instance != me || got.Lease.Holder != who.Holder() ||
				!got.Lease.Expires.Equal(f.clock.now().Add(time.Minute)) || got.Connector.ID != want.ConnectorID {
				t.Errorf("claimed: %+v", got)
			}
		}
		if got, ok, err := f.Claim(t.Context(), who); ok || err != nil {
			t.Errorf("claimed %+v, %v, want nothing", got, err)
		}
	})
}

func TestARunIsQueuedOncePerKind(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		c := f.connector(t)
		ask := func(kind store.Kind) (store.Run, bool) {
			run, created, err := f.Enqueue(t.Context(), store.NewRun{ConnectorID: c.ID, Kind: kind, Trigger: store.Manual, RequestedBy: "ann"})
			must(t, err)
			return run, created
		}
		first, _ := ask(store.Full)
		if same, created := ask(store.Full); created || same.ID != first.ID {
			t.Errorf("a second full run was queued: %+v", same)
		}
		if _, created := ask(store.Delta); !created {
			t.Error("a delta run was not queued beside a full one")
		}
		must(t, must2(f.Cancel(t.Context(), first.ID, "ann")))
		if err := must2(f.Cancel(t.Context(), first.ID, "ann")); !errors.Is(err, store.ErrConflict) {
			t.Errorf("cancelled twice: %v", err)
		}
		if err := must2(f.Cancel(t.Context(), "no such", "ann")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("cancelled nothing: %v", err)
		}
		if again, created := ask(store.Full); !created || again.Seq <= first.Seq {
			t.Errorf("after the cancel: %+v", again)
		}
		if _, _, err := f.Enqueue(t.Context(), store.NewRun{ConnectorID: "no such", Kind: store.Full}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a run of no connector: %v", err)
		}
		if _, _, err := f.Enqueue(t.Context(), store.NewRun{ConnectorID: c.ID, Kind: "half"}); err == nil {
			t.Error("a run of no kind was queued")
		}
		c.Enabled = false
		must1(f.UpdateConnector(t.Context(), c))(t)
		if _, _, err := f.Enqueue(t.Context(), store.NewRun{ConnectorID: c.ID, Kind: store.Full}); !errors.Is(err, store.ErrDisabled) {
			t.Errorf("a run of a disabled connector: %v", err)
		}
	})
}

func TestALeaseIsHeldByOneUntilItExpires(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		id := f.connector(t).ID
		lease := must1(f.AcquireLease(t.Context(), id, "a", time.Minute))(t)
		for _, holder := range []string{"a", "b"} {
			var leased *store.LeasedError
			if _, err := f.AcquireLease(t.Context(), id, holder, time.Minute); !errors.As(err, &leased) ||
				leased.Holder != "a" || !leased.Until.Equal(lease.Expires) {
				t.Errorf("%s acquires what a holds: %v", holder, err)
			}
		}
		f.clock.add(50 * time.Second)
		lease = must1(f.RenewLease(t.Context(), lease, time.Minute))(t)
		f.clock.add(50 * time.Second)
		if _, err := f.AcquireLease(t.Context(), id, "b", time.Minute); err == nil {
			t.Error("a renewed lease was taken")
		}
		must(t, f.ReleaseLease(t.Context(), lease))
		next := must1(f.AcquireLease(t.Context(), id, "b", time.Minute))(t)
		if next.Token <= lease.Token {
			t.Errorf("the token went from %d to %d", lease.Token, next.Token)
		}
		if _, err := f.AcquireLease(t.Context(), "no such", "b", time.Minute); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a lease on nothing: %v", err)
		}
	})
}

func TestARestartedInstanceInterruptsOnlyItsOwnOrphans(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		mine, others := f.running(t, store.Full), f.running(t, store.Full)
		if n := must1(f.InterruptOrphans(t.Context(), mine.Run.Instance, "1"))(t); n != 0 {
			t.Errorf("interrupted %d runs of the incarnation itself", n)
		}
		i := f.begin(t, mine)
		if n := must1(f.InterruptOrphans(t.Context(), strings.ToUpper(mine.Run.Instance), "2"))(t); n != 1 {
			t.Errorf("interrupted %d runs", n)
		}
		_, err := i.Stage(t.Context(), store.Batch{Objects: people(1)})
		fenced(t, "the old incarnation", err)
		statuses := []store.Status{must1(f.Run(t.Context(), mine.Run.ID))(t).Status, must1(f.Run(t.Context(), others.Run.ID))(t).Status}
		if want := []store.Status{store.Interrupted, store.Running}; !slices.Equal(statuses, want) {
			t.Errorf("statuses: %v, want %v", statuses, want)
		}
		must1(f.AcquireLease(t.Context(), mine.Connector.ID, "next", time.Minute))(t)
	})
}

func TestAFailedRunKeepsTheWordsOfItsError(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		c := f.running(t, store.Full)
		long := strings.Repeat("ä", 5000)
		must(t, f.Finish(t.Context(), c.Run.ID, store.Result{Status: store.Failed, Reason: "AUTH_FAILED", Error: "\xff" + long, TraceID: "t1"}))
		run := must1(f.Run(t.Context(), c.Run.ID))(t)
		if run.Status != store.Failed || run.Reason != "AUTH_FAILED" || run.TraceID != "t1" || run.WatermarkAfter != "" {
			t.Errorf("run: %+v", run)
		}
		if len(run.Error) > 8<<10 || len(run.Error) < 8000 || !strings.HasPrefix(run.Error, "\ufffdää") || !strings.HasSuffix(run.Error, "ä…") {
			t.Errorf("error of %d bytes: %.20q", len(run.Error), run.Error)
		}
		fenced(t, "finished twice", f.Finish(t.Context(), c.Run.ID, store.Result{Status: store.Cancelled}))
		if err := f.Finish(t.Context(), c.Run.ID, store.Result{Status: store.Succeeded}); err == nil {
			t.Error("a run succeeded without completing")
		}
	})
}

func TestRunsAreListedNewestFirst(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f := b.open(t)
		c := f.connector(t)
		var want []string
		for range 5 {
			run, _, err := f.Enqueue(t.Context(), store.NewRun{ConnectorID: c.ID, Kind: store.Full, Trigger: store.Manual})
			must(t, err)
			must(t, must2(f.Cancel(t.Context(), run.ID, "ann")))
			want = append([]string{run.ID}, want...)
		}
		var got []string
		filter := store.RunFilter{ConnectorID: c.ID, Status: store.Cancelled}
		for p, more := (store.Paging{Limit: 2}), true; more; more = p.After != nil {
			page, next, err := f.PageRuns(t.Context(), filter, p)
			must(t, err)
			for _, r := range page {
				got = append(got, r.ID)
			}
			p.After = next
		}
		if !slices.Equal(got, want) {
			t.Errorf("listed %v, want %v", got, want)
		}
		filter = store.RunFilter{ConnectorID: c.ID, Status: store.Running}
		if none := must1(f.ListRuns(t.Context(), filter, 2))(t); len(none) != 0 {
			t.Errorf("running: %+v", none)
		}
	})
}
