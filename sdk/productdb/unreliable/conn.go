package unreliable

import (
	"context"
	"database/sql/driver"
	"errors"
)

// conn is a connection that may break. database/sql never uses one concurrently.
type conn struct {
	inner  driver.Conn
	line   *Line
	tx     driver.Tx
	broken bool
	undone bool // the server ended the transaction by itself
	open   map[*stmt]bool
}

// send does a statement, unless it fails first or afterwards; then drop, if any,
// lets go of what the statement gave.
func (c *conn) send(text string, do func() error, drop func()) error {
	if c.broken || c.line.gone() {
		c.cut()
		return driver.ErrBadConn
	}
	if c.undone && text != "BEGIN" {
		return errors.New("the transaction was undone by the server")
	}
	switch c.line.next(text) {
	case Deadlock:
		return c.victim()
	case Stale:
		c.cut()
		return driver.ErrBadConn
	case CutBefore:
		c.cut()
		return reset()
	case CutAfter, CutWhileReading:
		if err := do(); err != nil {
			return err
		}
		if drop != nil {
			drop()
		}
		c.cut()
		return reset()
	}
	return do()
}

// cut ends the connection; the database undoes what was not committed.
func (c *conn) cut() {
	if c.broken {
		return
	}
	c.broken = true
	if c.tx != nil {
		_ = c.tx.Rollback() // after a commit it does nothing
	}
	for s := range c.open {
		_ = s.Stmt.Close() // SQLite keeps the file open for what is not closed
	}
	_ = c.inner.Close()
}

func (c *conn) victim() error {
	if c.tx != nil {
		if err := c.tx.Rollback(); err != nil {
			return err
		}
		c.tx, c.undone = nil, true
	}
	return deadlock()
}

// query is send for what returns rows.
func (c *conn) query(text string, do func() (driver.Rows, error)) (rows driver.Rows, err error) {
	var columns []string
	err = c.send(text, func() error {
		rows, err = do()
		return err
	}, func() {
		columns = rows.Columns()
		_ = rows.Close()
	})
	if columns != nil && c.line.cutsWhileReading() {
		return torn(columns), nil
	}
	return rows, err
}

// torn are rows of which none arrives.
type torn []string

func (t torn) Columns() []string       { return t }
func (torn) Next([]driver.Value) error { return reset() }
func (torn) Close() error              { return nil }

func (c *conn) Close() error {
	if c.broken {
		return nil
	}
	c.broken = true
	return c.inner.Close()
}

// IsValid implements [driver.Validator].
func (c *conn) IsValid() bool {
	v, ok := c.inner.(driver.Validator)
	return !c.broken && (!ok || v.IsValid())
}

// ResetSession implements [driver.SessionResetter].
func (c *conn) ResetSession(ctx context.Context) error {
	if c.broken {
		return driver.ErrBadConn
	}
	if r, ok := c.inner.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

// CheckNamedValue implements [driver.NamedValueChecker].
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := c.inner.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// Ping implements [driver.Pinger].
func (c *conn) Ping(ctx context.Context) error {
	if c.broken {
		return driver.ErrBadConn
	}
	if p, ok := c.inner.(driver.Pinger); ok {
		return p.Ping(ctx)
	}
	return nil
}

func (c *conn) Begin() (driver.Tx, error) { return c.BeginTx(context.Background(), driver.TxOptions{}) }

// BeginTx implements [driver.ConnBeginTx].
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	b, ok := c.inner.(driver.ConnBeginTx)
	if !ok {
		return nil, errors.New("the driver cannot begin a transaction with a context")
	}
	c.tx, c.undone = nil, false
	err := c.send("BEGIN", func() (err error) {
		c.tx, err = b.BeginTx(ctx, o)
		return err
	}, nil)
	if err != nil {
		return nil, err
	}
	return (*tx)(c), nil
}

type tx conn

func (t *tx) Commit() error {
	err := (*conn)(t).send("COMMIT", func() error { return t.tx.Commit() }, nil)
	t.tx = nil
	return err
}

func (t *tx) Rollback() error {
	switch {
	case t.broken:
		return driver.ErrBadConn
	case t.tx == nil:
		return nil
	}
	err := t.tx.Rollback()
	t.tx = nil
	return err
}

// ExecContext implements [driver.ExecerContext].
func (c *conn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (result driver.Result, err error) {
	e, ok := c.inner.(driver.ExecerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	err = c.send(text, func() error {
		result, err = e.ExecContext(ctx, text, args)
		return err
	}, nil)
	return result, err
}

// QueryContext implements [driver.QueryerContext].
func (c *conn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	q, ok := c.inner.(driver.QueryerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	return c.query(text, func() (driver.Rows, error) { return q.QueryContext(ctx, text, args) })
}

func (c *conn) Prepare(text string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), text)
}

// PrepareContext implements [driver.ConnPrepareContext].
func (c *conn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	if c.broken || c.line.gone() {
		c.cut()
		return nil, driver.ErrBadConn
	}
	p, ok := c.inner.(driver.ConnPrepareContext)
	if !ok {
		return nil, errors.New("the driver cannot prepare with a context")
	}
	inner, err := p.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s := &stmt{inner, c, text}
	if c.open == nil {
		c.open = map[*stmt]bool{}
	}
	c.open[s] = true
	return s, nil
}

type stmt struct {
	driver.Stmt
	conn *conn
	text string
}

func (s *stmt) Close() error {
	if s.conn.broken {
		return nil
	}
	delete(s.conn.open, s)
	return s.Stmt.Close()
}

// ExecContext implements [driver.StmtExecContext].
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (result driver.Result, err error) {
	e, ok := s.Stmt.(driver.StmtExecContext)
	if !ok {
		return nil, errors.New("the driver cannot execute with a context")
	}
	err = s.conn.send(s.text, func() error {
		result, err = e.ExecContext(ctx, args)
		return err
	}, nil)
	return result, err
}

// QueryContext implements [driver.StmtQueryContext].
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	q, ok := s.Stmt.(driver.StmtQueryContext)
	if !ok {
		return nil, errors.New("the driver cannot query with a context")
	}
	return s.conn.query(s.text, func() (driver.Rows, error) { return q.QueryContext(ctx, args) })
}
