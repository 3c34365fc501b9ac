package sqlconn_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/connector/sql/sqltest"
)

// endless returns more rows than anybody reads.
var endless = map[string]string{
	"postgres": "SELECT generate_series(1, 2000000000) AS id, repeat('x', 1000) AS pad",
	"mysql":    "SELECT seq AS id, REPEAT('x', 1000) AS pad FROM seq_1_to_2000000000",
	"sqlite":   "WITH RECURSIVE g(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM g) SELECT id, printf('%1000d', id) AS pad FROM g",
}

func TestAServerKilledInTheMiddleOfAReadFailsTheImport(t *testing.T) {
	for driver, start := range map[string]func(testing.TB) *sqltest.Server{
		"postgres": sqltest.Postgres, "mysql": sqltest.MariaDB,
	} {
		t.Run(driver, func(t *testing.T) {
			server := start(t)
			s := &source{t: t, driver: driver, config: map[string]any{"driver": driver, "anchorColumn": "id"}}
			s.use(server)
			c, _ := s.open(s.with(map[string]any{"query": endless[driver]}))
			pages := 0
			out, err := c.FullImport(t.Context(), func(context.Context, connector.Page) error {
				if pages++; pages == 2 {
					server.Kill()
				}
				return nil
			})
			if err == nil || out != (connector.Outcome{}) {
				t.Fatalf("the import counts as complete after %d pages", pages)
			}
			if want := driver + " " + server.Address() + "/" + s.user + ": "; !strings.Contains(err.Error(), want) {
				t.Fatalf("%q does not name %q", err, want)
			}
			t.Log(err)
			if err := server.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			c, _ = s.open(s.with(map[string]any{"query": "SELECT 1 AS id"}))
			if r := full(t, c).must(t); r.anchors() != "1" {
				t.Fatal("the import after the restart read nothing")
			}
		})
	}
}

func TestAReadStopsAtItsTimeout(t *testing.T) {
	eachSource(t, func(t *testing.T, s *source) {
		c, _ := s.open(s.with(map[string]any{"query": endless[s.driver], "timeout": "1s"}))
		began := time.Now()
		_, err := c.FullImport(t.Context(), func(ctx context.Context, _ connector.Page) error {
			time.Sleep(20 * time.Millisecond)
			return nil
		})
		if !errors.Is(err, context.DeadlineExceeded) && (err == nil || !strings.Contains(err.Error(), "timeout")) ||
			!strings.Contains(err.Error(), "it took longer than the timeout of 1s") {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Fatalf("it took %s", took)
		}
	})
}

func TestAReadStopsWhenThePageIsNotTaken(t *testing.T) {
	eachSource(t, func(t *testing.T, s *source) {
		c, _ := s.open(s.with(map[string]any{"query": endless[s.driver]}))
		full := errors.New("the disk is full")
		began := time.Now()
		if _, err := c.FullImport(t.Context(), func(context.Context, connector.Page) error { return full }); !errors.Is(err, full) {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Fatalf("it read on for %s", took)
		}
	})
}

func TestARefusedPasswordKeepsTheServersWordsAndShowsNone(t *testing.T) {
	for driver, words := range map[string]string{
		"postgres": "password authentication failed for user", "mysql": "Access denied for user",
	} {
		t.Run(driver, func(t *testing.T) {
			s := newSource(t, driver)
			const wrong = "canary-wrong"
			c, log := open(t, s.with(map[string]any{"query": "SELECT 1 AS id"}), wrong)
			r := full(t, c)
			_, testErr := c.Test(t.Context())
			for _, err := range []error{r.err, testErr} {
				if err == nil || !strings.Contains(err.Error(), words) ||
					!strings.HasPrefix(err.Error(), "connect to "+driver+" "+s.server.Address()+"/"+s.user+" with the password of "+passwordRef+": ") {
					t.Fatal(err)
				}
				if all := fmt.Sprintf("%v %+v %#v", err, err, err) + log.String(); strings.Contains(all, wrong) {
					t.Fatalf("the password is shown: %s", all)
				}
			}
		})
	}
}

func TestTheWholeConnectionStringComesFromASecret(t *testing.T) {
	for driver, form := range map[string]string{"postgres": "host=%[2]s port=%[3]d user=%[1]s dbname=%[1]s password='%[4]s'\n", "mysql": "%[1]s:%[4]s@tcp(%[2]s:%[3]d)/%[1]s"} {
		t.Run(driver, func(t *testing.T) {
			s := newSource(t, driver)
			config := s.with(map[string]any{
				"connectionString": nil, "passwordSecretRef": nil,
				"connectionStringSecretRef": "secret://hr/db/connection", "query": "SELECT 1 AS id",
			})
			escaped := password
			if driver == "postgres" {
				escaped = strings.ReplaceAll(password, "'", `\'`)
			}
			c, _ := open(t, config, fmt.Sprintf(form, s.user, s.server.Host, s.server.Port, escaped))
			if r := full(t, c).must(t); r.anchors() != "1" {
				t.Fatal("nothing was read")
			}
		})
	}
}

func TestAnUnreadableConnectionStringIsNotRepeated(t *testing.T) {
	const canary = "canary"
	for name, c := range map[string]struct{ driver, text string }{
		"postgres with a slash in the password":         {"postgres", "postgres://u:12/" + canary + "@db.example/hr"},
		"postgres with a question mark in the password": {"postgres", "postgres://u:12?" + canary + "@db.example/hr"},
		"postgres with a broken escape":                 {"postgres", "postgres://u:%zz" + canary + "@db.example/hr"},
		"postgres with blanks":                          {"postgres", "host=x password=a " + canary},
		"a DSN of another driver":                       {"postgres", "u:" + canary + "@tcp(db.example)/hr"},
		"mysql without a slash":                         {"mysql", "u:" + canary + "@tcp(db.example)"},
		"mysql with a broken address":                   {"mysql", "u:" + canary + "@tcp(db.example/hr"},
		"sqlserver with a broken escape":                {"sqlserver", "sqlserver://u:%zz" + canary + "@db.example"},
		"sqlserver with a slash in the password":        {"sqlserver", "sqlserver://u:1/" + canary + "@db.example"},
		"sqlserver with a port of the wrong kind":       {"sqlserver", "server=db.example;port=" + canary},
		"sqlserver without a server":                    {"sqlserver", "password=" + canary},
	} {
		t.Run(name, func(t *testing.T) {
			config, _ := json.Marshal(map[string]any{
				"driver": c.driver, "connectionStringSecretRef": "secret://hr/db/connection", "query": "SELECT 1 AS id", "anchorColumn": "id",
			})
			conn, log := open(t, config, c.text)
			err := full(t, conn).err
			if err == nil || !strings.Contains(err.Error(), "the connection string in secret://hr/db/connection: it cannot be read") {
				t.Fatal(err)
			}
			if all := fmt.Sprintf("%v %#v", err, err) + log.String(); strings.Contains(all, canary) {
				t.Fatalf("the text is repeated: %s", all)
			}
		})
	}
}

func TestRowsOutOfTheirPromisedOrderFailTheImport(t *testing.T) {
	eachSource(t, func(t *testing.T, s *source) {
		s.people()
		s.add("a", "1", 1, clock.Add(time.Hour))
		s.add("b", "2", 1, clock)
		s.add("c", "3", 1, time.Time{})
		for name, c := range map[string]struct{ query, want string }{
			"backwards":    {"SELECT id, ts FROM people WHERE id <> 'c' ORDER BY name", "end the query with ORDER BY ts"},
			"a NULL after": {"SELECT id, ts FROM people WHERE id <> 'b' ORDER BY name", "order NULLs first"},
		} {
			conn, _ := s.open(s.byTime(map[string]any{"fullQuery": c.query, "orderedByDelta": true}))
			r := full(t, conn)
			if r.err == nil || !strings.Contains(r.err.Error(), c.want) || r.watermark != "" || len(r.pages) != 0 {
				t.Errorf("%s: %v", name, r.err)
			}
		}
		conn, _ := s.open(s.byTime(map[string]any{"fullQuery": "SELECT id, ts FROM people ORDER BY name DESC", "orderedByDelta": true}))
		if r := full(t, conn).must(t); r.anchors() != "a b c" {
			t.Errorf("a NULL before: %s", r.anchors())
		}
	})
}

func TestColumnsThatCannotMakeObjectsFailTheImport(t *testing.T) {
	eachSource(t, func(t *testing.T, s *source) {
		s.people()
		for query, want := range map[string]string{
			"SELECT name, ts FROM people WHERE ts > @watermark":              `anchorColumn is "id", but the query returns no column of that name; it returns name, ts`,
			"SELECT id, name FROM people WHERE ts > @watermark":              `deltaColumn is "ts", but the query returns no column of that name; it returns id, name`,
			"SELECT id, ts, name AS ID FROM people WHERE ts > @watermark":    `two columns are called`,
			"SELECT id, name AS ts FROM people WHERE n > 0 OR ts>@watermark": `deltaColumn "ts"`,
			"SELECT id, ts FROM persons WHERE ts > @watermark":               "persons",
		} {
			s.exec("DELETE FROM people")
			s.add("a", "Ann", 1, clock)
			conn, _ := s.open(s.byTime(map[string]any{"query": query}))
			if err := full(t, conn).err; err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), " on "+s.driver+" ") {
				t.Errorf("%s: %v", query, err)
			}
		}
	})
}

func TestAMissingFileOfSQLiteIsAnErrorAndIsNotCreated(t *testing.T) {
	s := newSource(t, "sqlite")
	for _, path := range []string{t.TempDir() + "/none.db", t.TempDir()} {
		c, _ := s.open(s.with(map[string]any{"connectionString": path, "query": "SELECT 1 AS id"}))
		for range 2 {
			if err := full(t, c).err; err == nil || !strings.Contains(err.Error(), "connect to sqlite "+path) {
				t.Fatal(err)
			}
		}
	}
}

func TestSQLiteIsOpenedForReadingOnly(t *testing.T) {
	s := newSource(t, "sqlite")
	s.people()
	c, _ := s.open(s.with(map[string]any{"query": "INSERT INTO people (id) VALUES ('x') RETURNING id"}))
	if err := full(t, c).err; err == nil || !strings.Contains(err.Error(), "readonly") {
		t.Fatal(err)
	}
}
