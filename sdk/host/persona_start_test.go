package host_test

import (
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
)

func TestPluginThatCannotStartIsAStateWithACause(t *testing.T) {
	t.Parallel()
	for name, why := range map[string]string{
		"crash-at-start":      "cannot find my library",
		"crash-on-configure":  "exit status 6",
		"chatty-before":       "welcome to the vault",
		"endless-line":        "in the place of a handshake line",
		"binary-handshake":    "socket-is-in-the-folder-of-the-host",
		"another-major":       "it speaks major 77 of the contract",
		"without-certificate": "no certificate",
		"other-certificate":   "certificate",
		"in-the-clear":        "handshake",
		"socket-elsewhere":    "socket-is-in-the-folder-of-the-host",
		"wrong-name":          "calls itself",
		"wrong-version":       "reports version 6.6.6",
		"nonsense-version":    "getinfo-is-well-formed",
		"nonsense-name":       "getinfo-is-well-formed",
		"boastful-limits":     "getinfo-is-well-formed",
		"huge-info":           "messages-are-within-four-mebibytes",
		"many-diagnostics":    "diagnostics-are-well-formed",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, name, []string{why}, func(t *testing.T, s *show, r *host.Resolver) {
				until(t, r, 20*time.Second, supervise.Backoff, supervise.Quarantined)
				unavailable(t, r, 300*time.Millisecond, why)
			})
		})
	}
}

func TestPluginThatStartsSlowlyIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, takes := range map[string]time.Duration{"slow-start": 3 * time.Second, "very-slow-start": 20 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			play(t, name, nil, func(t *testing.T, s *show, r *host.Resolver) {
				unavailable(t, r, time.Second, "is not available")
				ask(t, r)
				if took := time.Since(begin); took < takes {
					t.Errorf("it answered after %s", took)
				}
			})
		})
	}
}

func TestPluginThatNeverStartsIsGivenUpOn(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"silent", "frozen-at-start"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, name, []string{"did not write its handshake line in time"}, func(t *testing.T, s *show, r *host.Resolver) {
				until(t, r, 2*supervise.StartLimit+10*time.Second, supervise.Backoff) // which is over in a moment, but comes again
			})
		})
	}
}

func TestHostThatLeavesDoesNotWaitForAStart(t *testing.T) {
	t.Parallel()
	play(t, "very-slow-start", nil, func(t *testing.T, s *show, r *host.Resolver) {
		until(t, r, 5*time.Second, supervise.Starting)
	})
}
