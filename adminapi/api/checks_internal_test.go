package api

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/identitymesh/identitymesh/sdk/provider"
)

// counting is a provider that takes its time and counts how often it is checked.
type counting struct {
	n   atomic.Int64
	err error
}

func (c *counting) check(ctx context.Context) (provider.CheckReport, error) {
	c.n.Add(1)
	select {
	case <-time.After(time.Second):
		return provider.CheckReport{Target: "memory"}, c.err
	case <-ctx.Done():
		return provider.CheckReport{}, ctx.Err()
	}
}

func TestManyWhoAskAtOnceShareOneCheck(t *testing.T) {
	for _, failure := range []error{nil, errors.New("throttled")} {
		synctest.Test(t, func(t *testing.T) {
			c, p := &checks{now: time.Now}, &counting{err: failure}
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					if r, err := c.get(t.Context(), p.check); r.Target != "memory" || !errors.Is(err, failure) {
						t.Errorf("%+v, %v", r, err)
					}
				})
			}
			all.Wait()
			for after, want := range []int64{1, 1, 2} { // at once, after a second, after two
				if _, err := c.get(t.Context(), p.check); !errors.Is(err, failure) || p.n.Load() != want {
					t.Errorf("%d s later: %d checks, %v", after, p.n.Load(), err)
				}
				time.Sleep(time.Second)
			}
			c.forget()
			if _, _ = c.get(t.Context(), p.check); p.n.Load() != 3 {
				t.Errorf("%d checks after a reload", p.n.Load())
			}
		})
	}
}

func TestACheckGoesOnForOthersWhenWhoBeganItLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := &checks{now: time.Now}, &counting{}
		leaves, leave := context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		go func() { _, _ = c.get(leaves, p.check) }()
		synctest.Wait()
		impatient, stop := context.WithTimeout(t.Context(), 2*time.Millisecond)
		defer stop()
		if _, err := c.get(impatient, p.check); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who does not wait gets %v", err)
		}
		if r, err := c.get(t.Context(), p.check); err != nil || r.Target != "memory" || p.n.Load() != 1 {
			t.Errorf("%+v, %v after %d checks", r, err, p.n.Load())
		}
	})
}

func TestACheckThatPanicsOrHangsLetsNobodyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checks{now: time.Now}
		func() {
			defer func() { _ = recover() }()
			_, _ = c.get(t.Context(), func(context.Context) (provider.CheckReport, error) { panic("a defect") })
		}()
		if _, err := c.get(t.Context(), (&counting{}).check); err == nil {
			t.Error("a check that did not end went well")
		}
		c.forget()
		begun := time.Now()
		_, err := c.get(t.Context(), func(ctx context.Context) (provider.CheckReport, error) {
			<-ctx.Done()
			return provider.CheckReport{}, ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != checkLimit {
			t.Errorf("it hung for %s: %v", time.Since(begun), err)
		}
	})
}
