package store

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrNotFound: there is no such row.
	ErrNotFound = errors.New("not found")
	// ErrNameTaken: another one has that name; case does not matter.
	ErrNameTaken = errors.New("the name is taken")
	// ErrConflict: it was changed since it was read. Read it again, then decide.
	ErrConflict = errors.New("it was changed by someone else meanwhile")
	// ErrBusy: the connector is running.
	ErrBusy = errors.New("the connector is running")
	// ErrDisabled: the connector is switched off.
	ErrDisabled = errors.New("the connector is disabled")
	// ErrFenced: the lease was lost, or the run is no longer running. Nothing was
	// written and nothing further can be.
	ErrFenced = errors.New("the lease on the connector was lost to another holder")
	// ErrReplaced: another process registered under the same instance name.
	ErrReplaced = errors.New("another process registered under this instance name")
)

// LeasedError says who holds the lease.
type LeasedError struct {
	Holder string
	Until  time.Time
}

func (e *LeasedError) Error() string {
	return fmt.Sprintf("the connector is leased to %s until %s", e.Holder, e.Until.Format(time.RFC3339))
}

// oldDatabase says what to do when a SQL Server has no table-valued function of a
// name, as it says of OPENJSON in a database kept at an old level.
func oldDatabase(err error, target string) error {
	var server interface {
		error
		SQLErrorNumber() int32
	}
	if errors.As(err, &server) && server.SQLErrorNumber() == 208 { // invalid object name
		return fmt.Errorf("the database %s cannot read JSON: it needs SQL Server 2016 or later and a compatibility level of 130 or more; "+
			"raise it with ALTER DATABASE ... SET COMPATIBILITY_LEVEL = 130: %w", target, err)
	}
	return err
}
