package sqlconn_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/connector"
	sqlconn "github.com/identitymesh/identitymesh/engine/connector/sql"
	"github.com/identitymesh/identitymesh/engine/connector/sql/sqltest"
	"github.com/identitymesh/identitymesh/engine/identity"
	"github.com/identitymesh/identitymesh/sdk/secret"
	_ "modernc.org/sqlite"
)

const (
	password    = "canary-Pa55/w:rd@?#'x"
	passwordRef = "secret://hr/db/password"
)

// servers are started when a test first needs them and serve all tests.
var servers sync.Map // of sqltest.Engine to func() (*sqltest.Server, error)

func TestMain(m *testing.M) {
	for _, engine := range []sqltest.Engine{sqltest.PostgreSQL, sqltest.MySQL} {
		servers.Store(engine, sync.OnceValues(func() (*sqltest.Server, error) {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			s, err := sqltest.Start(ctx, sqltest.Config{Engine: engine})
			if err == nil {
				started = append(started, s)
			}
			return s, err
		}))
	}
	code := m.Run()
	for _, s := range started {
		if err := s.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

var started []*sqltest.Server

// source is a database to import from.
type source struct {
	t      testing.TB
	driver string
	db     *sql.DB
	server *sqltest.Server // nil for SQLite
	user   string
	config map[string]any
}

// eachSource runs a test on an empty database of every engine.
func eachSource(t *testing.T, test func(t *testing.T, s *source)) {
	for _, driver := range []string{"sqlite", "postgres", "mysql"} {
		t.Run(driver, func(t *testing.T) { test(t, newSource(t, driver)) })
	}
}

func newSource(t testing.TB, driver string) *source {
	s := &source{t: t, driver: driver, config: map[string]any{"driver": driver, "anchorColumn": "id"}}
	if driver == "sqlite" {
		file := filepath.Join(t.TempDir(), "hr people.db")
		db, err := sql.Open("sqlite", file)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		s.db, s.config["connectionString"] = db, file
		s.exec("PRAGMA user_version = 1") // which creates the file
		return s
	}
	start, _ := servers.Load(sqltest.Engine(driver))
	server, err := start.(func() (*sqltest.Server, error))()
	var missing *sqltest.MissingError
	if errors.As(err, &missing) && (os.Getenv("CI") != "true" || runtime.GOOS == "windows") {
		t.Skipf("SKIPPED, not tested here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.use(server)
	return s
}

func (s *source) use(server *sqltest.Server) {
	s.server = server
	s.user, s.db = server.Database(s.t, password)
	s.config["connectionString"] = server.ConnectionString(s.user, s.user)
	s.config["passwordSecretRef"] = passwordRef
}

func (s *source) exec(statement string, args ...any) {
	s.t.Helper()
	if s.driver == "postgres" {
		for i := range args {
			statement = strings.Replace(statement, "?", fmt.Sprint("$", i+1), 1)
		}
	}
	if _, err := s.db.Exec(statement, args...); err != nil {
		s.t.Fatalf("%s: %v", statement, err)
	}
}

// people creates the table that most tests read, with the delta column ts.
func (s *source) people() {
	s.t.Helper()
	s.exec("CREATE TABLE people (id varchar(40), name varchar(40), n bigint, ts " +
		map[string]string{"sqlite": "TIMESTAMP", "postgres": "timestamptz", "mysql": "timestamp(6) NULL"}[s.driver] + ")")
}

func (s *source) add(id, name string, n int, ts time.Time) {
	s.t.Helper()
	s.exec("INSERT INTO people (id, name, n, ts) VALUES (?, ?, ?, ?)", id, name, n, s.time(ts))
}

// time is ts as a program at the source would store it.
func (s *source) time(ts time.Time) any {
	switch {
	case ts.IsZero():
		return nil
	case s.driver == "sqlite":
		return ts.UTC().Format("2006-01-02 15:04:05.000000")
	}
	return ts.UTC()
}

// with returns the configuration with some keys changed; nil removes one.
func (s *source) with(changes map[string]any) json.RawMessage {
	s.t.Helper()
	config := maps.Clone(s.config)
	maps.Copy(config, changes)
	maps.DeleteFunc(config, func(_ string, v any) bool { return v == nil })
	raw, err := json.Marshal(config)
	if err != nil {
		s.t.Fatal(err)
	}
	return raw
}

// byTime is a configuration with deltas by ts.
func (s *source) byTime(changes map[string]any) json.RawMessage {
	config := map[string]any{
		"query": "SELECT id, name, ts FROM people WHERE ts > @watermark", "deltaColumn": "ts", "deltaType": "timestamp",
	}
	maps.Copy(config, changes)
	return s.with(config)
}

var clock = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// open opens a valid configuration. Whatever it logs goes to the log.
func (s *source) open(config json.RawMessage) (c connector.Connector, log *bytes.Buffer) {
	s.t.Helper()
	return open(s.t, config, password)
}

func open(t testing.TB, config json.RawMessage, value string) (connector.Connector, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	kind := sqlconn.Kind{}
	secrets := map[secret.Ref]secret.Value{}
	for _, ref := range connector.SecretRefs(kind, config) {
		secrets[ref] = secret.NewValue([]byte(value))
	}
	c, err := kind.Open(config, secrets, connector.Environment{
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:    func() time.Time { return clock },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, log
}

// read collects what an import emits.
type read struct {
	pages     []connector.Page
	objects   map[string]identity.Object
	rejected  []connector.Rejection
	watermark connector.Watermark
	err       error
}

func (r *read) emit(_ context.Context, page connector.Page) error {
	r.pages = append(r.pages, page)
	for _, o := range page.Objects {
		if r.objects == nil {
			r.objects = map[string]identity.Object{}
		}
		r.objects[o.Anchor] = o
	}
	r.rejected = append(r.rejected, page.Rejected...)
	return nil
}

// anchors returns the anchors that were read, sorted, as in "a b c".
func (r *read) anchors() string {
	return strings.Join(slices.Sorted(maps.Keys(r.objects)), " ")
}

func full(t testing.TB, c connector.Connector) *read {
	r := &read{}
	out, err := c.FullImport(t.Context(), r.emit)
	r.watermark, r.err = out.Watermark, err
	return r
}

func delta(t testing.TB, c connector.Connector, since connector.Watermark) *read {
	r := &read{}
	out, err := c.DeltaImport(t.Context(), since, r.emit)
	r.watermark, r.err = out.Watermark, err
	return r
}

func (r *read) must(t testing.TB) *read {
	t.Helper()
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r
}
