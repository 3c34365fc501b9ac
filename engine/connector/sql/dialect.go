package sqlconn

import (
	"context"
	"database/sql/driver"
	"log/slog"
	"math"
	"strings"
	"time"
)

// dialect is all that differs between the databases.
type dialect struct {
	name    string
	grammar grammar
	// placeholder is what the driver calls a parameter.
	placeholder func(deltaType) string
	// positional parameters need an argument each; named ones have a name.
	positional, named bool
	// lowest makes an integer parameter that is below every row.
	lowest int64
	// stamp turns a time into the argument that compares with the delta column
	// in the form in which the server keeps it.
	stamp func(time.Time) any
	// render turns values of some column types into text; ok is false for those
	// that need no special care.
	render func(columnType string, value any) (text string, ok bool)
	// prepare is set when a statement with and one without arguments travel in
	// different forms, which would render the same value in two ways.
	prepare bool
	// torn is set when rows that change while they are read may be missed with
	// a value below the largest one seen, because a statement does not read one
	// snapshot.
	torn bool
	// zeroDates is set when the zero time means that there is none.
	zeroDates bool
	// ownOffset is set when times are kept and compared as texts, so that the
	// offset they are written in matters.
	ownOffset bool
	// noCredentials is set when there is nobody to sign in as.
	noCredentials bool
	// parse reads a connection string. Its errors never repeat the text.
	parse func(connection string) (endpoint, error)
	// version is a query for the server's name and version.
	version string
	checks  []check
}

// check is a query for one text, and a note for operators when that is warn.
// A server that does not know the answer is not a problem.
type check struct{ query, warn, note string }

// endpoint is a connection string that was read.
type endpoint struct {
	// label names the server and the database in errors.
	label                string
	hasUser, hasPassword bool
	// connector returns what connects; password is nil to use the one that the
	// connection string holds.
	connector func(password []byte, logger *slog.Logger) (driver.Connector, error)
}

var dialects = map[string]*dialect{
	"postgres": {
		name:    "postgres",
		grammar: grammar{escapeString: true, nested: true},
		// Without the cast the parameter would have the column's type, and the
		// lowest value does not fit all of them.
		placeholder: func(t deltaType) string {
			if t == integers {
				return "$1::bigint"
			}
			return "$1"
		},
		lowest:  math.MinInt64,
		stamp:   func(t time.Time) any { return t.UTC() },
		render:  renderPostgres,
		parse:   parsePostgres,
		version: "SELECT split_part(version(), ' on ', 1)",
		checks: []check{{
			query: "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
			warn:  "false", note: noteCleartext,
		}},
	},
	"mysql": {
		name:        "mysql",
		grammar:     grammar{backslash: true, backticks: true, hash: true},
		placeholder: func(deltaType) string { return "?" },
		positional:  true,
		lowest:      math.MinInt64,
		stamp:       func(t time.Time) any { return t.UTC() },
		render:      renderMySQL,
		prepare:     true,
		zeroDates:   true,
		parse:       parseMySQL,
		version:     "SELECT CONCAT(IF(VERSION() LIKE '%MariaDB%', '', 'MySQL '), VERSION())",
		checks: []check{{
			query: "SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'SSL_CIPHER'",
			warn:  "", note: noteCleartext,
		}, {
			query: "SELECT VARIABLE_VALUE FROM performance_schema.session_status WHERE VARIABLE_NAME = 'Ssl_cipher'",
			warn:  "", note: noteCleartext,
		}},
	},
	"sqlserver": {
		name:        "sqlserver",
		grammar:     grammar{brackets: true, nested: true},
		placeholder: func(deltaType) string { return parameter },
		named:       true,
		// A negative number would be the largest once it is cast to a rowversion.
		lowest:  0,
		stamp:   stampSQLServer,
		render:  renderSQLServer,
		torn:    true,
		parse:   parseSQLServer,
		version: "SELECT @@VERSION",
		checks: []check{{
			query: "SELECT CAST(is_read_committed_snapshot_on AS int) FROM sys.databases WHERE database_id = DB_ID()",
			warn:  "0",
			note: "READ_COMMITTED_SNAPSHOT is off in this database: rows that change while they are read can be " +
				"missed by an integer delta column when more rows than the overlap change meanwhile",
		}},
	},
	"sqlite": {
		name:          "sqlite",
		grammar:       grammar{brackets: true, backticks: true},
		placeholder:   func(deltaType) string { return "?1" },
		lowest:        math.MinInt64,
		stamp:         stampSQLite,
		render:        renderSQLite,
		ownOffset:     true,
		noCredentials: true,
		parse:         parseSQLite,
		version:       "SELECT 'SQLite ' || sqlite_version()",
	},
}

const noteCleartext = "the connection is not encrypted"

// connectFunc is a [driver.Connector] that decides at connect time. It keeps
// passwords out of the pool, which lives longer.
type connectFunc func(ctx context.Context) (driver.Conn, error)

func (f connectFunc) Connect(ctx context.Context) (driver.Conn, error) { return f(ctx) }
func (f connectFunc) Driver() driver.Driver                            { return f }
func (f connectFunc) Open(string) (driver.Conn, error)                 { return f(context.Background()) }

// misplaced reports whether a connection URL has its @ only behind the end of
// the host, as it does when the password holds / ? or # as they are. The parts
// of such a password would then be taken for a host or a database and be named
// in errors.
func misplaced(url string) bool {
	_, rest, ok := strings.Cut(url, "://")
	if !ok {
		return false
	}
	end := strings.IndexAny(rest, "/?#")
	return end >= 0 && !strings.Contains(rest[:end], "@") && strings.Contains(rest[end:], "@")
}
