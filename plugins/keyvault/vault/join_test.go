package vault_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

// read is what the provider does for a value.
func read(ctx context.Context, c *vault.Client, name, version string) (string, error) {
	r, err := c.Read(ctx, target(name), version, func(ctx context.Context) (r vault.Reading, err error) {
		r.Text, r.Properties, err = c.Get(ctx, target(name), version)
		return r, err
	})
	return r.Text, err
}

// slowly answers after d, with what text returns when the request arrives, as the
// vault and a long way back do.
func slowly(d time.Duration, text func() string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		then := text()
		select {
		case <-time.After(d):
			return secretNamed(r, then), nil
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

func constant() string { return value }

func TestReadersOfOneSecretShareTheRequestThatBeginsAfterAllOfThemAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{answer: slowly(time.Second, constant)}
		c := s.warm(t, time.Minute)
		var done sync.WaitGroup
		start := time.Now()
		for i := range 100 {
			time.Sleep(time.Millisecond) // all within the second of the first
			done.Go(func() {
				if text, err := read(t.Context(), c, "x", ""); err != nil || text != value {
					t.Errorf("reader %d got %q, %v", i, text, err)
				}
			})
		}
		done.Wait()
		if n, took := s.count(true), time.Since(start); n != 2 || took > 2010*time.Millisecond {
			t.Errorf("%s and %d requests for 100 readers, want that of the first and one for the others", took, n)
		}
		if _, err := read(t.Context(), c, "x", ""); err != nil || s.count(true) != 3 {
			t.Errorf("a reader after all of them was served without a request: %v", err)
		}
	})
}

func TestOtherSecretsAndVersionsAreReadOnTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{answer: slowly(time.Second, constant)}
		c := s.warm(t, time.Minute)
		var done sync.WaitGroup
		start := time.Now()
		for i := range 10 {
			done.Go(func() { _, _ = read(t.Context(), c, fmt.Sprint("x", i), "") })
			done.Go(func() { _, _ = read(t.Context(), c, "y", fmt.Sprint("v", i)) })
		}
		done.Wait()
		if n := s.count(true); n != 20 || time.Since(start) != time.Second {
			t.Errorf("%d requests in %s", n, time.Since(start))
		}
	})
}

func TestNobodyIsServedAValueOlderThanHisQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now := "b2xk"
		s := &stub{answer: slowly(time.Second, func() string {
			mu.Lock()
			defer mu.Unlock()
			return now
		})}
		c := s.warm(t, time.Minute)
		var done sync.WaitGroup
		done.Go(func() { _, _ = read(t.Context(), c, "x", "") })
		time.Sleep(500 * time.Millisecond) // the first question has arrived at the vault
		mu.Lock()
		now = "bmV3" // somebody's set is complete
		mu.Unlock()
		for range 3 {
			done.Go(func() {
				if text, err := read(t.Context(), c, "x", ""); err != nil || text != "bmV3" {
					t.Errorf("got %q, %v after the set", text, err)
				}
			})
		}
		done.Wait()
	})
}

func TestAReaderThatLeavesTakesNobodyWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{answer: slowly(10*time.Second, constant)}
		c := s.warm(t, time.Minute)
		var done sync.WaitGroup
		// The first is under way alone; the second begins the read that the third joins.
		begin := func(ctx context.Context, check func(string, error, time.Duration)) {
			start := time.Now()
			done.Go(func() {
				text, err := read(ctx, c, "x", "")
				check(text, err, time.Since(start))
			})
			synctest.Wait()
		}
		served := func(text string, err error, _ time.Duration) {
			if err != nil || text != value {
				t.Errorf("got %q, %v", text, err)
			}
		}
		begin(t.Context(), served)
		leader, leave := context.WithCancel(t.Context())
		begin(leader, func(_ string, err error, _ time.Duration) {
			wantFault(t, err, fault.Cancelled, "secret://test/x", "gave up while waiting for the vault's answer")
		})
		begin(t.Context(), served)
		hasty, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		begin(hasty, func(_ string, err error, took time.Duration) {
			wantFault(t, err, fault.Timeout, "waiting for a read of the same secret")
			if took != 3750*time.Millisecond {
				t.Errorf("the hasty one waited %s", took)
			}
		})
		time.Sleep(6 * time.Second) // the second request has been sent by now
		leave()
		done.Wait()
		if n := s.count(true); n != 2 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestAReadThatNobodyWaitsForEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 2)
		s := &stub{answer: func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			ended <- r.Context().Err()
			return nil, r.Context().Err()
		}}
		c := s.warm(t, time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err := read(ctx, c, "x", "")
		wantFault(t, err, fault.Cancelled)
		if err := <-ended; !errors.Is(err, context.Canceled) || time.Since(start) != time.Second {
			t.Errorf("the request ended with %v after %s", err, time.Since(start))
		}
		// The next reader is not joined to a read that has ended.
		s.answer = nil
		if text, err := read(t.Context(), c, "x", ""); err != nil || text != value {
			t.Errorf("got %q, %v", text, err)
		}
	})
}

func TestASingleReaderIsToldTheReasonBeforeItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{answer: throttled("Retry-After", "20")}
		c := s.warm(t, time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := read(ctx, c, "x", "")
		if f := wantFault(t, err, fault.Throttled); f.RetryAfter != 20*time.Second {
			t.Errorf("retry after %s", f.RetryAfter)
		}
	})
}

func TestAReadThatIsStuckHoldsUpOthersForSecondsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{}
		s.answer = func(r *http.Request) (*http.Response, error) {
			if s.count(true) == 1 {
				<-r.Context().Done() // a connection that is dead
				return nil, r.Context().Err()
			}
			return secretNamed(r, value), nil
		}
		c := s.warm(t, time.Minute)
		var done sync.WaitGroup
		done.Go(func() {
			_, err := read(t.Context(), c, "x", "")
			wantFault(t, err, fault.Timeout)
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		if text, err := read(ctx, c, "x", ""); err != nil || text != value || time.Since(start) != 5*time.Second {
			t.Errorf("got %q, %v after %s", text, err, time.Since(start))
		}
		done.Wait()
	})
}

func TestReadersThatShareAFailureHaveAFaultOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{answer: func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return respond(404, refusal("SecretNotFound", ""), "x-ms-request-id", "4711"), nil
		}}
		c := s.warm(t, time.Minute)
		var mu sync.Mutex
		var faults []*fault.Error
		var done sync.WaitGroup
		for range 20 {
			done.Go(func() {
				_, err := read(t.Context(), c, "x", "")
				f := wantFault(t, err, fault.NotFound, "secret://test/x")
				mu.Lock()
				defer mu.Unlock()
				f.Message += "changed by one"
				faults = append(faults, f)
			})
		}
		done.Wait()
		seen := map[*fault.Error]bool{}
		for _, f := range faults {
			if seen[f] || f.RequestID != "4711" {
				t.Errorf("shared: %v, request %q", seen[f], f.RequestID)
			}
			seen[f] = true
		}
		if n := s.count(true); n > 2 {
			t.Errorf("%d requests", n)
		}
	})
}
