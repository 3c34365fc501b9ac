package sqltest_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/connector/sql/sqltest"
)

func TestServerKeepsItsDataWhenItIsKilledAndRestarted(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *sqltest.Server{
		"PostgreSQL": sqltest.Postgres, "MariaDB": sqltest.MariaDB,
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			_, db := s.Database(t, "it's a password")
			if _, err := db.Exec("CREATE TABLE t (n int)"); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec("INSERT INTO t VALUES (7)"); err != nil {
				t.Fatal(err)
			}
			s.Kill()
			if err := db.Ping(); err == nil {
				t.Fatal("a killed server answered")
			}
			if err := s.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			var n int
			if err := db.QueryRow("SELECT n FROM t").Scan(&n); err != nil || n != 7 {
				t.Fatalf("after the restart: %d, %v", n, err)
			}
		})
	}
}

const orphanFolder = "SQLTEST_ORPHAN_FOLDER"

// TestServerEndsWithTheProcessThatStartedIt runs itself once more, lets that
// process start a server and kills it.
func TestServerEndsWithTheProcessThatStartedIt(t *testing.T) {
	if folder := os.Getenv(orphanFolder); folder != "" {
		s, err := sqltest.Start(t.Context(), sqltest.Config{Engine: sqltest.PostgreSQL, Folder: folder})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(folder+"/started", []byte(s.Address()), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		return
	}
	sqltest.Postgres(t) // skips where it is not installed
	folder, err := os.MkdirTemp("", "sqltest-orphan-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestServerEndsWithTheProcessThatStartedIt$")
	child.Env = append(os.Environ(), orphanFolder+"="+folder)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server started", func() bool { return exists(folder + "/started") })
	lock := folder + "/run/data/postmaster.pid"
	if !exists(lock) {
		t.Fatal("the server has no lock file")
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	eventually(t, "the server ended", func() bool { return !exists(lock) })
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not come to pass that %s", what)
		}
	}
}
