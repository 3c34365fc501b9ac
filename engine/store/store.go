// Package store keeps what the engine and the Admin API know: connectors and
// their watermarks, schedules, runs and their logs, the objects that connectors
// read, the instances, and the tokens of operators. It speaks SQLite and SQL
// Server, and holds the rules that need a transaction:
//
//   - A watermark moves only together with the rows it covers ([Import]).
//   - One holder at a time works on a connector ([Lease]), and who lost the lease
//     can no longer commit: every transaction of an import checks it.
//   - Only a complete full import makes an object absent ([Import.Complete]).
//   - What a run does to objects stands in the connector's audit chain, written by
//     the same transaction ([Store.ObjectHistory] reads it).
//
// When to run, what to read and how to react is for packages schedule, run and
// connector; secrets are never here. Start reading at [Open], then [Import].
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/google/uuid"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

//go:embed migrations
var migrations embed.FS

// versionTable records which migrations of this package were applied.
const versionTable = "IM_EngineSchema"

// Config says where the store is.
type Config struct {
	DB productdb.Config
	// Now is the clock; nil means the system's.
	Now func() time.Time
	// NewID makes ids of at most 36 characters that never repeat; nil means UUIDs.
	NewID func() string
	// OnStatement, when set, is told of each statement: its name and how many
	// rows it read or changed. It may be called concurrently.
	OnStatement func(name string, rows int)
}

// Store is an open store, safe for concurrent use.
type Store struct {
	db   *productdb.DB
	cfg  Config
	fast *sqliteStatements // nil on SQL Server
	// audit has the chains into which transactions write what they do to objects.
	audit *audit.Log
}

// Open opens the database and brings its tables up to date. A database of a
// newer version gives a [*productdb.NewerSchemaError].
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.NewID == nil {
		cfg.NewID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	if cfg.OnStatement == nil {
		cfg.OnStatement = func(string, int) {}
	}
	db, err := productdb.Open(ctx, cfg.DB)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, cfg: cfg}
	files, err := fs.Sub(migrations, "migrations")
	if err == nil {
		err = db.Migrate(ctx, files, versionTable)
	}
	if err == nil {
		s.audit, err = audit.Open(ctx, db, cfg.Now)
	}
	if err == nil {
		err = s.prepare(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// prepare gets ready for pages of objects.
func (s *Store) prepare(ctx context.Context) (err error) {
	if s.db.Dialect == productdb.SQLite {
		s.fast, err = prepareSQLite(ctx, s.db.Write)
		return err
	}
	var n int
	return oldDatabase(s.row(ctx, s.db.Read, "read JSON", "SELECT COUNT(*) FROM OPENJSON(@p1)", []any{"[]"}, []any{&n}), s.db.Target)
}

// Close closes the database.
func (s *Store) Close() error {
	if s.fast != nil {
		s.fast.close()
	}
	return s.db.Close()
}

// DB returns the database, for the other packages that keep tables in it.
func (s *Store) DB() *productdb.DB { return s.db }

// Target names the database for people, without credentials.
func (s *Store) Target() string { return s.db.Target }

// now returns the time as the database will give it back.
func (s *Store) now() time.Time { return productdb.Cut(s.cfg.Now()) }

// querier is a transaction, or the pool of readers.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// exec runs a statement written with @p1 and so on and returns how many rows it
// changed. Errors carry the statement's name.
func (s *Store) exec(ctx context.Context, q querier, name, query string, args ...any) (int64, error) {
	result, err := q.ExecContext(ctx, s.db.Dialect.SQL(query), s.args(args)...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	s.cfg.OnStatement(name, int(n))
	return n, nil
}

// query calls scan for each row of the result.
func (s *Store) query(ctx context.Context, q querier, name string, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, s.db.Dialect.SQL(query), s.args(args)...)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	n, err := drain(rows, scan)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	s.cfg.OnStatement(name, n)
	return nil
}

func drain(rows *sql.Rows, scan func(*sql.Rows) error) (n int, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return n, err
		}
		n++
	}
	return n, rows.Err()
}

// row scans the one row of the result; [ErrNotFound] when there is none.
func (s *Store) row(ctx context.Context, q querier, name, query string, args, into []any) error {
	err := q.QueryRowContext(ctx, s.db.Dialect.SQL(query), s.args(args)...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	s.cfg.OnStatement(name, 1)
	return nil
}

// args turns times into the dialect's parameters, in place.
func (s *Store) args(args []any) []any {
	for i, a := range args {
		if t, ok := a.(time.Time); ok {
			args[i] = s.db.Dialect.Time(t)
		}
	}
	return args
}
