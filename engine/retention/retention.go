// Package retention removes what the history of runs need not keep any longer.
//
// What is kept of the audit log is package audit's concern. Start reading at [Keep].
package retention

import (
	"context"
	"log/slog"
	"time"

	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Store has the history.
type Store interface {
	// PruneRuns and PruneLogs remove what is older, and return how much that was.
	PruneRuns(ctx context.Context, before time.Time) (int, error)
	PruneLogs(ctx context.Context, before time.Time) (int64, error)
}

// Config of [Keep].
type Config struct {
	Store Store
	// RunDays and LogDays are how many days runs and their log lines are kept; 0 keeps
	// all. Lines go with their run, if that is older.
	RunDays, LogDays int
	Logger           *slog.Logger
	Now              func() time.Time
}

const (
	// first is when it begins: a start has more urgent things to do.
	first = time.Minute
	// every is how often it looks; days are not counted more exactly.
	every = time.Hour
	// limit bounds one look. What it leaves is for the next one.
	limit = 30 * time.Minute
)

// Keep removes what is older than that until ctx ends. Several processes may do so.
func Keep(ctx context.Context, c Config) {
	if c.RunDays == 0 && c.LogDays == 0 {
		return
	}
	for pause := first; ; pause = every {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		c.remove(ctx)
	}
}

func (c Config) remove(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var runs int
	var lines int64
	var err error
	if c.RunDays > 0 {
		runs, err = c.Store.PruneRuns(ctx, c.Now().AddDate(0, 0, -c.RunDays))
	}
	if err == nil && c.LogDays > 0 {
		lines, err = c.Store.PruneLogs(ctx, c.Now().AddDate(0, 0, -c.LogDays))
	}
	if runs > 0 || lines > 0 {
		c.Logger.InfoContext(ctx, "old runs and log lines were removed", "runs", runs, "lines", lines)
	}
	if err != nil && ctx.Err() == nil {
		c.Logger.WarnContext(ctx, "old runs and log lines could not be removed; the next try is in an hour", telemetry.KeyError, err)
	}
}
