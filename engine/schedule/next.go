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
	"strings"
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
	// With six fields the first one would be seconds.
	case cron != "" && (!gronx.IsValid(cron) || !strings.HasPrefix(cron, "@") && len(strings.Fields(cron)) != 5):
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
		next, err := gronx.NextTickAfter(x.Cron, after, false)
		if err != nil { // it gave up looking, and says no more than that
			return time.Time{}, fmt.Errorf("there is no time that the cron expression %q names, such as 30 February", x.Cron)
		}
		return next, nil
	}
	if x.NextDue.IsZero() || x.NextDue.After(after) {
		return after.Add(x.Interval), nil
	}
	missed := after.Sub(x.NextDue) / x.Interval
	return x.NextDue.UTC().Add((missed + 1) * x.Interval), nil
}

// Upcoming returns the next n times at which x is due, from x.NextDue on. When it has
// none they are counted from now; when it is overdue, that one is made up for first.
func Upcoming(x store.Schedule, now time.Time, n int) (times []time.Time, err error) {
	for after := now; len(times) < n; after = later(now, x.NextDue) {
		if x.NextDue.IsZero() || len(times) > 0 {
			if x.NextDue, err = Next(x, after); err != nil {
				return nil, err
			}
		}
		times = append(times, x.NextDue.UTC())
	}
	return times, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
