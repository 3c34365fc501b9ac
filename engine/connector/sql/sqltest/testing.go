package sqltest

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"runtime"
	"testing"
	"time"
)

const startTimeout = 2 * time.Minute

// Postgres starts a PostgreSQL server that lives as long as the test.
func Postgres(t testing.TB) *Server {
	t.Helper()
	return start(t, PostgreSQL)
}

// MariaDB starts a MariaDB server that lives as long as the test.
func MariaDB(t testing.TB) *Server {
	t.Helper()
	return start(t, MySQL)
}

// start skips the test where the engine is not installed, except in CI, and on Windows
// always: see [Start].
func start(t testing.TB, engine Engine) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	s, err := Start(ctx, Config{Engine: engine})
	var missing *MissingError
	if errors.As(err, &missing) && (os.Getenv("CI") != "true" || runtime.GOOS == "windows") {
		t.Skipf("SKIPPED, not tested here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Database is [Server.NewDatabase] for a test, which closes the pool.
func (s *Server) Database(t testing.TB, password string) (name string, db *sql.DB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	name, db, err := s.NewDatabase(ctx, password)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return name, db
}
