package sqlconn

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// connectTimeout bounds a connection attempt, sign-in included.
const connectTimeout = 30 * time.Second

// Connector reads one database. See [connector.Connector].
type Connector struct {
	cfg config
	// secret is the password or the whole connection string; zero without.
	secret secret.Value
	logger *slog.Logger
	now    func() time.Time
}

var _ connector.Connector = (*Connector)(nil)

// Close does nothing: each method closes the connections it opened.
func (c *Connector) Close() error { return nil }

// session is one connection.
type session struct {
	db   *sql.DB
	conn *sql.Conn
	// system names driver, server and database in errors.
	system string
}

// close ends the session; a query that is still running is broken off first by
// its own context.
func (s *session) close() {
	_ = s.conn.Close()
	_ = s.db.Close()
}

// fail says what was done to which system, in the server's own words.
func (s *session) fail(did string, err error) error {
	return fmt.Errorf("%s on %s: %w", did, s.system, err)
}

// connect reveals the secret, connects, and forgets it again.
func (c *Connector) connect(ctx context.Context) (*session, error) {
	e, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	system := c.cfg.dialect.name + " " + e.label
	db := sql.OpenDB(connectFunc(func(ctx context.Context) (driver.Conn, error) {
		var password []byte
		if c.cfg.passwordRef != "" {
			password = c.secret.Reveal()
			if password == nil {
				password = []byte{}
			}
		}
		to, err := e.connector(password, c.logger)
		if err != nil {
			return nil, err
		}
		return to.Connect(ctx)
	}))
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(0)
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := db.Conn(ctx)
	if err != nil {
		_ = db.Close()
		return nil, newConnectError("connect to "+system+c.credential(), err)
	}
	return &session{db: db, conn: conn, system: system}, nil
}

// credential names the secret that signs in, for errors.
func (c *Connector) credential() string {
	switch {
	case c.cfg.passwordRef != "":
		return fmt.Sprintf(" with the password of %s", c.cfg.passwordRef)
	case c.cfg.connectionRef != "":
		return fmt.Sprintf(" with the connection string in %s", c.cfg.connectionRef)
	}
	return ""
}

func (c *Connector) endpoint() (endpoint, error) {
	if c.cfg.connectionRef == "" {
		return c.cfg.dialect.parse(c.cfg.connection)
	}
	e, err := c.cfg.dialect.parse(strings.TrimSpace(string(c.secret.Reveal())))
	if err != nil {
		return endpoint{}, fmt.Errorf("the connection string in %s: %w", c.cfg.connectionRef, err)
	}
	return e, nil
}

// connectError keeps the words of a failed connection attempt only: the drivers'
// own errors carry their configuration, with the password in it.
type connectError struct {
	text    string
	context error
}

func newConnectError(did string, err error) error {
	e := &connectError{text: did + ": " + err.Error()}
	for _, known := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, known) {
			e.context = known
		}
	}
	return e
}

func (e *connectError) Error() string { return e.text }
func (e *connectError) Unwrap() error { return e.context }
