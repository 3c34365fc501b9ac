// Package rows keeps sealed secrets as rows of IM_Secrets in the product
// database: one row per ref, its current version only.
//
// It neither seals nor opens; see package protector. Connecting, and what a
// failure means to a caller, is left to package dpapi. Start reading at [Table].
package rows

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/identitymesh/identitymesh/plugins/dpapi/protector"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// VersionTable records which migrations of this package were applied. The other
// tables of the product database have a record of their own.
const VersionTable = "IM_SecretsSchema"

// ErrNotFound: there is no row for the ref.
var ErrNotFound = errors.New("there is no such secret")

// ErrExists: there is a row, and the caller expected none.
var ErrExists = errors.New("the secret exists already")

// ConflictError: the row is at another version than the caller expected.
type ConflictError struct {
	Expected secret.Version
	// Current is empty when there is no row.
	Current secret.Version
}

// Error returns the text.
func (e *ConflictError) Error() string {
	if e.Current == "" {
		return fmt.Sprintf("version %s was expected, and the secret does not exist", e.Expected)
	}
	return fmt.Sprintf("version %s was expected, and the secret is at version %s", e.Expected, e.Current)
}

// Row is one sealed secret.
type Row struct {
	// Name is naming.Name(Ref), but for legacy rows, where it is the ref.
	Name string
	Ref  secret.Ref
	// Blob, and the host's name in Sealed, are not filled in by [Table.Page].
	Blob []byte
	// Sealed says what sealed the blob. Its zero value marks a legacy row.
	Sealed protector.Identity
	Number int64
	// Created and Updated are zero in legacy rows, Expires for never.
	Created, Updated, Expires time.Time
	Tags                      map[string]string
}

// Legacy reports whether the .NET product wrote the row.
func (r Row) Legacy() bool { return r.Sealed.Kind == "" }

// Version is the text of the row's number. It grows with every set, also across
// a delete.
func (r Row) Version() secret.Version { return secret.Version(strconv.FormatInt(r.Number, 10)) }

// Table is IM_Secrets. It is safe for concurrent use, also by several processes
// and hosts.
type Table struct {
	db     *productdb.DB
	now    func() time.Time
	tracer trace.Tracer
	// byName is prepared because a connection would parse it anew at each Find,
	// which takes longer than to run it. It is closed with the database.
	byName *sql.Stmt
}

// Config of a [Table].
type Config struct {
	// DB stays the caller's to close.
	DB *productdb.DB
	// Now is the clock of the rows' times.
	Now func() time.Time
	// Tracer makes a span of each operation within the caller's.
	Tracer trace.TracerProvider
}

//go:embed migrations
var embedded embed.FS

// Open brings the table up to date and returns it.
func Open(ctx context.Context, c Config) (*Table, error) {
	migrations, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return nil, err
	}
	if err := c.DB.Migrate(ctx, migrations, VersionTable); err != nil {
		return nil, err
	}
	byName, err := c.DB.Read.PrepareContext(ctx, c.DB.Dialect.SQL("SELECT "+metadataColumns+", blob FROM IM_Secrets WHERE name = @p1"))
	if err != nil {
		return nil, fmt.Errorf("prepare to find secrets: %w", err)
	}
	return &Table{db: c.DB, now: c.Now, byName: byName, tracer: c.Tracer.Tracer("github.com/identitymesh/identitymesh/plugins/dpapi/rows")}, nil
}

// span begins an operation; the outcome that the caller returns ends it.
func (t *Table) span(ctx context.Context, operation string) (context.Context, func(error)) {
	return telemetry.Database(ctx, t.tracer, t.db.Dialect.System(), operation, "IM_Secrets")
}
