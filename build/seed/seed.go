// Package seed fills a product database with as much as a very large installation
// has after some months: connectors with schedules and objects, and the history of
// their runs. The same Config gives the same rows.
//
// It writes the tables directly, because a million runs through the engine would
// take days; what the product derives from them, such as the state of each
// connector, it lets the product derive. It is for databases that nobody else has
// open. What is asked of such a database is its caller's concern. Start reading at
// [Fill]; the rows are in fill.sql.
package seed

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// Config says how much there is to be.
type Config struct {
	// DataFolder is the product's; it has no database yet.
	DataFolder string
	// Connectors and Runs are at least 100, and Objects as many as one likes.
	Connectors, Runs, Objects int
	// Until is when the newest run was queued, and Span how long before that the
	// first one was. Two engines show signs of life for a day after Until.
	Until time.Time
	Span  time.Duration
}

//go:embed fill.sql
var statements string

// Names of connectors and objects; see fill.sql.
const (
	// ConnectorName is the format of the name of the connector with that number, which
	// counts from 1.
	ConnectorName = "Site %05d"
	// ObjectName is the format of the cn of the object with that number.
	ObjectName = "Person %06d"
)

// ConnectorID returns the id of the connector with that number.
func ConnectorID(n int) string { return fmt.Sprintf("c0000000-0000-7000-8000-%012d", n) }

// Fill makes the database.
func Fill(ctx context.Context, c Config) error {
	if c.Connectors < 100 || c.Runs < 100 {
		return fmt.Errorf("fill %s: there must be at least 100 connectors and runs, not %d and %d", c.DataFolder, c.Connectors, c.Runs)
	}
	// The product makes the tables, and in the end what it derives.
	if err := product(ctx, c, func(*store.Store) error { return nil }); err != nil {
		return err
	}
	if err := c.fill(ctx); err != nil {
		return fmt.Errorf("fill %s: %w", c.DataFolder, err)
	}
	return product(ctx, c, func(s *store.Store) error { return s.ShowConnectors(ctx, refs) })
}

func product(ctx context.Context, c Config, do func(*store.Store) error) error {
	s, err := store.Open(ctx, store.Config{DB: productdb.Config{DataFolder: c.DataFolder, CacheKiB: cacheKiB}})
	if err != nil {
		return err
	}
	return errors.Join(do(s), s.Close())
}

// refs returns the one ref that each of the connectors uses.
func refs(c store.Connector) []string {
	var config struct{ PasswordSecretRef string }
	if json.Unmarshal(c.Config, &config) != nil || config.PasswordSecretRef == "" {
		return []string{}
	}
	return []string{config.PasswordSecretRef}
}

// cacheKiB keeps most of what is written in memory.
const cacheKiB = 128 << 10

// fill writes the rows, and builds the indexes only then, which is much faster than
// to look for the place of each row in each of them.
func (c Config) fill(ctx context.Context) (err error) {
	path, err := filepath.Abs(filepath.Join(c.DataFolder, productdb.FileName))
	if err != nil {
		return err
	}
	q := url.Values{}
	// Whoever is interrupted begins anew, so nothing is kept for a way back.
	for _, pragma := range []string{"journal_mode(OFF)", "synchronous(OFF)", "temp_store(MEMORY)", fmt.Sprintf("cache_size(-%d)", cacheKiB)} {
		q.Add("_pragma", pragma)
	}
	db := sql.OpenDB(connector{(&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()})
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()

	indexes, err := withoutIndexes(ctx, db)
	if err != nil {
		return err
	}
	args := []any{
		sql.Named("connectors", c.Connectors), sql.Named("runs", c.Runs), sql.Named("objects", c.Objects),
		sql.Named("from", float64(c.Until.Add(-c.Span).UnixMilli())/1000), sql.Named("step", c.Span.Seconds()/float64(c.Runs)),
		sql.Named("until", float64(c.Until.UnixMilli())/1000), sql.Named("database", path),
	}
	for statement := range strings.SplitSeq(statements, ";\n") {
		if _, err := db.ExecContext(ctx, statement, used(statement, args)...); err != nil {
			return fmt.Errorf("%w in %s", err, statement)
		}
	}
	for _, index := range indexes {
		if _, err := db.ExecContext(ctx, index); err != nil {
			return err
		}
	}
	return nil
}

// used returns the arguments that a statement has parameters for.
func used(statement string, args []any) (of []any) {
	for _, a := range args {
		if strings.Contains(statement, "@"+a.(sql.NamedArg).Name) {
			of = append(of, a)
		}
	}
	return of
}

// withoutIndexes removes the indexes of the large tables and returns what makes
// them again.
func withoutIndexes(ctx context.Context, db *sql.DB) (make []string, err error) {
	rows, err := db.QueryContext(ctx, `SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL
		AND tbl_name IN ('IM_RunHistory', 'IM_ManagementSpaceObjects') ORDER BY name`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var drop []string
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return nil, err
		}
		drop, make = append(drop, "DROP INDEX "+name), append(make, text)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	for _, statement := range drop {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return nil, err
		}
	}
	return make, nil
}
