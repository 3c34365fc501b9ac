package live_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/live"
	"github.com/identitymesh/identitymesh/engine/store"
)

// database has runs in memory, and counts the looks at it.
type database struct {
	mu    sync.Mutex
	runs  []store.Run // by Seq, from 1
	lines []store.Log
	looks int
	fails error
}

func (d *database) locked(do func()) { d.mu.Lock(); defer d.mu.Unlock(); do() }

func (d *database) add(status store.Status) (r store.Run) {
	d.locked(func() {
		r = store.Run{Seq: int64(len(d.runs)) + 1, Status: status}
		r.ID = fmt.Sprintf("run-%d", r.Seq)
		d.runs = append(d.runs, r)
	})
	return r
}

func (d *database) set(r store.Run, change func(*store.Run)) {
	d.locked(func() { change(&d.runs[r.Seq-1]) })
}

func (d *database) log(r store.Run) {
	d.locked(func() { d.lines = append(d.lines, store.Log{ID: int64(len(d.lines)) + 1, RunID: r.ID}) })
}

func (d *database) count() (n int) { d.locked(func() { n = d.looks }); return n }

func (d *database) NewestRun(context.Context) (n int64, err error) {
	d.locked(func() { n, err = int64(len(d.runs)), d.fails })
	return n, err
}

func (d *database) QueuedRuns(_ context.Context, limit int) (list []int64, err error) {
	d.locked(func() {
		d.looks++
		err = d.fails
		for _, r := range d.runs {
			if r.Status == store.Queued && len(list) < limit {
				list = append(list, r.Seq)
			}
		}
	})
	return list, err
}

func (d *database) pick(which func(store.Run) bool) (list []store.Run, err error) {
	d.locked(func() {
		err = d.fails
		for _, r := range d.runs {
			if which(r) {
				list = append(list, r)
			}
		}
	})
	return list, err
}

func (d *database) RunsAfter(_ context.Context, seq int64, limit int) ([]store.Run, error) {
	list, err := d.pick(func(r store.Run) bool { return r.Seq > seq })
	return list[:min(limit, len(list))], err
}

func (d *database) RunsBySeq(_ context.Context, seqs []int64) ([]store.Run, error) {
	return d.pick(func(r store.Run) bool { return slices.Contains(seqs, r.Seq) })
}

func (d *database) ListRuns(_ context.Context, f store.RunFilter, _ int) ([]store.Run, error) {
	return d.pick(func(r store.Run) bool { return r.Status == f.Status })
}

func (d *database) LogsAfter(_ context.Context, runs map[string]int64, _ int) (list []store.Log, err error) {
	d.locked(func() {
		for _, l := range d.lines {
			if after, wanted := runs[l.RunID]; wanted && l.ID > after {
				list = append(list, l)
			}
		}
	})
	return list, err
}

func finished(r *store.Run) { r.Status, r.Finished = store.Succeeded, time.Unix(1, 0) }

const linger = 10 * time.Second

func broadcast(t *testing.T, test func(t *testing.T, d *database, b *live.Broadcaster)) {
	synctest.Test(t, func(t *testing.T) {
		d, epoch := &database{}, 0
		b := live.New(live.Config{
			Source: d, Poll: time.Second, Linger: linger, Logger: slog.New(slog.DiscardHandler),
			Run:   func(r store.Run) []byte { return fmt.Appendf(nil, "%s %s", r.ID, r.Status) },
			Log:   func(l store.Log) []byte { return fmt.Appendf(nil, "line %d", l.ID) },
			NewID: func() string { epoch++; return fmt.Sprintf("epoch%d", epoch) },
		})
		defer b.Close()
		test(t, d, b)
	})
}

// heard returns what a listener was told so far.
func heard(l *live.Listener) (all []string) {
	for {
		select {
		case news, open := <-l.News:
			if !open {
				return append(all, "let go")
			}
			for _, x := range news.Lines {
				all = append(all, string(x.JSON))
			}
			for _, c := range news.Changes {
				all = append(all, string(c.JSON))
			}
		default:
			return all
		}
	}
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q instead of %q", what, got, want)
	}
}

func TestOneLookServesAllAndNobodyNeedsNone(t *testing.T) {
	broadcast(t, func(t *testing.T, d *database, b *live.Broadcaster) {
		time.Sleep(time.Minute)
		if n := d.count(); n != 0 {
			t.Errorf("%d looks for nobody", n)
		}
		var all []*live.Listener
		for range 100 {
			all = append(all, b.Follow(), b.Listen("run-1"))
		}
		time.Sleep(9500 * time.Millisecond)
		if n := d.count(); n != 10 {
			t.Errorf("%d looks in 10 s", n)
		}
		for _, l := range all {
			l.Leave()
		}
		time.Sleep(linger + 2*time.Second)
		before := d.count()
		time.Sleep(time.Minute)
		if n := d.count(); n != before || b.Listeners() != 0 {
			t.Errorf("%d looks after all left, %d listeners", n-before, b.Listeners())
		}
	})
}

func TestEachChangeIsToldOnce(t *testing.T) {
	broadcast(t, func(t *testing.T, d *database, b *live.Broadcaster) {
		old, waiting := d.add(store.Running), d.add(store.Queued)
		all, one, other := b.Follow(), b.Listen(old.ID), b.Listen("elsewhere")
		<-all.Ready
		one.Lines(0)
		missed, reset := all.Missed("")
		if len(missed) != 1 || string(missed[0].JSON) != "run-1 Running" || reset {
			t.Errorf("at first %+v, %v", missed, reset)
		}
		look := func() { time.Sleep(1500 * time.Millisecond) }
		look()
		expect(t, "nothing changed", heard(all))
		fresh := d.add(store.Queued)
		look()
		expect(t, "queued", heard(all), "run-3 Queued")
		d.set(waiting, func(r *store.Run) { r.Status = store.Running })
		d.set(fresh, func(r *store.Run) { r.Status = store.Cancelled; r.Finished = time.Unix(1, 0) })
		d.set(old, func(r *store.Run) { r.Counts.Added = 7 })
		d.log(old)
		look()
		expect(t, "all", heard(all), "run-1 Running", "run-2 Running", "run-3 Cancelled")
		expect(t, "one", heard(one), "line 1", "run-1 Running")
		d.set(old, finished)
		quick := d.add(store.Queued)
		d.set(quick, finished)
		look()
		look()
		expect(t, "ended", heard(all), "run-1 Succeeded", "run-4 Succeeded")
		expect(t, "one ended", heard(one), "run-1 Succeeded")
		expect(t, "another", heard(other))
	})
}

func TestWhoComesBackIsToldWhatHeMissedAsFarAsThatIsKnown(t *testing.T) {
	broadcast(t, func(t *testing.T, d *database, b *live.Broadcaster) {
		r := d.add(store.Running)
		l := b.Follow()
		<-l.Ready
		var position live.Position
		for n := range int64(3) {
			d.set(r, func(r *store.Run) { r.Pages = n + 1 })
			time.Sleep(time.Second)
			if n == 0 {
				time.Sleep(100 * time.Millisecond)
				news := <-l.News
				position = b.Position(news.Changes[0])
			}
		}
		l.Leave()
		d.set(r, finished)
		time.Sleep(linger / 2)
		l = b.Follow()
		if missed, reset := l.Missed(position); reset || len(missed) != 3 || string(missed[2].JSON) != "run-1 Succeeded" {
			t.Errorf("missed %+v, %v", missed, reset)
		}
		l.Leave()
		time.Sleep(linger + 2*time.Second)
		l = b.Follow()
		<-l.Ready
		for _, since := range []live.Position{position, "epoch2.9", "x", "epoch2.x"} {
			if missed, reset := l.Missed(since); !reset || len(missed) != 0 {
				t.Errorf("since %s: %+v, %v", since, missed, reset)
			}
		}
	})
}

func TestAListenerThatDoesNotKeepUpIsLetGoAndHoldsUpNobody(t *testing.T) {
	broadcast(t, func(t *testing.T, d *database, b *live.Broadcaster) {
		r := d.add(store.Running)
		slow, quick := b.Follow(), b.Follow()
		<-slow.Ready
		for n := range int64(100) {
			d.set(r, func(r *store.Run) { r.Pages = n + 1 })
			time.Sleep(time.Second)
			synctest.Wait()
			expect(t, "the quick one", heard(quick), "run-1 Running")
		}
		if got := heard(slow); len(got) > 20 || got[len(got)-1] != "let go" || b.Listeners() != 1 {
			t.Errorf("the slow one heard %q", got)
		}
		slow.Leave()
	})
}

func TestADatabaseThatFailsIsLookedAtAgain(t *testing.T) {
	broadcast(t, func(t *testing.T, d *database, b *live.Broadcaster) {
		r := d.add(store.Running)
		d.locked(func() { d.fails = errors.New("away") })
		l := b.Follow()
		time.Sleep(5 * time.Second)
		select {
		case <-l.Ready:
			t.Error("it is ready without having looked")
		default:
		}
		d.locked(func() { d.fails = nil })
		<-l.Ready
		d.locked(func() { d.fails = errors.New("away") })
		time.Sleep(5 * time.Second)
		d.set(r, finished)
		d.locked(func() { d.fails = nil })
		time.Sleep(2 * time.Second)
		expect(t, "when it is back", heard(l), "run-1 Succeeded")
	})
}
