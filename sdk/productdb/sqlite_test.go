package productdb_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func open(t *testing.T, cfg productdb.Config) *productdb.DB {
	t.Helper()
	d, err := productdb.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func exec(t *testing.T, d *productdb.DB, query string, args ...any) {
	t.Helper()
	err := d.InWriteTx(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(d.Dialect.SQL(query), args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheEmbeddedDatabaseIsForItsOwnerOnly(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "new", "data 100% #1?")
	if runtime.GOOS == "windows" {
		folder = filepath.Join(t.TempDir(), "new", "data 100% #1")
	}
	d := open(t, productdb.Config{DataFolder: folder})
	exec(t, d, "CREATE TABLE a (x)")
	path := filepath.Join(folder, productdb.FileName)
	if d.Target != path || d.Dialect != productdb.SQLite {
		t.Errorf("target %q, want %q", d.Target, path)
	}
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such file modes")
	}
	for name, want := range map[string]os.FileMode{folder: 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600, path + ".lock": 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: %o, want %o", name, got, want)
		}
	}
}

func TestAFolderThatCannotBeUsedIsNamedWithItsKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := productdb.Open(t.Context(), productdb.Config{DataFolder: file})
	if err == nil {
		_ = d.Close()
		t.Fatal("a file served as the data folder")
	}
	if !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "IdentityMesh:DataFolder") {
		t.Errorf("got %v", err)
	}
}

func TestTheSettingsOfTheEmbeddedDatabase(t *testing.T) {
	for name, tc := range map[string]struct {
		durable     bool
		synchronous string
	}{"by default": {false, "1"}, "when durable": {true, "2"}} {
		t.Run(name, func(t *testing.T) {
			d := open(t, productdb.Config{DataFolder: t.TempDir(), Durable: tc.durable})
			want := map[string]string{"journal_mode": "wal", "synchronous": tc.synchronous, "foreign_keys": "1", "busy_timeout": "10000", "wal_autocheckpoint": "8000"}
			for pragma, value := range want {
				var got string
				if err := d.Write.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != value {
					t.Errorf("%s is %s, want %s (%v)", pragma, got, value, err)
				}
			}
		})
	}
}

func TestAConnectionStringCanNameAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "x.db")
	first := open(t, productdb.Config{ConnectionString: secret.NewValue([]byte("sqlite:" + path))})
	exec(t, first, "CREATE TABLE a (x)")
	second := open(t, productdb.Config{ConnectionString: secret.NewValue([]byte("sqlite:" + first.Target)), DataFolder: "unused"})
	exec(t, second, "INSERT INTO a VALUES (@p1)", 1)
}

func TestNeitherConnectionStringNorFolderIsAnError(t *testing.T) {
	if _, err := productdb.Open(t.Context(), productdb.Config{ConnectionString: secret.NewValue([]byte(" \n"))}); !fault.Is(err, fault.ConfigInvalid) {
		t.Errorf("error: %v", err)
	}
}

func TestReadersCannotWrite(t *testing.T) {
	d := open(t, productdb.Config{DataFolder: t.TempDir()})
	if _, err := d.Read.Exec("CREATE TABLE a (x)"); err == nil {
		t.Error("a reader created a table")
	}
}

func TestWritersOfTwoProcessesTakeTurns(t *testing.T) {
	folder := t.TempDir()
	first, second := open(t, productdb.Config{DataFolder: folder}), open(t, productdb.Config{DataFolder: folder})
	exec(t, first, "CREATE TABLE counter (n INTEGER NOT NULL)")
	exec(t, first, "INSERT INTO counter VALUES (0)")
	var wg sync.WaitGroup
	for _, d := range []*productdb.DB{first, second, first, second} {
		wg.Go(func() {
			for range 50 {
				err := d.InWriteTx(t.Context(), func(tx *sql.Tx) error {
					var n int
					if err := tx.QueryRow("SELECT n FROM counter").Scan(&n); err != nil {
						return err
					}
					_, err := tx.Exec("UPDATE counter SET n = ?", n+1)
					return err
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	var n int
	if err := second.Read.QueryRow("SELECT n FROM counter").Scan(&n); err != nil || n != 200 {
		t.Errorf("counted to %d, want 200 (%v)", n, err)
	}
}

func TestATransactionIsUndoneByAnErrorAPanicOrTheContext(t *testing.T) {
	boom := errors.New("boom")
	for name, end := range map[string]func(context.CancelFunc) error{
		"an error": func(context.CancelFunc) error { return boom },
		"a panic":  func(context.CancelFunc) error { panic(boom) },
		"the context": func(cancel context.CancelFunc) error {
			cancel()
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, productdb.Config{DataFolder: t.TempDir()})
			exec(t, d, "CREATE TABLE a (x)")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			func() {
				defer func() { _ = recover() }()
				err := d.InWriteTx(ctx, func(tx *sql.Tx) error {
					if _, err := tx.Exec("INSERT INTO a VALUES (1)"); err != nil {
						return err
					}
					return end(cancel)
				})
				if err == nil {
					t.Error("it was committed")
				}
			}()
			var n int
			if err := d.Read.QueryRow("SELECT COUNT(*) FROM a").Scan(&n); err != nil || n != 0 {
				t.Errorf("%d rows (%v)", n, err)
			}
			exec(t, d, "INSERT INTO a VALUES (2)") // the one writer is free again
		})
	}
}

func TestUniqueViolationsOfSQLiteAreRecognised(t *testing.T) {
	d := open(t, productdb.Config{DataFolder: t.TempDir()})
	exec(t, d, "CREATE TABLE a (x INTEGER PRIMARY KEY, y UNIQUE, z NOT NULL)")
	exec(t, d, "INSERT INTO a VALUES (1, 1, 1)")
	for statement, want := range map[string]bool{
		"INSERT INTO a VALUES (1, 2, 1)": true, "INSERT INTO a VALUES (2, 1, 1)": true, "INSERT INTO a VALUES (3, 3, NULL)": false, "nonsense": false,
	} {
		_, err := d.Write.Exec(statement)
		if err == nil || productdb.IsUniqueViolation(err) != want {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

func TestTimesComeBackInMicrosecondsOfUTC(t *testing.T) {
	d := open(t, productdb.Config{DataFolder: t.TempDir()})
	exec(t, d, "CREATE TABLE a (n INTEGER, t TEXT)")
	zone := time.FixedZone("east", 2*3600)
	times := []time.Time{{}, time.Date(2026, 1, 2, 3, 4, 5, 123456789, zone), time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC)}
	for n, want := range times {
		exec(t, d, "INSERT INTO a VALUES (@p1, @p2)", n, d.Dialect.Time(want))
		var got productdb.Time
		if err := d.Read.QueryRow(d.Dialect.SQL("SELECT t FROM a WHERE n = @p1"), n).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if !got.Equal(want.Truncate(time.Microsecond)) || got.Location() != time.UTC || got.Time != productdb.Cut(want) {
			t.Errorf("stored %s, got %s", want, got)
		}
	}
	var text string
	if err := d.Read.QueryRow("SELECT t FROM a WHERE n = 1").Scan(&text); err != nil || text != "2026-01-02T01:04:05.123456Z" {
		t.Errorf("stored as %q (%v)", text, err)
	}
	var bad productdb.Time
	if bad.Scan("yesterday") == nil || bad.Scan(12) == nil {
		t.Error("what is no time was scanned")
	}
}

func TestMigrationsAreAppliedOnceInOrder(t *testing.T) {
	folder := t.TempDir()
	one := fstest.MapFS{"sqlite/00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a (x);\n")}}
	two := fstest.MapFS{"sqlite/00001_a.sql": one["sqlite/00001_a.sql"],
		"sqlite/00002_b.sql": {Data: []byte("-- +goose Up\nALTER TABLE a ADD COLUMN y;\n")}}
	broken := fstest.MapFS{"sqlite/00001_a.sql": one["sqlite/00001_a.sql"], "sqlite/00002_b.sql": two["sqlite/00002_b.sql"],
		"sqlite/00003_c.sql": {Data: []byte("-- +goose Up\nCREATE TABLE c (x);\nnonsense;\n")}}
	d := open(t, productdb.Config{DataFolder: folder})
	for _, files := range []fstest.MapFS{one, one, two, two} {
		if err := d.Migrate(t.Context(), files, "IM_A"); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, d, "INSERT INTO a (x, y) VALUES (1, 2)")
	if err := d.Migrate(t.Context(), broken, "IM_A"); err == nil {
		t.Error("a broken migration passed")
	}
	if _, err := d.Write.Exec("SELECT * FROM c"); err == nil {
		t.Error("half of a broken migration stayed")
	}
	var newer *productdb.NewerSchemaError
	if err := d.Migrate(t.Context(), one, "IM_A"); !errors.As(err, &newer) || newer.Found != 2 || newer.Known != 1 || newer.Target != d.Target {
		t.Errorf("an older program: %v", err)
	}
	if err := d.Migrate(t.Context(), one, "IM_B"); err == nil {
		t.Error("another component's record was taken for its own")
	}
}

func TestProcessesThatMigrateTogetherTakeTurns(t *testing.T) {
	folder := t.TempDir()
	files := fstest.MapFS{"sqlite/00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a (x);\n")}}
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			d, err := productdb.Open(t.Context(), productdb.Config{DataFolder: folder})
			if err == nil {
				err = errors.Join(d.Migrate(t.Context(), files, "IM_A"), d.Close())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestAFileThatSomebodyHoldsIsUnavailableAndAMistakeIsNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "held.db")
	connection := func() *sql.Conn {
		d, err := sql.Open("sqlite", path) // which waits for nobody
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() })
		c, err := d.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() }) // first: the file is open until then
		return c
	}
	holder, other := connection(), connection()
	if _, err := holder.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err == nil || !productdb.IsUnavailable(err) {
		t.Errorf("a file that is held: %v", err)
	}
	if _, err := holder.ExecContext(t.Context(), "SELECT x FROM missing"); err == nil || productdb.IsUnavailable(err) {
		t.Errorf("a table that is not there: %v", err)
	}
}
