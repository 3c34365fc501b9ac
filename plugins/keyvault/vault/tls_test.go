package vault_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
)

// authority signs certificates for servers of tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	a.cert, a.key = sign(t, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)
	a.pool.AddCert(a.cert)
	return a
}

// leaf returns a certificate of name that is valid until an hour from then.
func (a *authority) leaf(t *testing.T, name string, then time.Time) tls.Certificate {
	t.Helper()
	cert, key := sign(t, &x509.Certificate{DNSNames: []string{name}, NotAfter: then.Add(time.Hour)}, a)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

func sign(t *testing.T, c *x509.Certificate, by *authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: "test"}
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(time.Hour)
	}
	c.NotBefore = c.NotAfter.Add(-48 * time.Hour)
	if by == nil {
		by = &authority{cert: c, key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by.cert, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// network is a real server, and a client as the provider makes it.
type network struct {
	*vault.Client
	dials atomic.Int32
}

// dialling returns a client of whatever dial connects to.
func dialling(t *testing.T, roots *x509.CertPool, dial func(ctx context.Context, network, address string) (net.Conn, error)) *network {
	t.Helper()
	n := &network{}
	client := vault.NewHTTPClient(vault.Network{RootCAs: roots, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		n.dials.Add(1)
		return dial(ctx, network, address)
	}})
	t.Cleanup(client.CloseIdleConnections)
	var err error
	n.Client, err = vault.New(vault.Config{URL: "https://" + host, Host: host, APIVersion: "7.6", Timeout: time.Minute,
		Credential: &stub{}, HTTP: client, Tracer: noop.NewTracerProvider(), Application: "test",
		Logger: slog.New(slog.DiscardHandler), RetryDelay: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func to(address string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}
}

// vaultHandler challenges as the vault does, and leaves requests with a token to
// handle.
func vaultHandler(handle http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", challenge)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		handle(w, r)
	})
}

// serving returns a client of a server of handle behind vaultHandler.
func serving(t *testing.T, handle http.HandlerFunc) *network {
	t.Helper()
	a := newAuthority(t)
	s := httptest.NewUnstartedServer(vaultHandler(handle))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{a.leaf(t, host, time.Now())}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return dialling(t, a.pool, to(s.Listener.Addr().String()))
}

// accepting returns the address of a listener that leaves each connection to
// handle, and closes it then.
func accepting(t *testing.T, handle func(net.Conn, *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				handle(conn, bufio.NewReader(conn))
			}()
		}
	}()
	return l.Addr().String()
}

var _ azcore.TokenCredential = (*stub)(nil)
