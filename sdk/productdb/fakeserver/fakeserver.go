// Package fakeserver stands in for SQL Server in tests that look at what is
// sent: it records statements and answers as it is told. It understands no SQL;
// [Server.Problems] finds what no SQL Server would take, and [Server.Keep] hands
// the statements to a parser of T-SQL. Start reading at [Server].
package fakeserver

import (
	"context"
	"database/sql/driver"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// Statement is one that was sent.
type Statement struct {
	Text string
	Args []driver.Value
}

// Answer is what the server says.
type Answer struct {
	// Rows answer a query; all have the same columns.
	Rows [][]driver.Value
	// Affected answers other statements.
	Affected int64
	Err      error
}

// Server records statements. BEGIN, COMMIT and ROLLBACK are recorded as such.
type Server struct {
	// Reply answers a statement. It is never called concurrently.
	Reply func(text string) Answer
	// Jitter is productdb's.
	Jitter func(max time.Duration) time.Duration

	mu   sync.Mutex
	sent []Statement
}

// DB returns the server as a product database of the dialect SQL Server.
func (s *Server) DB() *productdb.DB {
	return productdb.OnServer(connector{s}, "fake", productdb.Config{Jitter: s.Jitter})
}

// Sent returns what was sent so far.
func (s *Server) Sent() []Statement {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Statement{}, s.sent...)
}

// Count returns how many of the statements sent contain text.
func (s *Server) Count(text string) (n int) {
	for _, st := range s.Sent() {
		if strings.Contains(st.Text, text) {
			n++
		}
	}
	return n
}

func (s *Server) take(text string, named []driver.NamedValue) Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Statement{Text: text}
	for _, a := range named {
		st.Args = append(st.Args, a.Value)
	}
	s.sent = append(s.sent, st)
	return s.Reply(text)
}

type connector struct{ server *Server }

func (c connector) Connect(context.Context) (driver.Conn, error) { return conn(c), nil }
func (c connector) Driver() driver.Driver                        { return nil }

type conn struct{ server *Server }

func (c conn) Prepare(text string) (driver.Stmt, error) { return stmt{c, text}, nil }

// CheckNamedValue takes every type, as the real driver takes more than most.
func (c conn) CheckNamedValue(*driver.NamedValue) error { return nil }

func (c conn) Close() error              { return nil }
func (c conn) Begin() (driver.Tx, error) { return tx(c), c.server.take("BEGIN", nil).Err }

func (c conn) QueryContext(_ context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	a := c.server.take(text, args)
	return &rows{a.Rows}, a.Err
}

func (c conn) ExecContext(_ context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	a := c.server.take(text, args)
	return driver.RowsAffected(a.Affected), a.Err
}

// stmt is prepared nowhere: the real driver too sends its text each time.
type stmt struct {
	conn conn
	text string
}

func (s stmt) Close() error  { return nil }
func (s stmt) NumInput() int { return -1 }

func (s stmt) Exec([]driver.Value) (driver.Result, error) { return nil, driver.ErrSkip }
func (s stmt) Query([]driver.Value) (driver.Rows, error)  { return nil, driver.ErrSkip }

func (s stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.ExecContext(ctx, s.text, args)
}

func (s stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.QueryContext(ctx, s.text, args)
}

type tx struct{ server *Server }

func (t tx) Commit() error   { return t.server.take("COMMIT", nil).Err }
func (t tx) Rollback() error { return t.server.take("ROLLBACK", nil).Err }

type rows struct{ left [][]driver.Value }

func (r *rows) Columns() []string {
	if len(r.left) == 0 {
		return []string{"none"}
	}
	return make([]string, len(r.left[0]))
}

func (r *rows) Close() error { return nil }

func (r *rows) Next(into []driver.Value) error {
	if len(r.left) == 0 {
		return io.EOF
	}
	copy(into, r.left[0])
	r.left = r.left[1:]
	return nil
}
