package productdb_test

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/productdb/fakeserver"
	"github.com/identitymesh/identitymesh/sdk/productdb/unreliable"
)

func noWait(time.Duration) time.Duration { return 0 }

// A transaction of four statements: BEGIN, UPDATE, UPDATE, COMMIT.
func TestATransactionThatBreaksIsDoneOnceOrNotAtAll(t *testing.T) {
	const commit = 4
	for at := 1; at <= commit; at++ {
		for _, f := range unreliable.Faults() {
			for _, lasting := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s at statement %d, lasting %v", f, at, lasting), func(t *testing.T) {
					t.Parallel()
					line := &unreliable.Line{}
					d := open(t, productdb.Config{DataFolder: t.TempDir(), Wrap: line.Wrap, Jitter: noWait})
					exec(t, d, "CREATE TABLE counter (n INTEGER NOT NULL)")
					exec(t, d, "INSERT INTO counter VALUES (0)")
					line.Break(unreliable.Plan{At: at, Fault: f, Lasting: lasting})
					err := d.InWriteTx(t.Context(), func(tx *sql.Tx) error {
						for range 2 {
							if _, err := tx.Exec("UPDATE counter SET n = n + 1"); err != nil {
								return err
							}
						}
						return nil
					})
					if line.Heal() == "" {
						t.Fatal("nothing broke")
					}
					done := at == commit && (f == unreliable.CutAfter || f == unreliable.CutWhileReading)
					unknown := done || at == commit && f == unreliable.CutBefore
					var said *productdb.UnknownOutcomeError
					if errors.As(err, &said) != unknown || (err == nil) != (!unknown && !lasting) {
						t.Errorf("said %v", err)
					}
					want := 0
					if done || err == nil {
						want = 2
					}
					var n int
					if err := d.Read.QueryRow("SELECT n FROM counter").Scan(&n); err != nil || n != want {
						t.Errorf("counted to %d, want %d (%v)", n, want, err)
					}
				})
			}
		}
	}
}

func TestWhatIsRunAgainAfterAnErrorOfSQLServer(t *testing.T) {
	const once, often = 1, 6
	cases := []struct {
		name  string
		err   error
		tries int
	}{
		{"a fail-over", mssql.Error{Number: 983}, often},
		{"a database that is moved", mssql.Error{Number: 40613}, often},
		{"a killed session", mssql.Error{Number: 596}, often},
		{"a session that the server gave up", fmt.Errorf("update: %w", mssql.ServerError{}), often},
		{"an answer that ends in its middle", mssql.StreamError{InnerError: io.ErrUnexpectedEOF}, often},
		{"an answer that does not begin", fmt.Errorf("update: %w", io.EOF), often},
		{"a lacking right", mssql.Error{Number: 229}, once},
		{"a database that is read-only", mssql.Error{Number: 3906}, once},
		{"a refused sign-in", mssql.Error{Number: 18456}, once},
		{"an error of our own", errors.New("EOF"), once},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			server := &fakeserver.Server{Reply: func(string) fakeserver.Answer { return fakeserver.Answer{} }, Jitter: noWait}
			tries := 0
			err := server.DB().InWriteTx(t.Context(), func(*sql.Tx) error { tries++; return tc.err })
			if tries != tc.tries || err == nil || server.Count("COMMIT") != 0 {
				t.Errorf("%d tries, want %d: %v", tries, tc.tries, err)
			}
			if productdb.IsUnavailable(err) != (tc.tries == often) {
				t.Errorf("unavailable is %t: %v", productdb.IsUnavailable(err), err)
			}
		})
	}
}

func TestACommitThatTheServerRefusedIsKnownNotToBeDone(t *testing.T) {
	for name, tc := range map[string]struct {
		err     error
		unknown bool
	}{
		"refused":                   {mssql.Error{Number: 3902}, false},
		"given up in its middle":    {mssql.ServerError{}, true},
		"answered with half a word": {mssql.StreamError{InnerError: io.ErrUnexpectedEOF}, true},
		"not answered":              {io.EOF, true},
	} {
		t.Run(name, func(t *testing.T) {
			server := &fakeserver.Server{Reply: func(text string) fakeserver.Answer {
				if text == "COMMIT" {
					return fakeserver.Answer{Err: tc.err}
				}
				return fakeserver.Answer{}
			}, Jitter: noWait}
			err := server.DB().InWriteTx(t.Context(), func(*sql.Tx) error { return nil })
			var unknown *productdb.UnknownOutcomeError
			if err == nil || errors.As(err, &unknown) != tc.unknown || server.Count("COMMIT") != 1 {
				t.Errorf("sent %v, said %v", server.Sent(), err)
			}
		})
	}
}
