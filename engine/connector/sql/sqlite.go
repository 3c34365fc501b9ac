package sqlconn

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
)

func parseSQLite(path string) (endpoint, error) {
	if strings.HasPrefix(path, "file:") || strings.HasPrefix(path, ":") || strings.ContainsRune(path, 0) {
		return endpoint{}, errors.New("for sqlite it is the path of a database file, without parameters")
	}
	return endpoint{
		label: path,
		connector: func([]byte, *slog.Logger) (driver.Connector, error) {
			return connectFunc(func(ctx context.Context) (driver.Conn, error) { return openSQLite(ctx, path) }), nil
		},
	}, nil
}

// openSQLite opens the file for reading only. The check before it is for the
// sake of the error, which would otherwise not say what is missing.
func openSQLite(ctx context.Context, path string) (driver.Conn, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a folder, not a database file", path)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	slashed := filepath.ToSlash(absolute)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a Windows drive
	}
	uri := url.URL{Scheme: "file", Path: slashed, RawQuery: "mode=ro&_query_only=1&_busy_timeout=10000"}
	connector, err := sqlite.NewConnector(uri.String())
	if err != nil {
		return nil, err
	}
	return connector.Connect(ctx)
}

// stampSQLite gives a text, because SQLite compares texts byte by byte: in the
// column's own offset from UTC, cut to the second, with the separator that sorts
// before the other one. So it never sorts after a row that is not older.
func stampSQLite(t time.Time) any { return t.Format("2006-01-02 15:04:05") }

func renderSQLite(_ string, value any) (string, bool) {
	if b, ok := value.([]byte); ok {
		return renderBinary(b), true
	}
	return "", false
}

var textTimes = []string{
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05",
	"2006-01-02",
	"2006-01-02 15:04Z07:00",
	"2006-01-02 15:04",
	// What Go programs store when they do not choose a form.
	"2006-01-02 15:04:05 -0700 MST",
}

// parseTextTime reads the forms that sort by time, which SQLite's own functions
// write and read. The offset is kept.
func parseTextTime(s string) (time.Time, bool) {
	if len(s) > 10 && s[10] == 'T' {
		s = s[:10] + " " + s[11:]
	}
	for _, layout := range textTimes {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
