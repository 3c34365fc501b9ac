package productdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

// serverLockTimeout is how long a host waits while another one migrates.
const serverLockTimeout = 2 * time.Minute

// NewerSchemaError says that a newer version of the program has migrated the
// database.
type NewerSchemaError struct {
	Target       string
	VersionTable string
	Found, Known int64
}

func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("the database %s was upgraded by a newer version: %s says %d and this program knows up to %d; "+
		"run that version, or restore the database from before the upgrade", e.Target, e.VersionTable, e.Found, e.Known)
}

// Migrate brings the tables of one component up to date and does nothing when
// they are. The folders sqlite and sqlserver of migrations hold goose's numbered
// SQL files; versionTable is the component's own record of those applied.
// Processes that start together take turns. A schema that is newer than
// migrations gives a [*NewerSchemaError].
func (d *DB) Migrate(ctx context.Context, migrations fs.FS, versionTable string) error {
	files, err := fs.Sub(migrations, string(d.Dialect))
	if err != nil {
		return fmt.Errorf("migrations of %s: %w", d.Dialect, err)
	}
	work := func() error { return d.migrate(ctx, files, versionTable) }
	if d.Dialect == SQLite {
		err = d.exclusively(ctx, work)
	} else {
		err = d.underServerLock(ctx, versionTable, work)
	}
	if err != nil {
		return fmt.Errorf("migrate %s: %w", d.Target, err)
	}
	return nil
}

func (d *DB) migrate(ctx context.Context, files fs.FS, versionTable string) error {
	kind := goose.DialectSQLite3
	if d.Dialect == SQLServer {
		kind = goose.DialectMSSQL
	}
	provider, err := goose.NewProvider(kind, d.Write, files, goose.WithTableName(versionTable),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	found, known, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	if found > known {
		return &NewerSchemaError{Target: d.Target, VersionTable: versionTable, Found: found, Known: known}
	}
	_, err = provider.Up(ctx)
	return err
}

// underServerLock runs fn while this host alone holds the application lock of
// that name. The lock belongs to a transaction that does nothing else and goes
// with its connection, whatever happens to this process.
func (d *DB) underServerLock(ctx context.Context, name string, fn func() error) error {
	tx, err := d.Write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	var outcome int
	err = tx.QueryRowContext(ctx, `DECLARE @outcome int;
EXEC @outcome = sp_getapplock @Resource = @p1, @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = @p2;
SELECT @outcome;`, "IdentityMesh:migrate:"+name, serverLockTimeout.Milliseconds()).Scan(&outcome)
	if err == nil && outcome < 0 {
		err = fmt.Errorf("another host has been migrating it for %s (sp_getapplock says %d); try again when it is done",
			serverLockTimeout, outcome)
	}
	if err == nil {
		err = fn()
	}
	if undo := tx.Rollback(); err == nil && !errors.Is(undo, sql.ErrTxDone) {
		err = undo
	}
	return err
}
