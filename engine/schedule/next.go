// Package schedule decides what is due on this instance, hands it to the run,
// and keeps the instance's place among the others: its name, its heartbeat, and
// the runs that an earlier life of it left unfinished.
//
// Instances meet only in the database, so nothing here assumes that they share a
// process or a host. Start reading at [Loop] and [Next].
package schedule

import (
	"errors"
	"fmt"
	"time"

	"github.com/adhocore/gronx"

	"github.com/identitymesh/identitymesh/engine/store"
)

// ShortestInterval keeps a typing error from keeping a directory busy for ever.
const ShortestInterval = 10 * time.Second

// Validate checks when a schedule runs: either an interval of whole seconds of
// at least [ShortestInterval], or a cron expression of five fields (minute, hour,
// day of month, month, day of week) or a name such as @hourly, in UTC.
func Validate(interval time.Duration, cron string) error {
	switch {
	case (interval != 0) == (cron != ""):
		return errors.New("give either an interval or a cron expression")
	case cron != "" && !gronx.IsValid(cron):
		return fmt.Errorf("%q is not a cron expression of five fields (minute, hour, day of month, month, day of week) or a name such as @hourly", cron)
	case cron == "" && interval < ShortestInterval:
		return fmt.Errorf("the interval must be at least %s", ShortestInterval)
	case interval%time.Second != 0:
		return errors.New("the interval must be whole seconds")
	}
	return nil
}

// Next returns when x is due after the given time. An interval keeps its phase:
// what was missed while nothing ran is done once, not once for each time.
func Next(x store.Schedule, after time.Time) (time.Time, error) {
	if err := Validate(x.Interval, x.Cron); err != nil {
		return time.Time{}, err
	}
	after = after.UTC()
	if x.Cron != "" {
		return gronx.NextTickAfter(x.Cron, after, false)
	}
	if x.NextDue.IsZero() || x.NextDue.After(after) {
		return after.Add(x.Interval), nil
	}
	missed := after.Sub(x.NextDue) / x.Interval
	return x.NextDue.UTC().Add((missed + 1) * x.Interval), nil
}
