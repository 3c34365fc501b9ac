// Package hr is the demo's HR database: a SQLite file with the employees of a
// made-up company, as a payroll system would hold them.
//
// The sync engine reads the file on its own; this package makes it and changes it.
// Start reading at [Open].
package hr

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/identitymesh/identitymesh/build/demo/people"
)

// Query is what a connector imports with. Its watermark is ModifiedDate, and its
// anchor EmployeeId.
const Query = `SELECT EmployeeId, FirstName, LastName, DisplayName, Mail, Department, Title, City, ManagerId, Active, ModifiedDate
FROM Employees WHERE ModifiedDate >= @watermark ORDER BY ModifiedDate`

const mailDomain = "demo.identitymesh.example"

// ModifiedDate is text in UTC that sorts by time, as SQLite's own functions write
// it. Keeping it is up to whoever changes a row, as in most HR systems.
const schema = `
CREATE TABLE Employees (
	EmployeeId   INTEGER PRIMARY KEY,
	FirstName    TEXT NOT NULL,
	LastName     TEXT NOT NULL,
	DisplayName  TEXT NOT NULL,
	Mail         TEXT NOT NULL UNIQUE,
	Department   TEXT NOT NULL,
	Title        TEXT NOT NULL,
	City         TEXT NOT NULL,
	ManagerId    INTEGER REFERENCES Employees (EmployeeId),
	Active       INTEGER NOT NULL DEFAULT 1 CHECK (Active IN (0, 1)),
	ModifiedDate TEXT NOT NULL
);
CREATE INDEX EmployeesByModifiedDate ON Employees (ModifiedDate);
CREATE TABLE Changes (LastEmployeeId INTEGER NOT NULL, Count INTEGER NOT NULL);
INSERT INTO Changes VALUES (0, 0);`

// Config says where the database is and what it holds when it is made.
type Config struct {
	// Path of the file, whose folder exists.
	Path string
	// Seed and People make up the content; see package people.
	Seed   uint64
	People int
	// Now is the clock behind the ModifiedDate of changes.
	Now func() time.Time
}

// Database is the open HR database. It is safe for concurrent use.
type Database struct {
	db  *sql.DB
	now func() time.Time
}

// Open opens the database and fills it when it is new; what an older one holds is
// kept.
func Open(ctx context.Context, c Config) (*Database, error) {
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return nil, fmt.Errorf("open the HR database: %w", err)
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a Windows drive
	}
	uri := url.URL{Scheme: "file", Path: path, RawQuery: "_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)&_txlock=immediate"}
	db, err := sql.Open("sqlite", uri.String())
	if err != nil {
		return nil, fmt.Errorf("open the HR database: %w", err)
	}
	d := &Database{db: db, now: c.Now}
	if err := d.create(ctx, c); err != nil {
		return nil, fmt.Errorf("open the HR database %s: %w", c.Path, errors.Join(err, db.Close()))
	}
	return d, nil
}

// Close closes the database.
func (d *Database) Close() error { return d.db.Close() }

// create makes and fills the table in one transaction, so that a database is
// either new or whole.
func (d *Database) create(ctx context.Context, c Config) error {
	return d.transaction(ctx, func(tx *sql.Tx) error {
		var tables int
		err := tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'Employees'").Scan(&tables)
		if err != nil || tables > 0 {
			return err
		}
		if _, err := tx.ExecContext(ctx, schema); err != nil {
			return err
		}
		insert, err := tx.PrepareContext(ctx, "INSERT INTO Employees VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?)")
		if err != nil {
			return err
		}
		defer func() { _ = insert.Close() }()
		for _, p := range people.Generate(c.Seed, c.People) {
			manager := sql.NullInt64{Int64: int64(p.Manager), Valid: p.Manager != 0}
			_, err := insert.ExecContext(ctx, p.Number, p.Given, p.Family, p.Name(), p.Mail(mailDomain), p.Department, p.Title,
				p.City, manager, stamp(p.Joined))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// ChangePeople gives n employees another title and returns how many it changed: n,
// or all there are. Each call goes on where the last one ended, also after the
// database was closed and opened.
func (d *Database) ChangePeople(ctx context.Context, n int) (int, error) {
	changed := 0
	err := d.transaction(ctx, func(tx *sql.Tx) error {
		var last, count, staff int64
		err := tx.QueryRowContext(ctx, "SELECT LastEmployeeId, Count, (SELECT count(*) FROM Employees) FROM Changes").Scan(&last, &count, &staff)
		if err != nil {
			return err
		}
		at := stamp(d.now())
		for range min(int64(n), staff) {
			// The next one, or the first one after the last; the count makes each title new.
			count++
			err := tx.QueryRowContext(ctx, `
				UPDATE Employees SET Title = rtrim(rtrim(Title, '0123456789'), ' #') || ' #' || ?, ModifiedDate = ?
				WHERE EmployeeId = (SELECT EmployeeId FROM Employees ORDER BY EmployeeId <= ?, EmployeeId LIMIT 1)
				RETURNING EmployeeId`, count, at, last).Scan(&last)
			if err != nil {
				return err
			}
			changed++
		}
		_, err = tx.ExecContext(ctx, "UPDATE Changes SET LastEmployeeId = ?, Count = ?", last, count)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("change people in the HR database: %w", err)
	}
	return changed, nil
}

func (d *Database) transaction(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05.000000") }
