package productdb

import (
	"context"
	"database/sql/driver"
	"net"
	"sync"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

// signInLimit bounds connecting and signing in when the caller's context allows
// more.
const signInLimit = 30 * time.Second

// boundedConnector makes signing in end with its context. The driver itself
// looks at the context only until TCP is connected: a server that accepts and
// then says nothing would hold it for ever.
type boundedConnector struct{ *mssql.Connector }

func newBoundedConnector(c *mssql.Connector) boundedConnector {
	c.Dialer = guardedDialer{&net.Dialer{KeepAlive: 30 * time.Second}}
	return boundedConnector{c}
}

// Connect implements [driver.Connector].
func (c boundedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, signInLimit)
	defer cancel()
	g := &guard{}
	conn, err := c.Connector.Connect(context.WithValue(ctx, guardKey{}, g))
	g.release()
	if err != nil && ctx.Err() != nil {
		// What the driver says of a connection that was closed under it means
		// nothing to an operator.
		return nil, context.Cause(ctx)
	}
	return conn, err
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

func (d guardedDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.Dialer.DialContext(ctx, network, address)
	if g, ok := ctx.Value(guardKey{}).(*guard); ok && err == nil {
		g.mu.Lock()
		g.stops = append(g.stops, context.AfterFunc(ctx, func() { _ = conn.Close() }))
		g.mu.Unlock()
	}
	return conn, err
}
