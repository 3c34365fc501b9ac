package handshake

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// name is what both certificates are valid for; nobody looks it up.
const name = "localhost"

// Validity of a certificate: a process can run for years, and connects again when
// its connection broke. The moment before is for clocks that are set back.
const (
	validFor    = 20 * 365 * 24 * time.Hour
	validBefore = time.Minute
)

// alphabet of certificates in the handshake line.
var alphabet = base64.RawStdEncoding

// Pair is one side's key and certificate. The key never leaves the process.
type Pair struct{ certificate tls.Certificate }

// NewPair makes a pair for one start. Keys are ECDSA on P-256: every TLS library
// takes them, and making and using one costs a hundredth of what go-plugin's own
// P-521 does.
func NewPair() (*Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of this start: %w", err)
	}
	var serial [16]byte
	_, _ = rand.Read(serial[:]) // never fails
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial[:]),
		Subject:      pkix.Name{CommonName: name, Organization: []string{"IdentityMesh"}},
		DNSNames:     []string{name},
		NotBefore:    now.Add(-validBefore), NotAfter: now.Add(validFor),
		// It is its own authority, which libraries other than Go's insist on.
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the certificate of this start: %w", err)
	}
	return &Pair{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}, nil
}

// PEM is the certificate as the host puts it into the plugin's environment.
func (p *Pair) PEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.certificate.Certificate[0]}))
}

// Text is the certificate as the plugin writes it into the handshake line.
func (p *Pair) Text() string { return alphabet.EncodeToString(p.certificate.Certificate[0]) }

// Server returns the plugin's TLS: it serves only who has the key of hostPEM.
func (p *Pair) Server(hostPEM string) (*tls.Config, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(hostPEM)) {
		return nil, errors.New("the host's certificate is missing or unreadable")
	}
	return &tls.Config{
		Certificates: []tls.Certificate{p.certificate}, MinVersion: tls.VersionTLS12,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
		SessionTicketsDisabled: true, // there is one connection
	}, nil
}

// Host returns the host's TLS before it has read the handshake line: it trusts
// nobody, the system's authorities neither.
func (p *Pair) Host() *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{p.certificate}, MinVersion: tls.VersionTLS12,
		RootCAs: x509.NewCertPool(), ServerName: name,
	}
}

// Client returns the host's TLS: it goes on only with the certificate that the
// plugin wrote into the handshake line.
func (p *Pair) Client(plugin string) (*tls.Config, error) {
	der, err := alphabet.DecodeString(plugin)
	if err != nil {
		return nil, fmt.Errorf("the plugin's certificate is not Base64 without padding: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("the plugin's certificate is unreadable: %w", err)
	}
	config := p.Host()
	config.RootCAs.AddCert(certificate)
	return config, nil
}
