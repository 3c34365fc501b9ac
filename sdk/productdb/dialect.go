package productdb

import (
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/golang-sql/civil"
)

// Dialect is the kind of a database.
type Dialect string

// The dialects. The names are also those of the folders of migrations.
const (
	SQLite    Dialect = "sqlite"
	SQLServer Dialect = "sqlserver"
)

// System is the dialect's name in traces, a value of db.system.name in
// OpenTelemetry's semantic conventions.
func (d Dialect) System() string {
	if d == SQLServer {
		return "microsoft.sql_server"
	}
	return string(d)
}

// SQL turns a statement with parameters @p1, @p2 and so on into the dialect's.
// The text @p must not occur in it otherwise.
func (d Dialect) SQL(query string) string {
	if d == SQLite {
		return strings.ReplaceAll(query, "@p", "?")
	}
	return query
}

// Limit returns the clause that follows ORDER BY and ends the result after as
// many rows as the parameter says, as in Limit("@p3").
func (d Dialect) Limit(parameter string) string {
	if d == SQLite {
		return " LIMIT " + parameter
	}
	return " OFFSET 0 ROWS FETCH NEXT " + parameter + " ROWS ONLY"
}

const timeLayout = "2006-01-02T15:04:05.000000Z"

// Time returns a parameter for t, cut to microseconds, or a typed NULL for the
// zero time.
func (d Dialect) Time(t time.Time) any {
	t = Cut(t)
	switch {
	case d == SQLite && t.IsZero():
		return sql.NullString{}
	case d == SQLite:
		return t.Format(timeLayout)
	case t.IsZero():
		return sql.NullTime{}
	}
	// As datetime2, which the columns are. A time.Time travels as datetimeoffset,
	// and to compare with one the server would convert each row's instead of using
	// its index.
	return civil.DateTimeOf(t)
}

// Cut returns t as the database gives it back: in UTC, whole microseconds.
func Cut(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Time scans a time that was written with [Dialect.Time]; NULL gives the zero
// time.
type Time struct{ time.Time }

// Scan implements [sql.Scanner].
func (t *Time) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		t.Time = time.Time{}
		return nil
	case time.Time:
		t.Time = Cut(v)
		return nil
	case string:
		// Of the layouts that read timeLayout, the one that package time reads fast.
		parsed, err := time.Parse(time.RFC3339Nano, v)
		if err != nil {
			return fmt.Errorf("stored time: %w", err)
		}
		t.Time = parsed
		return nil
	}
	return fmt.Errorf("stored time: unexpected type %T", src)
}
