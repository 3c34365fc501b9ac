package productdb

import (
	"database/sql/driver"
	"errors"
	"io"
	"net"

	mssql "github.com/microsoft/go-mssqldb"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// serverError is how go-mssqldb's errors show the server's number.
type serverError interface {
	error
	SQLErrorNumber() int32
}

// serverNumber returns SQL Server's number of err, when it said something.
func serverNumber(err error) (number int32, answered bool) {
	var s serverError
	if !errors.As(err, &s) {
		return 0, false
	}
	return s.SQLErrorNumber(), true
}

// isDeadlock: the server undid the transaction in favour of another one.
func isDeadlock(number int32) bool {
	switch number {
	case 1205, // deadlock victim
		3960: // what the snapshot read was changed meanwhile
		return true
	}
	return false
}

// isOutage: the server ends, moves or takes part in a fail-over, and has ended
// the session's transaction. See "Database Engine events and errors" and
// "Troubleshoot transient connection errors in SQL Database".
func isOutage(number int32) bool {
	switch number {
	case 596, 6002, 6005, 17142, // session killed, server shut down or paused
		976, 978, 979, 982, 983, 988, // replica of an availability group that is not ready
		4060, 4221, // a database that is about to move cannot be opened
		10928, 10929, 40143, 40197, 40501, 40540, 40613, 49918, 49919, 49920: // Azure SQL, busy or moving
		return true
	}
	return false
}

// severed: the server ended the session after it had said something.
func severed(err error) bool {
	return errors.As(err, new(mssql.ServerError)) || errors.As(err, new(mssql.StreamError))
}

// lost: the connection ended, or could not be made.
func lost(err error) bool {
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	return errors.As(err, new(*net.OpError))
}

// IsUnavailable reports whether err, of anything done with a database of this package,
// says that the database does not answer, is moving, or is held by somebody for longer
// than the wait: the same may well succeed later.
func IsUnavailable(err error) bool {
	if l := (*sqlite.Error)(nil); errors.As(err, &l) {
		code := l.Code() & 0xff // without the extension, see https://www.sqlite.org/rescode.html
		return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
	}
	number, answered := serverNumber(err)
	return away(err) || answered && isDeadlock(number)
}

// away: the database ended the connection, or is about to, or cannot be reached.
func away(err error) bool {
	number, answered := serverNumber(err)
	return answered && isOutage(number) || severed(err) || lost(err)
}

func isSQLite(err error) bool { return errors.As(err, new(*sqlite.Error)) }

// IsUniqueViolation reports whether err says that a row with such a key exists.
func IsUniqueViolation(err error) bool {
	if number, answered := serverNumber(err); answered {
		return number == 2627 || number == 2601 // of a constraint, of an index
	}
	if l := (*sqlite.Error)(nil); errors.As(err, &l) {
		return l.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || l.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	return false
}
