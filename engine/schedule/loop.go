package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Config of a [Loop].
type Config struct {
	Store *store.Store
	// Self is this instance as it registers itself.
	Self store.Instance
	// Run does a claimed run to its end; its context ends with the loop's.
	Run    func(context.Context, store.Claimed)
	Logger *slog.Logger
	Now    func() time.Time
	// Poll is how often the database is asked for work, Heartbeat how often this
	// instance shows that it lives, LeaseTTL how long a claim lasts unrenewed.
	Poll, Heartbeat, LeaseTTL time.Duration
	// MaxRuns at the same time.
	MaxRuns int
	// Stopping is the cause with which runs are cancelled when the loop ends.
	Stopping error
}

// StopLimit is how long runs may take to write that they were interrupted. What else
// there is to end must find time before service managers lose patience, at 10 s.
const StopLimit = 6 * time.Second

// Offline is how long an instance may be silent before it counts as gone.
const Offline = store.Offline

// Loop looks for work until its context ends.
type Loop struct {
	config Config
	slots  chan struct{}
	runs   sync.WaitGroup
}

// New returns a loop.
func New(c Config) *Loop {
	return &Loop{config: c, slots: make(chan struct{}, c.MaxRuns)}
}

// Join registers the instance, marks the runs of its earlier life as interrupted
// and frees their connectors. It refuses when an instance of the same name lives
// on another host; on one host the caller sees to that.
func (l *Loop) Join(ctx context.Context) error {
	c := l.config
	others, err := c.Store.ListInstances(ctx)
	if err != nil {
		return err
	}
	for _, o := range others {
		if o.Role == c.Self.Role && o.Name == c.Self.Name && o.Machine != c.Self.Machine && c.Now().Sub(o.LastHeartbeat) < Offline {
			return fmt.Errorf("instance %s runs on host %s already (last heartbeat %s); give this one another name in IdentityMesh:InstanceName, or stop the other",
				o.Name, o.Machine, o.LastHeartbeat.Format(time.RFC3339))
		}
	}
	if err := c.Store.Register(ctx, c.Self); err != nil {
		return err
	}
	n, err := c.Store.InterruptOrphans(ctx, c.Self.Name, c.Self.Incarnation)
	if err != nil {
		return err
	}
	if n > 0 {
		c.Logger.Warn("runs that an earlier life of this instance left were marked as interrupted", "runs", n)
	}
	return nil
}

// Work runs until ctx ends, then cancels the runs under way and waits for them,
// at most [StopLimit]. It returns an error when this instance was replaced.
func (l *Loop) Work(ctx context.Context) error {
	runs, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	err := l.poll(ctx, runs)
	cancel(l.config.Stopping)
	settled := make(chan struct{})
	go func() { defer close(settled); l.runs.Wait() }()
	t := time.NewTimer(StopLimit)
	defer t.Stop()
	select {
	case <-settled:
	case <-t.C:
		l.config.Logger.Error("runs did not end in time and will be marked as interrupted at the next start", "limit", StopLimit)
	}
	return err
}

func (l *Loop) poll(ctx, runs context.Context) error {
	poll := time.NewTicker(l.config.Poll)
	defer poll.Stop()
	beat := time.NewTicker(l.config.Heartbeat)
	defer beat.Stop()
	failing := false
	for {
		err := l.round(ctx, runs)
		// One line when the database goes away and one when it is back, instead of
		// one a second.
		if down := err != nil && ctx.Err() == nil; down != failing {
			failing = down
			if down {
				l.config.Logger.Error("looking for work failed; it is tried again", telemetry.KeyError, err)
			} else if err == nil {
				l.config.Logger.Info("looking for work succeeds again")
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-poll.C:
		case <-beat.C:
			err := l.heartbeat(ctx)
			if errors.Is(err, store.ErrReplaced) {
				return fmt.Errorf("instance %s: %w", l.config.Self.Name, err)
			}
			if err != nil && ctx.Err() == nil {
				l.config.Logger.Warn("the heartbeat failed", telemetry.KeyError, err)
			}
		}
	}
}

// heartbeat and round wait for the database no longer than a claim lasts, so that
// one that does not answer, as behind a dropped connection, is asked again.
func (l *Loop) heartbeat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.config.LeaseTTL)
	defer cancel()
	return l.config.Store.Heartbeat(ctx, l.config.Self.Role, l.config.Self.Name, l.config.Self.Incarnation)
}

// round fires what is due and claims what is queued while there are free slots.
func (l *Loop) round(ctx, runs context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.config.LeaseTTL)
	defer cancel()
	if err := l.fire(ctx); err != nil {
		return err
	}
	who := store.Claimant{Instance: l.config.Self.Name, Incarnation: l.config.Self.Incarnation, TTL: l.config.LeaseTTL}
	for {
		select {
		case l.slots <- struct{}{}:
		default:
			return nil
		}
		claimed, ok, err := l.config.Store.Claim(ctx, who)
		if err != nil || !ok {
			<-l.slots
			return err
		}
		l.runs.Add(1)
		go func() {
			defer l.runs.Done()
			defer func() { <-l.slots }()
			l.config.Run(runs, claimed)
		}()
	}
}

// fire queues a run for every schedule that is due. A schedule that cannot be
// understood is pushed away and logged, so that it does not keep others waiting.
func (l *Loop) fire(ctx context.Context) error {
	now := l.config.Now()
	due, err := l.config.Store.Due(ctx, now, l.config.Self.Name)
	if err != nil {
		return err
	}
	for _, x := range due {
		next, err := Next(x, now)
		if err != nil {
			l.config.Logger.Error("a schedule cannot be understood and is put off by an hour", "schedule", x.ID, telemetry.KeyError, err)
			err = l.config.Store.Advance(ctx, x.ID, x.NextDue, now.Add(time.Hour))
		} else {
			_, _, err = l.config.Store.Fire(ctx, x, next)
		}
		switch {
		case err == nil, errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrDisabled), errors.Is(err, store.ErrNotFound):
			// Another instance was faster, or an operator changed it just now.
		default:
			return err
		}
	}
	return nil
}
