package rows_test

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/plugins/dpapi/protector"
	"github.com/identitymesh/identitymesh/plugins/dpapi/rows"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/productdb/servertest"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// fixture is one database of one dialect, of this test alone. Its refs begin with
// the prefix.
type fixture struct {
	t      *testing.T
	cfg    productdb.Config
	prefix string
}

// everywhere runs test on each dialect.
func everywhere(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		test(t, &fixture{t: t, prefix: "secret://t/", cfg: sqliteIn(t)})
	})
	t.Run("sqlserver", func(t *testing.T) {
		cfg := servertest.Database(t)
		cfg.DataFolder = t.TempDir()
		test(t, &fixture{t: t, prefix: "secret://t/", cfg: cfg})
	})
}

// open connects anew, as another process would.
func (f *fixture) open() (*rows.Table, *productdb.DB) {
	f.t.Helper()
	db, err := productdb.Open(f.t.Context(), f.cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	table, err := rows.Open(f.t.Context(), rows.Config{DB: db, Now: time.Now, Tracer: noop.NewTracerProvider()})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		if err := db.Close(); err != nil {
			f.t.Error(err)
		}
	})
	return table, db
}

func (f *fixture) ref(name string) secret.Ref { return secret.Ref(f.prefix + name) }

func (f *fixture) row(name, blob string) rows.Row {
	return rows.Row{Ref: f.ref(name), Blob: []byte(blob), Sealed: here}
}

func (f *fixture) put(table *rows.Table, row rows.Row) rows.Row {
	f.t.Helper()
	stored, err := table.Put(f.t.Context(), row, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return stored
}

func (f *fixture) find(table *rows.Table, ref secret.Ref) rows.Row {
	f.t.Helper()
	row, err := table.Find(f.t.Context(), ref)
	if err != nil {
		f.t.Fatal(err)
	}
	return row
}

// legacy adds a row as the .NET product does.
func (f *fixture) legacy(db *productdb.DB, ref secret.Ref, blob string) {
	f.t.Helper()
	_, err := db.Write.Exec(db.Dialect.SQL("INSERT INTO IM_Secrets (name, blob) VALUES (@p1, @p2)"), string(ref), []byte(blob))
	if err != nil {
		f.t.Fatal(err)
	}
}

// mine pages through the table and returns the fixture's rows by ref.
func (f *fixture) mine(table *rows.Table, size int) (found map[secret.Ref]rows.Row, pages int) {
	f.t.Helper()
	found = map[secret.Ref]rows.Row{}
	after := ""
	for more := true; more; pages++ {
		page, next, err := table.Page(f.t.Context(), after, size)
		if err != nil {
			f.t.Fatal(err)
		}
		if len(page) > size {
			f.t.Fatalf("a page of %d rows, %d were asked for", len(page), size)
		}
		for _, row := range page {
			if row.Name <= after {
				f.t.Fatalf("name %q follows %q", row.Name, after)
			}
			after = row.Name
			if len(row.Ref) >= len(f.prefix) && string(row.Ref[:len(f.prefix)]) == f.prefix {
				found[row.Ref] = row
			}
		}
		more = next
	}
	return found, pages
}

var here = protector.Identity{Kind: protector.HostKey, KeyID: "7", HostID: "aa", HostName: "here"}

func mapped(ref secret.Ref) string { return naming.Name(string(ref)) }

func sqliteIn(t *testing.T) productdb.Config { return productdb.Config{DataFolder: t.TempDir()} }
