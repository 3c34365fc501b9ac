package authn_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/authn"
)

// wrong signs in nobody.
const wrong = "Bearer " + authn.Prefix + "wrong"

func TestAnAddressThatFailsOftenHasToWaitLongerAndLonger(t *testing.T) {
	folder := t.TempDir()
	now := time.Unix(1_000_000, 0)
	tokens := newTokens(t, open(t, folder), folder, func() time.Time { return now })
	token := prepared(t, tokens, authn.Created)
	var logs bytes.Buffer
	guard := newGuard(tokens, func() time.Time { return now }, &logs)
	for range 20 {
		if got := status(guard, ""); got != http.StatusUnauthorized {
			t.Fatalf("no credential at all counts as a failure: %d", got)
		}
	}
	for range 5 {
		if got := status(guard, wrong); got != http.StatusUnauthorized {
			t.Fatalf("status %d", got)
		}
	}
	wait := func() string {
		t.Helper()
		w := ask(guard, "192.0.2.1:2", wrong)
		if w.Code != http.StatusTooManyRequests {
			t.Fatalf("status %d", w.Code)
		}
		return w.Header().Get("Retry-After")
	}
	if got := wait(); got != "1" {
		t.Errorf("first pause %s s", got)
	}
	if ask(guard, "192.0.2.2:1", wrong).Code != http.StatusUnauthorized {
		t.Error("another address has to wait too")
	}
	if status(guard, "Bearer "+token) != http.StatusOK {
		t.Error("a valid token has to wait")
	}
	pauses := ""
	for range 8 {
		now = now.Add(61 * time.Second)
		if got := status(guard, wrong); got != http.StatusUnauthorized {
			t.Fatalf("status %d after the pause", got)
		}
		pauses += wait() + " "
	}
	if pauses != "2 4 8 16 32 60 60 60 " {
		t.Errorf("pauses %s", pauses)
	}
	if lines := strings.Count(logs.String(), "\n"); lines != 5+1+8 {
		t.Errorf("%d lines in the log", lines)
	}
	now = now.Add(11 * time.Minute)
	if status(guard, wrong); status(guard, wrong) != http.StatusUnauthorized {
		t.Error("nothing is forgotten")
	}
}

func TestTheMemoryOfFailuresIsBounded(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	clock := func() time.Time { return now }
	guard := newGuard(newTokens(t, open(t, t.TempDir()), "", clock), clock, &bytes.Buffer{})
	fail := func(remote string) int { return ask(guard, remote, wrong).Code }
	for range 5 {
		fail("[2001:db8::1]:1")
	}
	if got := fail("[2001:db8::ffff]:1"); got != http.StatusTooManyRequests {
		t.Errorf("the same /64 gets %d", got)
	}
	now = now.Add(time.Second)
	fail("[2001:db8::1]:1") // now it has to wait two seconds
	for n := range 1000 {
		now = now.Add(time.Millisecond)
		fail(fmt.Sprintf("10.0.%d.%d:1", n/250, n%250))
	}
	if got := fail("[2001:db8::1]:1"); got != http.StatusUnauthorized {
		t.Errorf("the oldest address is still known: %d", got)
	}
}

func TestAUserWhoFailsOftenHasToWaitAtEveryAddress(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	lockout := authn.NewLockout(func() time.Time { return now })
	for n := range 5 {
		if wait := lockout.Failed(fmt.Sprintf("192.0.2.%d:1", n), "Ann"); wait != 0 {
			t.Fatalf("failure %d waits %s", n, wait)
		}
	}
	if got := lockout.Wait("198.51.100.1:1", "ANN"); got != time.Second {
		t.Errorf("the user waits %s elsewhere", got)
	}
	if got := lockout.Wait("192.0.2.1:1", "bob"); got != 0 {
		t.Errorf("another user at an address that failed once waits %s", got)
	}
	now = now.Add(time.Second)
	if got := lockout.Wait("198.51.100.1:1", "ann"); got != 0 {
		t.Errorf("after the pause the user waits %s", got)
	}
}

func TestOnlyRefusedCredentialsAreCounted(t *testing.T) {
	folder := t.TempDir()
	now := time.Unix(1_000_000, 0)
	tokens := newTokens(t, open(t, folder), folder, func() time.Time { return now })
	right := "Bearer " + prepared(t, tokens, authn.Created)
	guard := authn.NewGuard(authn.GuardConfig{Ways: []authn.Way{tokens}, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
	page := guard.Require(http.NotFoundHandler())
	for _, header := range []string{"", right, "", right} {
		ask(page, "192.0.2.1:1", header)
	}
	if n := guard.Failures(); n != 0 {
		t.Errorf("%d failures without one", n)
	}
	for range 7 { // the last ones are told to wait
		ask(page, "192.0.2.1:1", wrong)
	}
	if n := guard.Failures(); n != 7 {
		t.Errorf("%d failures, expected 7", n)
	}
}
