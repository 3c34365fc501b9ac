package productdb

import (
	"database/sql/driver"
)

const (
	maxServerConns  = 16
	idleServerConns = 4
	applicationName = "IdentityMesh"
)

func openSQLServer(cfg Config, text string) (*DB, error) {
	parsed, err := parseSQLServer(text)
	if err != nil {
		return nil, err
	}
	connector, err := newSignIn(parsed)
	if err != nil {
		return nil, err
	}
	return OnServer(connector, serverTarget(parsed.config), cfg), nil
}

// OnServer returns a database of the dialect SQL Server whose connections are
// made by connector, for tests that stand in for the server.
func OnServer(connector driver.Connector, target string, cfg Config) *DB {
	pool := cfg.pool(connector)
	pool.SetMaxOpenConns(maxServerConns)
	pool.SetMaxIdleConns(idleServerConns)
	return &DB{Dialect: SQLServer, Write: pool, Read: pool, Target: target, jitter: cfg.Jitter}
}
