package keyvault_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

func throttled(times int, header ...string) fakevault.Answer {
	a := fakevault.Answer{Status: 429, Times: times, Body: fakevault.Refusal("Throttled", "VaultRequestTypeLimitReached", "slow down")}
	if len(header) == 2 {
		a.Header = map[string]string{header[0]: header[1]}
	}
	return a
}

func TestAThrottledReadIsTriedSixTimes(t *testing.T) {
	w := newWorld(t, setting{})
	w.mustSet(ref, canary)
	w.fake.Fail(throttled(5))
	if _, err := w.get(ref); err != nil {
		t.Errorf("the sixth try did not count: %v", err)
	}
	w.fake.Forget()
	w.fake.Fail(throttled(6))
	_, err := w.get(ref)
	wantReason(t, err, fault.Throttled)
	if n := w.requests("GET"); n != 6 {
		t.Errorf("%d tries", n)
	}
}

func TestAReadWaitsAsLongAsTheVaultAsks(t *testing.T) {
	w := newWorld(t, setting{})
	w.mustSet(ref, canary)
	w.fake.Fail(throttled(1, "Retry-After", "1"))
	start := time.Now()
	if _, err := w.get(ref); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < time.Second {
		t.Errorf("it took only %s", took)
	}
}

func TestAWaitThatTheDeadlineWouldCutIsNotBegun(t *testing.T) {
	for name, header := range map[string][2]string{
		"in seconds":      {"Retry-After", "45"},
		"in milliseconds": {"x-ms-retry-after-ms", "45000"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{})
			w.mustSet(ref, canary)
			w.fake.Fail(throttled(1, header[0], header[1]))
			start := time.Now()
			_, err := w.get(ref)
			f := wantReason(t, err, fault.Throttled)
			if f.RetryAfter != 45*time.Second {
				t.Errorf("retry after %s", f.RetryAfter)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestAReadIsRepeatedAfterAnOutageAndALostConnection(t *testing.T) {
	w := newWorld(t, setting{})
	w.mustSet(ref, canary)
	w.fake.Fail(fakevault.Answer{Status: 503}, fakevault.Answer{Drop: true}, fakevault.Answer{Status: 500})
	if got, err := w.get(ref); err != nil || string(got.Value.Reveal()) != canary {
		t.Errorf("got %v", err)
	}
}

func TestAWriteIsRepeatedWhileNoConnectionComesAbout(t *testing.T) {
	refusals := 2
	w := newWorldDialling(t, func(fake *fakevault.Server) func(context.Context, string, string) (net.Conn, error) {
		return func(ctx context.Context, network, address string) (net.Conn, error) {
			if refusals > 0 {
				refusals--
				return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
			}
			return fake.Dial(ctx, network, address)
		}
	})
	if _, err := w.set(ref, canary); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestAnUntrustedCertificateIsNotLookedAtTwice(t *testing.T) {
	w := newWorld(t, setting{strangers: true})
	start := time.Now()
	_, err := w.get(ref)
	wantReason(t, err, fault.Unavailable, "certificate of contoso-im.vault.azure.net is not trusted", "x509")
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestAVaultThatCannotBeResolvedSaysWhichKeyToLookAt(t *testing.T) {
	w := newWorldDialling(t, func(*fakevault.Server) func(context.Context, string, string) (net.Conn, error) {
		return func(_ context.Context, network, _ string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{Err: "no such host", Name: fakevault.DefaultHost, IsNotFound: true}}
		}
	})
	_, err := w.get(ref)
	if f := wantReason(t, err, fault.Unavailable, "cannot be resolved", "no such host"); f.ConfigPath != "VaultUri" {
		t.Errorf("config path %q", f.ConfigPath)
	}
}
