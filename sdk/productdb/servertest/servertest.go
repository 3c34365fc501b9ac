// Package servertest lends a test a database of its own on a real SQL Server, when
// there is one, and drops it when the test ends, however it ends.
//
// The server is named by the variable [Variable], in any form that productdb
// takes; its login must be allowed to create databases (role dbcreator). What a
// killed test leaves is dropped by a later one after a day. Start reading at
// [Database].
package servertest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Variable names the environment variable with the server's connection string.
const Variable = "IDENTITYMESH_TEST_SQLSERVER_DSN"

// prefix begins the names of the databases.
const prefix = "IM_test_"

// dropTime bounds dropping a database.
const dropTime = time.Minute

// Database returns how to connect to a new and empty database that exists until
// the test ends. Without a server the test is skipped, and says so.
func Database(t testing.TB) productdb.Config {
	t.Helper()
	text := os.Getenv(Variable)
	if text == "" {
		t.Skipf("NOT TESTED on SQL Server: set %s to the connection string of one whose login may create databases", Variable)
	}
	server, err := productdb.Open(t.Context(), productdb.Config{ConnectionString: secret.NewValue([]byte(text))})
	if err != nil {
		t.Fatalf("%s: %v", Variable, err)
	}
	t.Cleanup(func() { _ = server.Close() })
	name, err := Lend(t, server.Write)
	if err != nil {
		t.Fatalf("%s: create a database: %v; its login needs the role dbcreator", Variable, err)
	}
	return productdb.Config{ConnectionString: secret.NewValue([]byte(within(text, name)))}
}

// Lend creates a database on a server until the test ends, and drops those that
// were left a day ago. It returns the database's name.
func Lend(t testing.TB, server *sql.DB) (name string, err error) {
	name = prefix + rand.Text()
	ctx, cancel := context.WithTimeout(context.Background(), dropTime)
	defer cancel()
	left, err := leftovers(ctx, server)
	if err != nil {
		return "", err
	}
	for _, old := range left {
		if err := drop(ctx, server, old); err != nil {
			t.Logf("an old database of a test is left: %v", err)
		}
	}
	if _, err := server.ExecContext(ctx, "CREATE DATABASE ["+name+"]"); err != nil {
		return "", err
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), dropTime)
		defer cancel()
		if err := drop(ctx, server, name); err != nil {
			t.Errorf("the test's database is left on the server: %v", err)
		}
	})
	return name, nil
}

func leftovers(ctx context.Context, server *sql.DB) (names []string, err error) {
	rows, err := server.QueryContext(ctx, "SELECT name FROM sys.databases WHERE LEFT(name, 8) = @p1 AND create_date < DATEADD(day, -1, CURRENT_TIMESTAMP)", prefix)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// drop ends the connections that are left, which would keep the database.
func drop(ctx context.Context, server *sql.DB, name string) error {
	for _, statement := range []string{"ALTER DATABASE [%s] SET SINGLE_USER WITH ROLLBACK IMMEDIATE", "DROP DATABASE [%s]"} {
		if _, err := server.ExecContext(ctx, fmt.Sprintf(statement, name)); err != nil {
			return fmt.Errorf("drop %s: %w", name, err)
		}
	}
	return nil
}

// within returns the connection string for another database of the same server.
func within(text, name string) string {
	text = strings.TrimSpace(text)
	u, err := url.Parse(text)
	if err != nil || !strings.EqualFold(u.Scheme, "sqlserver") {
		return strings.TrimRight(text, "; ") + ";Database=" + name // the last one counts
	}
	query := u.Query()
	for key := range query {
		if strings.EqualFold(key, "database") {
			query.Del(key)
		}
	}
	query.Set("database", name)
	u.RawQuery = query.Encode()
	return u.String()
}
