package vault_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

// each reads n secrets at once and checks every outcome.
func each(c *vault.Client, n int, ctx context.Context, check func(i int, text string, err error)) {
	var done sync.WaitGroup
	for i := range n {
		done.Go(func() {
			text, err := read(ctx, c, fmt.Sprint("x", i), "")
			check(i, text, err)
		})
	}
	done.Wait()
}

func served(t *testing.T) func(int, string, error) {
	return func(i int, text string, err error) {
		if err != nil || text != value {
			t.Errorf("reader %d got %q, %v", i, text, err)
		}
	}
}

func TestAColdStartOfManyReadersAsksOnceForTheChallengeAndOnceForAToken(t *testing.T) {
	for name, takes := range map[string]time.Duration{"a token at once": 0, "a token after a while": 2 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stub{answer: slowly(time.Second, constant), getToken: func(context.Context) error { time.Sleep(takes); return nil }}
				start := time.Now()
				each(s.client(t, time.Minute), 50, t.Context(), served(t))
				if took := time.Since(start); took != takes+2*time.Second {
					t.Errorf("it took %s, want that of the first answer, and then of all others together", took)
				}
				if s.count(false) != 1 || len(s.tokens) != 1 || s.count(true) != 50 {
					t.Errorf("%d challenges, %d tokens, %d reads", s.count(false), len(s.tokens), s.count(true))
				}
			})
		})
	}
}

func TestAFailedSignInIsToldToAllWhoWaitedForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := true
		s := &stub{getToken: func(context.Context) error {
			time.Sleep(time.Second)
			if broken {
				return errors.New("the identity is unknown")
			}
			return nil
		}}
		c := s.client(t, time.Minute)
		each(c, 50, t.Context(), func(i int, _ string, err error) {
			wantFault(t, err, fault.AuthFailed, fmt.Sprint("secret://test/x", i, " "), "the identity is unknown")
		})
		if s.count(false) != 1 || len(s.tokens) != 1 {
			t.Errorf("%d challenges, %d tokens", s.count(false), len(s.tokens))
		}
		broken = false
		each(c, 50, t.Context(), served(t))
		if s.count(false) != 1 || len(s.tokens) != 2 {
			t.Errorf("%d challenges, %d tokens after the second start", s.count(false), len(s.tokens))
		}
	})
}

func TestAnOutageAtAColdStartIsFoundOutByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{challenge: func(*http.Request) (*http.Response, error) {
			return respond(503, refusal("ServiceUnavailable", ""), "x-ms-request-id", "4711"), nil
		}}
		each(s.client(t, time.Minute), 50, t.Context(), func(i int, _ string, err error) {
			if f := wantFault(t, err, fault.Unavailable, fmt.Sprint("secret://test/x", i, " "), "out of order"); f.RequestID != "4711" {
				t.Errorf("request %q", f.RequestID)
			}
		})
		if n := s.count(false); n != 6 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestAFirstCallThatLeavesLetsTheNextOneSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{getToken: func(ctx context.Context) error {
			select {
			case <-time.After(5 * time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		c := s.client(t, time.Minute)
		hasty, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		var done sync.WaitGroup
		done.Go(func() {
			_, err := read(hasty, c, "hasty", "")
			wantFault(t, err, fault.Timeout, "getting an access token")
		})
		synctest.Wait()
		each(c, 50, t.Context(), served(t))
		done.Wait()
		if s.count(false) != 1 || len(s.tokens) != 2 {
			t.Errorf("%d challenges, %d tokens", s.count(false), len(s.tokens))
		}
	})
}

func TestASignInThatHangsIsNamedByAllWhoWaitForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{getToken: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		c := s.client(t, time.Minute)
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		hasty, leave := context.WithTimeout(t.Context(), 4*time.Second)
		defer leave()
		time.AfterFunc(time.Second, func() {
			_, err := c.Versions(hasty, target("hasty"))
			wantFault(t, err, fault.Timeout, "secret://test/hasty", "getting an access token")
			if took := time.Since(start); took > 4*time.Second {
				t.Errorf("the hasty one waited for %s", took)
			}
		})
		each(c, 50, ctx, func(i int, _ string, err error) {
			// All of them end at one moment: some hear how the sign-in ended, some only that it is late.
			f := wantFault(t, err, fault.Timeout, fmt.Sprint("secret://test/x", i, " "))
			if !strings.Contains(f.Message, "getting an access token") && !strings.Contains(f.Message, "the first sign-in to the vault") {
				t.Errorf("the sign-in is not named: %s", f.Message)
			}
		})
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestAFirstCallWhoseAnswerHangsHoldsUpOthersForSecondsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{answer: func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/secrets/first/" {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return secretNamed(r, value), nil
		}}
		c := s.client(t, time.Minute)
		var done sync.WaitGroup
		done.Go(func() {
			_, err := read(t.Context(), c, "first", "")
			wantFault(t, err, fault.Timeout, "waiting for the vault's answer")
		})
		synctest.Wait()
		start := time.Now()
		each(c, 50, t.Context(), served(t))
		if took := time.Since(start); took != 5*time.Second || s.count(false) != 1 || len(s.tokens) != 1 {
			t.Errorf("%s, %d challenges, %d tokens", took, s.count(false), len(s.tokens))
		}
		done.Wait()
	})
}

func TestARefusalOfOneCallersSecretIsNotEverybodys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{answer: func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			if r.URL.Path == "/secrets/x0/" {
				return respond(403, refusal("Forbidden", "SecretDisabled")), nil
			}
			return secretNamed(r, value), nil
		}}
		c := s.client(t, time.Minute)
		var done sync.WaitGroup
		done.Go(func() {
			_, err := read(t.Context(), c, "x0", "")
			wantFault(t, err, fault.Disabled)
		})
		synctest.Wait()
		for i := range 5 {
			done.Go(func() {
				if _, err := read(t.Context(), c, fmt.Sprint("y", i), ""); err != nil {
					t.Error(err)
				}
			})
		}
		done.Wait()
	})
}

func TestAConnectionLostWithTheFirstAnswerIsNotEverybodys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{}
		s.answer = func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			if r.Method == http.MethodPut {
				return nil, errors.New("connection reset")
			}
			return secretNamed(r, value), nil
		}
		c := s.client(t, time.Minute)
		var done sync.WaitGroup
		done.Go(func() {
			_, err := c.Set(t.Context(), target("w"), vault.Write{Text: value})
			wantFault(t, err, fault.Unavailable, "may or may not have happened")
		})
		synctest.Wait()
		each(c, 5, t.Context(), served(t))
		done.Wait()
	})
}

func TestAWriteThatNeverReachedTheVaultIsInNoDoubtAndIsSentOnceItCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := 3
		s := &stub{}
		s.challenge = func(*http.Request) (*http.Response, error) {
			if down--; down >= 0 {
				return respond(503, refusal("ServiceUnavailable", "")), nil
			}
			return respond(401, "", "WWW-Authenticate", challenge), nil
		}
		c := s.client(t, time.Minute)
		if _, err := c.Set(t.Context(), target("x"), vault.Write{Text: value}); err != nil {
			t.Errorf("got %v", err)
		}
		down = 100
		c = s.client(t, time.Minute)
		_, err := c.Set(t.Context(), target("x"), vault.Write{Text: value})
		if f := wantFault(t, err, fault.Unavailable, "out of order"); f.Cause == nil {
			t.Error("no cause")
		}
		if err != nil && containsDoubt(err) {
			t.Errorf("it claims that the write may have happened: %v", err)
		}
	})
}

func TestAWriteIsSentAgainWhenItsLastTryNeverReachedTheVault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{answer: throttled()}
		c := s.warm(t, time.Minute)
		s.connect = func() error {
			switch s.count(true) {
			case 2:
				return errors.New("tls: handshake failure")
			case 3:
				s.answer = nil
			}
			return nil
		}
		if _, err := c.Set(t.Context(), target("x"), vault.Write{Text: value}); err != nil || s.count(true) != 3 {
			t.Errorf("got %v after %d tries", err, s.count(true))
		}
	})
}

func TestAWriteThatWaitsForTheFirstSignInIsInNoDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{answer: slowly(4*time.Second, constant)}
		c := s.client(t, time.Minute)
		var done sync.WaitGroup
		done.Go(func() { _, _ = read(t.Context(), c, "x", "") })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err := c.Set(ctx, target("y"), vault.Write{Text: value})
		if wantFault(t, err, fault.Timeout); containsDoubt(err) {
			t.Errorf("it claims that the write may have happened: %v", err)
		}
		done.Wait()
	})
}

func TestATokenThatIsBeingRenewedHoldsNobodyBeyondHisDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{}
		c := s.warm(t, time.Minute)
		s.getToken = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		time.Sleep(2 * time.Hour) // the token has expired
		var done sync.WaitGroup
		done.Go(func() {
			_, err := read(t.Context(), c, "x", "")
			wantFault(t, err, fault.Timeout, "getting an access token")
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		// The SDK lets this one wait for the other's token without looking at its time.
		_, err := c.Versions(ctx, target("x"))
		wantFault(t, err, fault.Timeout)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("it took %s", took)
		}
		done.Wait()
	})
}

func TestAPanicOfTheCredentialDoesNotBlockTheNextCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		panics := true
		s := &stub{getToken: func(context.Context) error {
			if panics {
				panic("index out of range")
			}
			return nil
		}}
		c := s.client(t, time.Minute)
		_, err := read(t.Context(), c, "x", "")
		if f := wantFault(t, err, fault.Internal, "panicked"); f.Source != fault.SourcePlugin {
			t.Errorf("source %s", f.Source)
		}
		panics = false
		each(c, 5, t.Context(), served(t))
	})
}
