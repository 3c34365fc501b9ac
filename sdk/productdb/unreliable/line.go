// Package unreliable breaks the connections of a product database as a test
// says: it stands between the pool and the real driver, counts what is sent, and
// lets one place of it fail in one of the ways that SQL Server and the network to
// it fail. It knows no tables. Start reading at [Line].
package unreliable

import (
	"context"
	"database/sql/driver"
	"net"
	"slices"
	"sync"
	"syscall"

	mssql "github.com/microsoft/go-mssqldb"
)

// Fault is a way in which a statement fails. BEGIN and COMMIT are statements too.
type Fault string

// The faults.
const (
	// Deadlock: the server chose the transaction as the victim and undid it.
	Deadlock Fault = "deadlock"
	// Stale: the connection turns out to be dead before anything was sent.
	Stale Fault = "stale connection"
	// CutBefore: the connection ends and the statement did not arrive, which the
	// caller cannot know.
	CutBefore Fault = "cut before"
	// CutAfter: the connection ends when the statement was carried out.
	CutAfter Fault = "cut after"
	// CutWhileReading: the connection ends at the first row; as CutAfter for what
	// returns none.
	CutWhileReading Fault = "cut while reading"
)

// Faults returns all of them.
func Faults() []Fault { return []Fault{Deadlock, Stale, CutBefore, CutAfter, CutWhileReading} }

// Line is the way to one database, shared by all of its connections. Its zero
// value is sound; it is safe for concurrent use.
type Line struct {
	mu    sync.Mutex
	plan  Plan
	sent  []string
	where string
	down  bool
}

// Plan says what fails.
type Plan struct {
	// At is the number of the statement, from 1; 0 for none.
	At    int
	Fault Fault
	// Lasting lets the server be gone from then on, until [Line.Heal].
	Lasting bool
}

// Wrap is for productdb.Config.
func (l *Line) Wrap(c driver.Connector) driver.Connector { return connector{c, l} }

// Break begins to count anew and fails as planned.
func (l *Line) Break(p Plan) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plan, l.sent, l.where, l.down = p, nil, "", false
}

// Heal ends all trouble and returns the statement that failed, empty when none
// did.
func (l *Line) Heal() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plan, l.down = Plan{}, false
	return l.where
}

// Sent returns the statements since [Line.Break], or since the beginning.
func (l *Line) Sent() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.sent)
}

// next counts a statement and says how it fails, if it does.
func (l *Line) next(text string) (f Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, text)
	if len(l.sent) != l.plan.At {
		return ""
	}
	l.where, l.down = text, l.plan.Lasting
	return l.plan.Fault
}

func (l *Line) gone() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.down
}

func (l *Line) cutsWhileReading() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.plan.Fault == CutWhileReading
}

// reset is what the operating system says of a connection that was cut.
func reset() error { return &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET} }

func deadlock() error {
	return mssql.Error{Number: 1205, Class: 13, State: 51,
		Message: "Transaction was deadlocked on lock resources with another process and has been chosen as the deadlock victim. Rerun the transaction."}
}

type connector struct {
	driver.Connector
	line *Line
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	if c.line.gone() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{inner: inner, line: c.line}, nil
}
