package seed

import (
	"context"
	"database/sql/driver"

	"modernc.org/sqlite"
)

// connector connects to the file of that URI.
type connector struct{ uri string }

// Connect implements [driver.Connector].
func (c connector) Connect(context.Context) (driver.Conn, error) { return c.Driver().Open(c.uri) }

// Driver implements [driver.Connector].
func (c connector) Driver() driver.Driver { return &sqlite.Driver{} }
