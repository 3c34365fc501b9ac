// Package ledger is the memory of a migration: for each ref how far it has come,
// and every step in the order it was taken, in a file that survives a kill at any
// instruction.
//
// A step that changes a store is recorded before it is tried and when its outcome
// is known. An intent without an outcome is what a killed process leaves: whoever
// finds one reads both stores and decides; see [Entry.Open]. No value of a secret,
// and nothing computed from one, is ever in the file.
//
// Start reading at [Next], which says what may follow what, then at [Open] and
// [Ledger.Begin]. What the steps do is for others.
package ledger

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

//go:embed migrations
var migrations embed.FS

// FileName of the ledger, in the folder of the configuration.
const FileName = "migration.db"

// versionTable records which migrations of the schema were applied.
const versionTable = "ledger_schema"

// ErrNone is the error of [Open] when there is no ledger and none was to be made.
var ErrNone = errors.New("there is no migration")

// Config of a ledger.
type Config struct {
	// Folder has the file.
	Folder string
	// Create makes the file when it is missing.
	Create bool
	// Who and Host are recorded with each event.
	Who, Host string
	// Now is the clock; nil for the system's.
	Now func() time.Time
}

// Ledger is an open ledger. It is safe for concurrent use, and other processes may
// read the file meanwhile; only the one that holds the [Lock] may write.
type Ledger struct {
	config Config
	path   string
	db     *productdb.DB
	ready  map[string]*sql.Stmt // statements of every step, by their text
	queue  chan request
	done   chan struct{}
}

// Open opens the file, for its owner only. Close the ledger in the end.
func Open(ctx context.Context, c Config) (*Ledger, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	path := filepath.Join(c.Folder, FileName)
	if _, err := os.Stat(path); !c.Create && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s does not exist", ErrNone, path)
	}
	db, err := productdb.Open(ctx, productdb.Config{ConnectionString: secret.NewValue([]byte("sqlite:" + path)), Durable: true, CacheKiB: cacheKiB})
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err == nil {
		err = db.Migrate(ctx, files, versionTable)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the ledger: %w", err), db.Close())
	}
	l := &Ledger{config: c, path: path, db: db, queue: make(chan request), done: make(chan struct{})}
	if err := l.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the ledger: %w", err), db.Close())
	}
	go l.write()
	return l, nil
}

// cacheKiB bounds the memory of each connection, however many refs there are.
const cacheKiB = 512

// Path of the file.
func (l *Ledger) Path() string { return l.path }

// Close waits for what is being recorded. Nothing may be recorded afterwards.
func (l *Ledger) Close() error {
	close(l.queue)
	<-l.done
	return l.db.Close()
}

// Side is one of the two stores.
type Side struct {
	// Provider as Secrets:Provider would call it.
	Provider string `json:"provider"`
	// Config is the path of the settings file that it is configured in; empty for the one
	// that the product runs with.
	Config string `json:"config"`
	// Store is what the store calls itself, as in a vault's host; it never holds a
	// credential.
	Store string `json:"store"`
}

// Migration is what the ledger is about.
type Migration struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	Who     string    `json:"who"`
	Host    string    `json:"host"`
	From    Side      `json:"from"`
	To      Side      `json:"to"`
	// Planned is when a plan was last complete; zero before the first.
	Planned time.Time `json:"planned,omitzero"`
}

// Migration returns what the ledger is about; [ErrNone] when nothing was planned.
func (l *Ledger) Migration(ctx context.Context) (Migration, error) {
	var m Migration
	var created, planned productdb.Time
	err := l.db.Read.QueryRowContext(ctx, `SELECT id, created, who, host, from_provider, from_config, from_store,
		to_provider, to_config, to_store, planned FROM migration`).Scan(&m.ID, &created, &m.Who, &m.Host,
		&m.From.Provider, &m.From.Config, &m.From.Store, &m.To.Provider, &m.To.Config, &m.To.Store, &planned)
	if errors.Is(err, sql.ErrNoRows) {
		return m, fmt.Errorf("%w in %s yet", ErrNone, l.path)
	}
	if err != nil {
		return m, fmt.Errorf("read the ledger %s: %w", l.path, err)
	}
	m.Created, m.Planned = created.Time, planned.Time
	return m, nil
}

// BegunError is a ledger that cannot be made to be about another migration, because the
// one that it is about has copied secrets.
type BegunError struct{ Migration Migration }

// Error says which migration it is.
func (e *BegunError) Error() string {
	return fmt.Sprintf("migration %s from %s (%s) to %s (%s) has copied secrets", e.Migration.ID,
		e.Migration.From.Provider, e.Migration.From.Store, e.Migration.To.Provider, e.Migration.To.Store)
}

// Found makes the ledger be about m, whose Who, Host and Created it fills in. One that
// was planned before and has copied nothing gives way; another one is a [*BegunError].
func (l *Ledger) Found(ctx context.Context, m Migration) error {
	before, err := l.Migration(ctx)
	if err != nil && !errors.Is(err, ErrNone) {
		return err
	}
	return l.submit(ctx, func(b *batch) error {
		var copied int
		if err := b.tx.QueryRow("SELECT COUNT(*) FROM refs WHERE written <> '' OR open <> 0").Scan(&copied); err != nil {
			return &brokenError{err}
		}
		if copied > 0 {
			return &BegunError{before}
		}
		for _, table := range []string{"refs", "migration"} {
			if err := b.exec("DELETE FROM " + table); err != nil {
				return err
			}
		}
		return b.exec(`INSERT INTO migration (one, id, created, who, host, from_provider, from_config, from_store, to_provider, to_config, to_store)
			VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, m.ID, b.at, l.config.Who, l.config.Host,
			m.From.Provider, m.From.Config, m.From.Store, m.To.Provider, m.To.Config, m.To.Store)
	})
}
