package retention_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/identitymesh/identitymesh/engine/retention"
)

// book notes what was asked for, and fails the first time with err.
type book struct {
	asked []string
	err   error
}

func (b *book) PruneRuns(_ context.Context, before time.Time) (int, error) {
	b.asked = append(b.asked, "runs "+before.Format("01-02 15:04"))
	return 1, b.once()
}

func (b *book) PruneLogs(_ context.Context, before time.Time) (int64, error) {
	b.asked = append(b.asked, "lines "+before.Format("01-02 15:04"))
	return 1, b.once()
}

func (b *book) once() (err error) { err, b.err = b.err, nil; return err }

func TestWhatIsOlderIsRemovedEveryHour(t *testing.T) {
	for name, c := range map[string]struct {
		runs, lines int
		err         error
		want        []string
	}{
		"all is kept":                       {0, 0, nil, nil},
		"only runs are limited":             {30, 0, nil, []string{"runs 12-02 00:01", "runs 12-02 01:01"}},
		"only lines are limited":            {0, 2, nil, []string{"lines 12-30 00:01", "lines 12-30 01:01"}},
		"both are limited":                  {30, 2, nil, []string{"runs 12-02 00:01", "lines 12-30 00:01", "runs 12-02 01:01", "lines 12-30 01:01"}},
		"the database fails the first time": {30, 2, errors.New("away"), []string{"runs 12-02 00:01", "runs 12-02 01:01", "lines 12-30 01:01"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // its clock begins with the year 2000
				b := &book{err: c.err}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					retention.Keep(ctx, retention.Config{Store: b, RunDays: c.runs, LogDays: c.lines, Logger: slog.New(slog.DiscardHandler),
						Now: func() time.Time { return time.Now().UTC() }})
				}()
				time.Sleep(90 * time.Minute)
				cancel()
				<-ended
				if !slices.Equal(b.asked, c.want) {
					t.Errorf("asked for %q", fmt.Sprint(b.asked))
				}
			})
		})
	}
}
