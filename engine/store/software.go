package store

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"

	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// Software says what the database is.
type Software struct {
	// Dialect is its kind, Version that of the server or of the embedded engine.
	Dialect, Version string
	// Schemas are the versions of the tables of each component, by the table that
	// records them.
	Schemas map[string]int64
}

// schemaTable is what tables are called that record which migrations were applied.
var schemaTable = regexp.MustCompile(`^IM_[A-Za-z]+Schema$`)

// Software asks the database what it is.
func (s *Store) Software(ctx context.Context) (Software, error) {
	out := Software{Dialect: string(s.db.Dialect), Schemas: map[string]int64{}}
	version, tables := "SELECT sqlite_version()", "SELECT name FROM sqlite_master WHERE type = 'table'"
	if s.db.Dialect == productdb.SQLServer {
		version, tables = "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128))", "SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES"
	}
	if err := s.row(ctx, s.db.Read, "database version", version, nil, []any{&out.Version}); err != nil {
		return out, err
	}
	var names []string
	if err := s.query(ctx, s.db.Read, "tables", func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		if schemaTable.MatchString(name) {
			names = append(names, name)
		}
		return err
	}, tables); err != nil {
		return out, err
	}
	for _, name := range names {
		var n int64
		if err := s.row(ctx, s.db.Read, "schema version", fmt.Sprintf("SELECT COALESCE(MAX(version_id), 0) FROM %s WHERE is_applied = 1", name),
			nil, []any{&n}); err != nil {
			return out, err
		}
		out.Schemas[name] = n
	}
	return out, nil
}
