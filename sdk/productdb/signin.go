package productdb

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"net"
	"sync"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/azuread"
	_ "github.com/microsoft/go-mssqldb/integratedauth/krb5" // the authenticator of that name
)

// signInLimit bounds connecting and signing in when the caller's context allows
// more.
const signInLimit = 30 * time.Second

// signIn connects to a SQL Server. It makes signing in end with its context: the
// driver itself looks at the context only until TCP is connected, and a server
// that accepts and then says nothing would hold it for ever. Its errors are
// [*ConnectError].
type signIn struct {
	server server
	entra  *mssql.Connector // signs in with Entra, when that is wanted
}

func newSignIn(s server) (*signIn, error) {
	c := &signIn{server: s}
	if s.entra {
		var err error
		if c.entra, err = azuread.NewConnector(s.text); err != nil {
			return nil, errEntraIncomplete
		}
		c.entra.Dialer = newGuardedDialer()
	}
	return c, nil
}

// Driver implements [driver.Connector].
func (c *signIn) Driver() driver.Driver { return &mssql.Driver{} }

// Connect implements [driver.Connector].
func (c *signIn) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, signInLimit)
	defer cancel()
	g := &guard{}
	connector, distrust := c.entra, new(error)
	if connector == nil {
		connector, distrust = c.plain()
	}
	conn, err := connector.Connect(context.WithValue(ctx, guardKey{}, g))
	g.release()
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		// What the driver says of a connection that was closed under it means
		// nothing to an operator.
		err = context.Cause(ctx)
	case *distrust != nil:
		err = *distrust // the driver keeps its text only
	}
	return nil, explain(c.server.config, err)
}

// plain returns a connector for one connection, and where it says why it did not
// trust the server's certificate.
func (c *signIn) plain() (*mssql.Connector, *error) {
	config, distrust := c.server.config, new(error)
	// The driver switches the standard verification off for a certificate that is
	// pinned and where all are trusted; that stays as it is.
	if t := config.TLSConfig; t != nil && !t.InsecureSkipVerify {
		t = t.Clone()
		roots, name := t.RootCAs, t.ServerName
		t.InsecureSkipVerify = true // VerifyConnection does just what it skips
		t.VerifyConnection = func(state tls.ConnectionState) error {
			// A server may send us on to another one, by name.
			*distrust = verify(state, roots, cmp.Or(state.ServerName, name))
			return *distrust
		}
		config.TLSConfig = t
	}
	connector := mssql.NewConnectorConfig(config)
	connector.Dialer = newGuardedDialer()
	return connector, distrust
}

var errNoName = errors.New("there is no name to verify the server's certificate for")

// verify is the standard verification of a server's certificate.
func verify(state tls.ConnectionState, roots *x509.CertPool, name string) error {
	if name == "" {
		return errNoName
	}
	options := x509.VerifyOptions{Roots: roots, DNSName: name, Intermediates: x509.NewCertPool()}
	for _, c := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(options)
	return err
}

type guardKey struct{}

// guard holds the connections of one sign-in, to be closed when its context ends.
type guard struct {
	mu    sync.Mutex
	stops []func() bool
}

func (g *guard) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, stop := range g.stops {
		stop()
	}
}

// guardedDialer closes what it dialled when the sign-in that it belongs to ends
// too early.
type guardedDialer struct{ *net.Dialer }

func newGuardedDialer() guardedDialer { return guardedDialer{&net.Dialer{KeepAlive: 30 * time.Second}} }

func (d guardedDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.Dialer.DialContext(ctx, network, address)
	if g, ok := ctx.Value(guardKey{}).(*guard); ok && err == nil {
		g.mu.Lock()
		g.stops = append(g.stops, context.AfterFunc(ctx, func() { _ = conn.Close() }))
		g.mu.Unlock()
	}
	return conn, err
}
