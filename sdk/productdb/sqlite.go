package productdb

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"modernc.org/sqlite"
)

const (
	// busyTimeout is how long a transaction waits for another process's.
	busyTimeout = 10 * time.Second
	// lockTimeout is how long setting up waits for another process's set-up.
	lockTimeout = 2 * time.Minute
	lockPoll    = 20 * time.Millisecond
	// importCacheKiB keeps the indexes of a large import in memory.
	importCacheKiB = 32 << 10
)

func openSQLitePath(ctx context.Context, cfg Config, path string) (*DB, error) {
	if path == "" || strings.HasPrefix(path, ":") {
		return nil, configError("sqlite: must be followed by the path of a file")
	}
	return openSQLite(ctx, cfg, filepath.Dir(path), filepath.Base(path))
}

func openSQLite(ctx context.Context, cfg Config, folder, name string) (*DB, error) {
	path, err := filepath.Abs(filepath.Join(folder, name))
	if err != nil {
		return nil, fmt.Errorf("find the database: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("create the data folder: %w", err)
	}
	// SQLite gives its journals the mode of the database file, so the file is
	// made before SQLite would make it readable by all.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create the database: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("create the database: %w", err)
	}

	d := &DB{Dialect: SQLite, Target: path, path: path, jitter: cfg.Jitter}
	d.Write = cfg.pool(sqliteConnector{sqliteURI(path, cfg, false)})
	d.Write.SetMaxOpenConns(1)
	d.Write.SetMaxIdleConns(1)
	d.Read = cfg.pool(sqliteConnector{sqliteURI(path, cfg, true)})
	readers := max(4, runtime.GOMAXPROCS(0))
	d.Read.SetMaxOpenConns(readers)
	d.Read.SetMaxIdleConns(readers)

	// The first connection turns a new file into one with a write-ahead log,
	// which fails at once, not after a wait, when two processes try together.
	err = d.exclusively(ctx, func() error { return d.Write.PingContext(ctx) })
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), d.Close())
	}
	return d, nil
}

// sqliteConnector connects to the file of that URI.
type sqliteConnector struct{ uri string }

// Connect implements [driver.Connector].
func (c sqliteConnector) Connect(context.Context) (driver.Conn, error) { return c.Driver().Open(c.uri) }

// Driver implements [driver.Connector].
func (c sqliteConnector) Driver() driver.Driver { return &sqlite.Driver{} }

// sqliteURI returns the file as a URI, because in a plain name a ? or % of the
// path would be taken for parameters.
func sqliteURI(path string, cfg Config, readOnly bool) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a drive letter
	}
	q := url.Values{}
	q.Set("_txlock", "immediate")
	q.Set("_busy_timeout", fmt.Sprint(busyTimeout.Milliseconds()))
	q.Set("_foreign_keys", "on")
	q.Set("_dqs", "0")
	q.Set("_synchronous", "NORMAL")
	if cfg.Durable {
		q.Set("_synchronous", "FULL")
	}
	cache := cfg.CacheKiB
	if readOnly {
		q.Set("_query_only", "on")
		q.Set("_txlock", "deferred")
	} else {
		q.Set("_journal_mode", "WAL")
		// A large import checkpoints less often; the log is cut back afterwards.
		q.Add("_pragma", "wal_autocheckpoint(8000)")
		q.Add("_pragma", "journal_size_limit(67108864)")
		cache = cmp.Or(cache, importCacheKiB)
	}
	if cache != 0 {
		q.Add("_pragma", fmt.Sprintf("cache_size(-%d)", cache))
	}
	return (&url.URL{Scheme: "file", Path: slashed, RawQuery: q.Encode()}).String()
}

// exclusively runs fn while no other process sets up the same file.
func (d *DB) exclusively(ctx context.Context, fn func() error) error {
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	lock := flock.New(d.path+".lock", flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return fmt.Errorf("wait for another process to set up the database: %w", err)
	}
	err := fn()
	return errors.Join(err, lock.Close())
}
