package vault_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

// inTenSeconds is the most requests of a method that any ten seconds saw.
func (s *stub) inTenSeconds(method string) (most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var window []time.Time
	for _, r := range s.seen {
		if r.method == method {
			window = append(window, r.at)
		}
		for len(window) > 0 && r.at.Sub(window[0]) >= 10*time.Second {
			window = window[1:]
		}
		most = max(most, len(window))
	}
	return most
}

// fromMany makes n calls from 64 callers and returns how long that took.
func fromMany(n int, call func(i int) error) (time.Duration, error) {
	began := time.Now()
	next := make(chan int)
	errs := make([]error, n)
	var callers sync.WaitGroup
	for range 64 {
		callers.Go(func() {
			for i := range next {
				errs[i] = call(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	callers.Wait()
	return time.Since(began), errors.Join(errs...)
}

func TestNoTenSecondsSeeMoreRequestsThanTheServiceTakes(t *testing.T) {
	for name, c := range map[string]struct {
		method       string
		calls, limit int
		// least is how many of the limit are used in the long run.
		least float64
		call  func(*vault.Client, context.Context, int) error
	}{
		"reads": {"GET", 12_000, 4000, 0.95, func(c *vault.Client, ctx context.Context, i int) error {
			_, _, err := c.Get(ctx, target(fmt.Sprintf("s%d", i)), "")
			return err
		}},
		"sets": {"PUT", 900, 300, 0.95, func(c *vault.Client, ctx context.Context, i int) error {
			_, err := c.Set(ctx, target(fmt.Sprintf("s%d", i)), vault.Write{Text: value, ContentType: "text/plain"})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stub{}
				client := s.warm(t, time.Minute)
				took, err := fromMany(c.calls, func(i int) error { return c.call(client, t.Context(), i) })
				if err != nil {
					t.Fatal(err)
				}
				if n := s.inTenSeconds(c.method); n > c.limit {
					t.Errorf("%d requests in ten seconds, and the service takes %d", n, c.limit)
				}
				if used := float64(c.calls) / took.Seconds() * 10 / float64(c.limit); used < c.least {
					t.Errorf("%.0f %% of the limit were used, want %.0f at least", 100*used, 100*c.least)
				}
			})
		})
	}
}

func TestACallThatWouldWaitPastItsDeadlineIsThrottledAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{}
		client := s.warm(t, time.Minute)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		// The bucket's fill, and then a second's rate, are done; the rest is told.
		_, err := fromMany(64*16, func(i int) error {
			_, _, err := client.Get(short, target(fmt.Sprintf("s%d", i)), "")
			return err
		})
		wantFault(t, err, fault.Throttled, "this process", "get s")
		if short.Err() != nil {
			t.Error("the deadline had passed, so nobody hears the reason")
		}
	})
}
