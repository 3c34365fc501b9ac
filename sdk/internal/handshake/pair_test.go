package handshake_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/internal/handshake"
)

func pair(t *testing.T) *handshake.Pair {
	t.Helper()
	p, err := handshake.NewPair()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// shake lets the two sides shake hands and exchange a byte, which is when a TLS
// 1.3 client learns that it was refused.
func shake(t *testing.T, client, server *tls.Config) (clientErr, serverErr error) {
	t.Helper()
	a, b := net.Pipe()
	deadline := time.Now().Add(10 * time.Second)
	_, _ = a.SetDeadline(deadline), b.SetDeadline(deadline)
	done := make(chan error, 1)
	go func() {
		s := tls.Server(b, server)
		err := s.Handshake()
		if err == nil {
			_, err = s.Write([]byte{1})
		}
		done <- err
		_ = b.Close()
	}()
	c := tls.Client(a, client)
	clientErr = c.Handshake()
	if clientErr == nil {
		_, clientErr = c.Read(make([]byte, 1))
	}
	_ = a.Close()
	return clientErr, <-done
}

func configs(t *testing.T, host, plugin *handshake.Pair) (client, server *tls.Config) {
	t.Helper()
	client, err := host.Client(plugin.Text())
	if err != nil {
		t.Fatal(err)
	}
	server, err = plugin.Server(host.PEM())
	if err != nil {
		t.Fatal(err)
	}
	return client, server
}

func TestEachSideTrustsExactlyTheOther(t *testing.T) {
	host, plugin, other := pair(t), pair(t), pair(t)
	client, server := configs(t, host, plugin)
	if c, s := shake(t, client, server); c != nil || s != nil {
		t.Fatalf("the right two: client %v, server %v", c, s)
	}
	t.Run("another host is refused", func(t *testing.T) {
		stranger, _ := configs(t, other, plugin)
		if _, s := shake(t, stranger, server); s == nil {
			t.Error("the plugin served it")
		}
	})
	t.Run("a host without a certificate is refused", func(t *testing.T) {
		nobody := client.Clone()
		nobody.Certificates = nil
		if _, s := shake(t, nobody, server); s == nil {
			t.Error("the plugin served it")
		}
	})
	t.Run("another plugin is refused", func(t *testing.T) {
		_, stranger := configs(t, host, other)
		if c, _ := shake(t, client, stranger); c == nil {
			t.Error("the host went on with it")
		}
	})
	t.Run("TLS 1.1 is refused", func(t *testing.T) {
		old := client.Clone()
		old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		if c, s := shake(t, old, server); c == nil || s == nil {
			t.Error("the plugin served it")
		}
	})
}

func TestCertificateIsWhatTheSpecificationSays(t *testing.T) {
	p := pair(t)
	block, rest := pem.Decode([]byte(p.PEM()))
	if block == nil || len(rest) != 0 {
		t.Fatalf("the PEM is %q", p.PEM())
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if key, ok := certificate.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		t.Errorf("the key is %T", certificate.PublicKey)
	}
	if err := certificate.VerifyHostname("localhost"); err != nil || !certificate.IsCA {
		t.Errorf("authority %v, %v", certificate.IsCA, err)
	}
	if strings.ContainsAny(p.Text(), "|=\n") {
		t.Errorf("the line is %q", p.Text())
	}
}

func TestUnreadableCertificatesAreErrors(t *testing.T) {
	p := pair(t)
	for _, text := range []string{"", "none", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		if _, err := p.Server(text); err == nil {
			t.Errorf("%q was taken for the host's certificate", text)
		}
	}
	for _, text := range []string{"", "AAAA", "not base64!", p.Text() + "="} {
		if _, err := p.Client(text); err == nil {
			t.Errorf("%q was taken for the plugin's certificate", text)
		}
	}
}
