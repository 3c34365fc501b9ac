// Package certificate serves TLS with a certificate and its key from two files, and
// follows them: a new pair is in force within seconds, and a broken one leaves the
// old in force and says so.
//
// Where the files come from, for example an ACME client, is not its concern. Start
// reading at [Open].
package certificate

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/authn/keyfile"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

const (
	// checkPeriod is how often at most the files are looked at.
	checkPeriod = 3 * time.Second
	// renewal is how long before its end a certificate is a problem.
	renewal = 14 * 24 * time.Hour
)

// Config of a [Certificate].
type Config struct {
	// CertificateFile has the certificate and those between it and the root, and
	// KeyFile its private key, in PEM form. Nobody but the owner and the group may be
	// able to read the key.
	CertificateFile, KeyFile string
	Logger                   *slog.Logger
	Now                      func() time.Time
}

// Certificate is what the files have. It is safe for concurrent use.
type Certificate struct {
	Config

	mu      sync.Mutex
	pair    *tls.Certificate
	seen    [2]fs.FileInfo // the files that were read last, nil for one that was not there
	checked time.Time
	problem error
}

// Open reads the files, which must be good now.
func Open(c Config) (*Certificate, error) {
	x := &Certificate{Config: c}
	x.checked, x.seen = c.Now(), x.look()
	pair, err := x.read()
	if err != nil {
		return nil, err
	}
	x.pair = pair
	return x, nil
}

// TLS returns what a server needs.
func (x *Certificate) TLS() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return x.current(), nil },
	}
}

// Vouches reports whether the certificate is one for that name or address. Nobody
// else's name leads a browser here over TLS.
func (x *Certificate) Vouches(name string) bool {
	return x.current().Leaf.VerifyHostname(name) == nil
}

// Reload reads the files now. An error leaves what was in force.
func (x *Certificate) Reload() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.reload()
	return x.problem
}

// Problem says what an operator must look at, empty when all is well.
func (x *Certificate) Problem() string {
	leaf := x.current().Leaf
	x.mu.Lock()
	defer x.mu.Unlock()
	switch left := leaf.NotAfter.Sub(x.Now()); {
	case x.problem != nil:
		return "the new TLS certificate of the Admin API cannot be used, and the one before is still in force: " + x.problem.Error()
	case left <= 0:
		return fmt.Sprintf("the TLS certificate of the Admin API in %s expired at %s; replace it", x.CertificateFile, leaf.NotAfter.UTC().Format(time.RFC3339))
	case left < renewal:
		return fmt.Sprintf("the TLS certificate of the Admin API in %s expires at %s; renew it", x.CertificateFile, leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return ""
}

// current returns the pair in force. From time to time it looks whether the files
// are other ones than those that were read.
func (x *Certificate) current() *tls.Certificate {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.Now()
	if now.Sub(x.checked) >= checkPeriod {
		x.checked = now
		for i, found := range x.look() {
			if !same(found, x.seen[i]) {
				x.reload()
				break
			}
		}
	}
	return x.pair
}

func same(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && a.Mode() == b.Mode()
}

func (x *Certificate) look() (found [2]fs.FileInfo) {
	for i, path := range []string{x.CertificateFile, x.KeyFile} {
		if info, err := os.Stat(path); err == nil { // reading it says what is wrong
			found[i] = info
		}
	}
	return found
}

// reload is called with the lock held.
func (x *Certificate) reload() {
	x.seen = x.look()
	pair, err := x.read()
	x.problem = err
	if err != nil {
		x.Logger.Error("the new TLS certificate cannot be used; the one before stays in force", telemetry.KeyError, err)
		return
	}
	x.pair = pair
	x.Logger.Info("TLS certificate read", "path", x.CertificateFile, "subject", pair.Leaf.Subject.String(), "expires", pair.Leaf.NotAfter)
}

func (x *Certificate) read() (*tls.Certificate, error) {
	chain, noChain := os.ReadFile(x.CertificateFile)
	if noChain != nil {
		noChain = fmt.Errorf("AdminApi:Tls:CertificateFile: %w", noChain)
	}
	key, noKey := keyfile.Read(x.KeyFile)
	if noKey != nil {
		noKey = fmt.Errorf("AdminApi:Tls:KeyFile: %w", noKey)
	}
	if err := errors.Join(noChain, noKey); err != nil {
		return nil, err
	}
	defer clear(key)
	pair, err := tls.X509KeyPair(chain, key) // sets Leaf
	if err != nil {
		return nil, fmt.Errorf("AdminApi:Tls: %s and %s are no pair in PEM form: %w", x.CertificateFile, x.KeyFile, err)
	}
	return &pair, nil
}
