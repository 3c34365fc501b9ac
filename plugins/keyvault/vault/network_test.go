package vault_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
)

// handshake serves TLS with config on each connection, and nothing else.
func handshake(t *testing.T, config *tls.Config) string {
	t.Helper()
	return accepting(t, func(conn net.Conn, _ *bufio.Reader) { _ = tls.Server(conn, config).Handshake() })
}

func TestEachWayNotToReachTheVaultHasWordsOfItsOwn(t *testing.T) {
	good, other := newAuthority(t), newAuthority(t)
	closed := accepting(t, nil)
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		closed = l.Addr().String()
		_ = l.Close() // nobody listens there any more
	}
	failing := func(err error) func(context.Context, string, string) (net.Conn, error) {
		return func(context.Context, string, string) (net.Conn, error) { return nil, err }
	}
	serve := func(a *authority, name string, then time.Time) func(context.Context, string, string) (net.Conn, error) {
		return to(handshake(t, &tls.Config{Certificates: []tls.Certificate{a.leaf(t, name, then)}}))
	}
	tests := map[string]struct {
		dial func(context.Context, string, string) (net.Conn, error)
		says string
		see  string
		once bool
	}{
		"refused":               {dial: to(closed), says: "refuses connections"},
		"a firewall that drops": {dial: failing(&net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}), says: "does not answer: a firewall drops"},
		"a name that is not there": {dial: failing(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}),
			says: "cannot be resolved: the vault was deleted", see: "VaultUri"},
		"DNS that is down": {dial: failing(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}}),
			says: "DNS of this host does not answer"},
		"no route":                       {dial: failing(&net.OpError{Op: "dial", Err: errors.New("network is unreachable")}), says: "the vault cannot be reached"},
		"an unknown authority":           {dial: serve(other, host, time.Now()), says: "is not trusted", once: true},
		"an expired certificate":         {dial: serve(good, host, time.Now().Add(-24*time.Hour)), says: "expired or is not valid yet", once: true},
		"a certificate of the future":    {dial: serve(good, host, time.Now().Add(72*time.Hour)), says: "expired or is not valid yet", once: true},
		"the certificate of another":     {dial: serve(good, "other.vault.azure.net", time.Now()), says: "is another server's", once: true},
		"a server that speaks no TLS":    {dial: to(accepting(t, func(conn net.Conn, _ *bufio.Reader) { _, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n") })), says: "no TLS connection"},
		"a server of an old TLS":         {dial: to(handshake(t, &tls.Config{Certificates: []tls.Certificate{good.leaf(t, host, time.Now())}, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10})), says: "no TLS connection"},
		"a connection closed at once":    {dial: to(accepting(t, func(net.Conn, *bufio.Reader) {})), says: "no TLS connection"},
		"a connection closed when asked": {dial: serve(good, host, time.Now()), says: "lost before its answer was whole"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			n := dialling(t, good.pool, tt.dial)
			start := time.Now()
			_, _, err := n.Get(t.Context(), target("x"), "")
			f := wantFault(t, err, fault.Unavailable, "secret://test/x", tt.says)
			if f.ConfigPath != tt.see || f.Cause == nil || f.Source != fault.SourceBackend {
				t.Errorf("config path %q, cause %v, source %s", f.ConfigPath, f.Cause, f.Source)
			}
			for other, o := range tests {
				if o.says != tt.says && strings.Contains(f.Message, o.says) {
					t.Errorf("has the words of %q too: %s", other, f.Message)
				}
			}
			if dials := n.dials.Load(); tt.once != (dials == 1) {
				t.Errorf("connected %d times", dials)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestATimeoutSaysHowFarTheConnectionCame(t *testing.T) {
	a := newAuthority(t)
	silent := accepting(t, func(_ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) })
	for name, tt := range map[string]struct {
		dial func(context.Context, string, string) (net.Conn, error)
		says string
	}{
		"a black hole": {func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, "connecting to the vault"},
		"DNS that says nothing": {func(ctx context.Context, network, _ string) (net.Conn, error) {
			d := net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}}}
			return d.DialContext(ctx, network, host+":443")
		}, "resolving the vault's name"},
		"a server that says nothing": {to(silent), "making the TLS connection"},
		"a server that says no more": {to(accepting(t, func(conn net.Conn, _ *bufio.Reader) {
			s := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{a.leaf(t, host, time.Now())}})
			_, _ = io.Copy(io.Discard, s)
		})), "waiting for the vault's answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := dialling(t, a.pool, tt.dial)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, _, err := n.Get(ctx, target("x"), "")
			wantFault(t, err, fault.Timeout, tt.says, "secret://test/x")
			if ctx.Err() != nil {
				t.Error("the answer came after the deadline")
			}
		})
	}
}

// mute is a connection that takes what is written and sends it nowhere.
type mute struct {
	net.Conn
	on *atomic.Bool
}

func (m mute) Write(p []byte) (int, error) {
	if m.on.Load() {
		return len(p), nil
	}
	return m.Conn.Write(p)
}

// Every request shares one connection of HTTP/2, so one that the network has lost
// would fail them all for as long as the kernel believes in it.
func TestAConnectionThatDiesWithoutAWordIsReplaced(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the 15 seconds after which a connection is given up")
	}
	t.Parallel()
	a := newAuthority(t)
	s := httptest.NewUnstartedServer(vaultHandler(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"value":%q,"id":"https://%s/secrets/x/0123"}`, value, host)
	}))
	s.TLS, s.EnableHTTP2 = &tls.Config{Certificates: []tls.Certificate{a.leaf(t, host, time.Now())}}, true
	s.StartTLS()
	t.Cleanup(s.Close)
	var muted atomic.Bool
	var dials atomic.Int32
	n := dialling(t, a.pool, func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := to(s.Listener.Addr().String())(ctx, network, address)
		if err == nil && dials.Add(1) == 1 {
			conn = mute{conn, &muted}
		}
		return conn, err
	})
	for range 2 {
		if _, _, err := n.Get(t.Context(), target("x"), ""); err != nil {
			t.Fatal(err)
		}
		muted.Store(true)
	}
	if dials.Load() != 2 {
		t.Errorf("%d connections", dials.Load())
	}
}

// TestAProxyThatRefusesIsNamed runs itself in a process of its own: Go reads the
// variables of proxies once.
func TestAProxyThatRefusesIsNamed(t *testing.T) {
	if os.Getenv("IDENTITYMESH_TEST_BEHIND_PROXY") != "" {
		n := dialling(t, nil, func(ctx context.Context, network, address string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, address)
		})
		_, _, err := n.Get(t.Context(), target("x"), "")
		fmt.Println(err)
		return
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	defer proxy.Close()
	const says = "the proxy that this process is told to use does not let it through"
	refused := "connection refused"
	if runtime.GOOS == "windows" {
		refused = "dial tcp 127.0.0.1:1: " // in words that differ between versions
	}
	for address, words := range map[string][]string{
		proxy.Listener.Addr().String(): {says, "answered 407 Proxy Authentication Required"},
		"127.0.0.1:1":                  {says, refused},
	} {
		command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAProxyThatRefusesIsNamed$", "-test.v")
		command.Env = append(os.Environ(), "IDENTITYMESH_TEST_BEHIND_PROXY=1", "HTTPS_PROXY=http://someone:pass-canary@"+address, "NO_PROXY=")
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, w := range words {
			if !strings.Contains(string(out), w) {
				t.Errorf("no %q in %s", w, out)
			}
		}
		if strings.Contains(string(out), "pass-canary") {
			t.Error("the password of the proxy is told")
		}
	}
}
