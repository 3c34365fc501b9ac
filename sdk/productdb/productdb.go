// Package productdb opens the product database: the embedded SQLite file of one
// host, or a SQL Server that several hosts share. It knows connection strings,
// pools, transactions, migrations and how times are stored, and nothing of any
// table; those belong to the packages that call it.
//
// Several processes may have the same database open: the engine, the Admin API,
// the tools and a provider plugin. Start reading at [Open].
//
// # Writing SQL once
//
// Statements use @p1, @p2 and so on in both dialects and pass through
// [Dialect.SQL]; where the dialects differ, [Dialect] has a helper. Times are
// UTC with microseconds: datetime2(6) on SQL Server, and on SQLite text of
// fixed width that sorts as the times do, as in 2026-01-31T23:59:59.000000Z.
// [Dialect.Time] makes a parameter of a time, [Time] scans one.
package productdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// ConfigKey is the setting that holds the connection string.
const ConfigKey = "IdentityMesh:SqlConnectionString"

// FileName is the embedded database within the data folder.
const FileName = "identitymesh.db"

// Config says which database to open.
type Config struct {
	// ConnectionString is sqlserver://host?database=…, an ADO-style
	// Server=…;Database=…, an ODBC-style Driver={…};Server=…, or sqlite:<path>.
	// Zero, or blank, means SQLite in DataFolder.
	ConnectionString secret.Value
	// DataFolder is created, for its owner only, when it is missing.
	DataFolder string
	// Durable makes every SQLite commit survive a power failure. Without it the
	// last commits may be lost then, never the file's consistency; a crash of the
	// process alone loses nothing either way.
	Durable bool
	// CacheKiB is how much of the SQLite file each connection keeps in memory; with 0
	// the one that writes keeps enough for a large import.
	CacheKiB int
	// Jitter returns a random wait below max for retries; nil means a default.
	Jitter func(max time.Duration) time.Duration
	// Wrap, when set, puts something between the pools and the driver; tests let
	// connections break with it.
	Wrap func(driver.Connector) driver.Connector
}

// DB is an open product database, safe for concurrent use.
type DB struct {
	Dialect Dialect
	// Write is for transactions that write. On SQLite it is the one connection of
	// this process that may, and every transaction on it takes the file's write
	// lock when it begins; see [DB.InWriteTx].
	Write *sql.DB
	// Read is for everything else. It refuses to write on SQLite, and is the same
	// as Write on SQL Server.
	Read *sql.DB
	// Target names the database for people: a file, or host/database. It never
	// holds a credential.
	Target string

	path   string // of the SQLite file
	jitter func(time.Duration) time.Duration
}

// Open opens the database. With SQLite it creates folder and file; with SQL
// Server it only checks the connection string, and the first statement
// connects. Errors about the connection string are [*fault.Error] of reason
// CONFIG_INVALID that do not repeat it.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	text := strings.TrimSpace(string(cfg.ConnectionString.Reveal()))
	path, isPath := strings.CutPrefix(text, "sqlite:")
	switch {
	case text == "" && cfg.DataFolder == "":
		return nil, configError("neither a connection string nor a data folder is set")
	case text == "":
		db, err := openSQLite(ctx, cfg, cfg.DataFolder, FileName)
		if err != nil {
			return nil, fmt.Errorf("%w (see IdentityMesh:DataFolder)", err)
		}
		return db, nil
	case isPath:
		return openSQLitePath(ctx, cfg, strings.TrimSpace(path))
	}
	return openSQLServer(cfg, text)
}

// Close closes all connections.
func (d *DB) Close() error {
	if d.Read == d.Write {
		return d.Write.Close()
	}
	return errors.Join(d.Read.Close(), d.Write.Close())
}

func configError(message string) error {
	return &fault.Error{Reason: fault.ConfigInvalid, Source: fault.SourceConfig, Message: message, ConfigPath: ConfigKey}
}

// pool opens the pool of what connector connects to.
func (c Config) pool(connector driver.Connector) *sql.DB {
	if c.Wrap != nil {
		connector = c.Wrap(connector)
	}
	return sql.OpenDB(connector)
}
