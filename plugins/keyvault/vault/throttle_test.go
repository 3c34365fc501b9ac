package vault_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/identitymesh/identitymesh/sdk/fault"
)

func throttled(header ...string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return respond(429, refusal("Throttled", "VaultRequestTypeLimitReached"), header...), nil
	}
}

func TestAThrottledReadIsTriedFiveTimesIn30SecondsAndSixTimesInAMinute(t *testing.T) {
	for deadline, tries := range map[time.Duration]int{30 * time.Second: 5, time.Minute: 6} {
		var first []time.Duration
		for range 20 { // the waits are a matter of luck
			synctest.Test(t, func(t *testing.T) {
				s := &stub{answer: throttled()}
				c := s.warm(t, time.Minute)
				ctx, cancel := context.WithTimeout(t.Context(), deadline)
				defer cancel()
				_, _, err := c.Get(ctx, target("x"), "")
				wantFault(t, err, fault.Throttled, "rate", "said by the vault")
				if ctx.Err() != nil {
					t.Error("the deadline had passed, so nobody hears the reason")
				}
				pauses := s.pauses()
				if n := len(pauses) + 1; n < tries {
					t.Errorf("%d tries in %s, want %d at least", n, deadline, tries)
				}
				unit := 800 * time.Millisecond
				for i, p := range pauses {
					least, most := unit*time.Duration(1<<(i+1)-1)*8/10, unit*time.Duration(1<<(i+1)-1)*13/10
					if p < least || p > most {
						t.Errorf("pause %d took %s, want %s to %s", i, p, least, most)
					}
				}
				first = append(first, pauses[0])
			})
		}
		if slices.Min(first) == slices.Max(first) {
			t.Error("all readers come back at the same moment")
		}
	}
}

func TestAReadWaitsAsLongAsTheVaultAsksAndNoLongerThanItsDeadline(t *testing.T) {
	tests := map[string]struct {
		header   [2]string
		timeout  time.Duration
		wait     time.Duration // 0 for the formula of the first pause
		gives    bool          // gives up at once
		inDetail time.Duration
	}{
		"in seconds":                         {header: [2]string{"Retry-After", "7"}, wait: 7 * time.Second},
		"in milliseconds":                    {header: [2]string{"retry-after-ms", "1700"}, wait: 1700 * time.Millisecond},
		"in milliseconds of the service":     {header: [2]string{"x-ms-retry-after-ms", "2300"}, wait: 2300 * time.Millisecond},
		"as a date":                          {header: [2]string{"Retry-After", "Sat, 01 Jan 2000 00:00:09 GMT"}, wait: 9 * time.Second},
		"as a date in the past":              {header: [2]string{"Retry-After", "Fri, 31 Dec 1999 00:00:09 GMT"}},
		"not at all":                         {header: [2]string{"X-Other", "1"}},
		"with nothing":                       {header: [2]string{"Retry-After", "0"}},
		"with less than nothing":             {header: [2]string{"Retry-After", "-5"}},
		"with what is no time":               {header: [2]string{"Retry-After", "soon"}},
		"for longer than the deadline":       {header: [2]string{"Retry-After", "61"}, gives: true, inDetail: 61 * time.Second},
		"until a date behind the deadline":   {header: [2]string{"Retry-After", "Sat, 01 Jan 2000 01:00:00 GMT"}, gives: true, inDetail: time.Hour},
		"for minutes when there are minutes": {header: [2]string{"Retry-After", "120"}, timeout: 10 * time.Minute, wait: 2 * time.Minute},
		"for longer than any number":         {header: [2]string{"Retry-After", "99999999999999999999"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if tt.timeout == 0 {
					tt.timeout = time.Minute
				}
				s := &stub{}
				s.answer = func(r *http.Request) (*http.Response, error) {
					if s.count(true) > 1 {
						return secretNamed(r, value), nil
					}
					return throttled(tt.header[0], tt.header[1])(r)
				}
				c := s.warm(t, tt.timeout)
				start := time.Now()
				text, _, err := c.Get(t.Context(), target("x"), "")
				took := time.Since(start)
				if tt.gives {
					if f := wantFault(t, err, fault.Throttled); f.RetryAfter != tt.inDetail || took != 0 || s.count(true) != 1 {
						t.Errorf("retry after %s, took %s with %d tries", f.RetryAfter, took, s.count(true))
					}
					return
				}
				if err != nil || text != value {
					t.Fatalf("got %q, %v", text, err)
				}
				least, most := tt.wait, tt.wait
				if tt.wait == 0 {
					least, most = 640*time.Millisecond, 1040*time.Millisecond
				}
				if took < least || took > most {
					t.Errorf("it took %s, want %s to %s", took, least, most)
				}
			})
		})
	}
}

func TestOnlyWhatCanPassIsTriedAgain(t *testing.T) {
	for status, tries := range map[int]int{408: 6, 429: 6, 500: 6, 502: 6, 503: 6, 504: 6,
		301: 1, 307: 1, 400: 1, 401: 2, 403: 1, 404: 1, 409: 1, 413: 1, 501: 1} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stub{answer: func(*http.Request) (*http.Response, error) {
					return respond(status, refusal("SecretNotFound", ""), "WWW-Authenticate", challenge), nil
				}}
				_, _, err := s.warm(t, time.Minute).Get(t.Context(), target("x"), "")
				if err == nil {
					t.Fatal("it succeeded")
				}
				var sdk *azcore.ResponseError
				if !errors.As(err, &sdk) || sdk.StatusCode != status {
					t.Errorf("the SDK's error is not in the chain of %v", err)
				}
				if n := s.count(true); n != tries { // a token that is refused is fetched anew, once
					t.Errorf("%d tries, want %d", n, tries)
				}
			})
		})
	}
}

func TestAConnectionThatIsRefusedIsTriedAgainWithinTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		s := &stub{answer: func(*http.Request) (*http.Response, error) { return nil, refused }}
		c := s.warm(t, time.Minute)
		start := time.Now()
		_, _, err := c.Get(t.Context(), target("x"), "")
		f := wantFault(t, err, fault.Unavailable)
		if !errors.Is(f, syscall.ECONNREFUSED) {
			t.Error("the cause is not in the chain")
		}
		if n := s.count(true); n != 6 || time.Since(start) > time.Minute {
			t.Errorf("%d tries in %s", n, time.Since(start))
		}
	})
}

func TestNoValueIsServedAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{}
		c := s.warm(t, time.Minute)
		if text, _, err := c.Get(t.Context(), target("x"), ""); err != nil || text != value {
			t.Fatalf("got %q, %v", text, err)
		}
		s.answer = func(*http.Request) (*http.Response, error) { return respond(503, ""), nil }
		for range 3 {
			text, _, err := c.Get(t.Context(), target("x"), "")
			wantFault(t, err, fault.Unavailable, "out of order")
			if text != "" {
				t.Error("a value came with the error")
			}
		}
	})
}

func TestTheAPIVersionIsThatOfTheConfiguration(t *testing.T) {
	s := &stub{}
	if _, _, err := s.client(t, time.Minute).Get(t.Context(), target("x"), ""); err != nil {
		t.Fatal(err)
	}
	for _, r := range s.seen {
		if r.apiVersion != "7.6" || r.host != host || r.path != "/secrets/x/" {
			t.Errorf("%+v", r)
		}
	}
}
