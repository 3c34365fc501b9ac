package schedule_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/schedule"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/logtest"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func TestNext(t *testing.T) {
	cases := []struct {
		name  string
		x     store.Schedule
		after time.Time
		want  time.Time
	}{
		{"a new interval begins one interval from now", store.Schedule{Interval: time.Minute}, noon, noon.Add(time.Minute)},
		{"an interval keeps its phase", store.Schedule{Interval: time.Minute, NextDue: noon.Add(-10 * time.Second)}, noon, noon.Add(50 * time.Second)},
		{"what was missed is done once", store.Schedule{Interval: time.Minute, NextDue: noon.Add(-90 * time.Minute)}, noon, noon.Add(time.Minute)},
		{"cron is in UTC", store.Schedule{Cron: "30 14 * * *"}, noon.In(time.FixedZone("x", 7*3600)), noon.Add(150 * time.Minute)},
		{"cron never fires at the time itself", store.Schedule{Cron: "0 12 * * *"}, noon, noon.Add(24 * time.Hour)},
		{"cron knows names", store.Schedule{Cron: "@hourly"}, noon, noon.Add(time.Hour)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := schedule.Next(c.x, c.after)
			if err != nil || !got.Equal(c.want) {
				t.Errorf("got %v, %v; want %v", got, err, c.want)
			}
		})
	}
}

func TestUpcoming(t *testing.T) {
	at := func(minutes ...int) (times []time.Time) {
		for _, m := range minutes {
			times = append(times, noon.Add(time.Duration(m)*time.Minute))
		}
		return times
	}
	cases := []struct {
		name string
		x    store.Schedule
		want []time.Time
	}{
		{"a new interval is counted from now", store.Schedule{Interval: time.Hour}, at(60, 120, 180)},
		{"an interval keeps its phase", store.Schedule{Interval: time.Hour, NextDue: noon.Add(time.Minute)}, at(1, 61, 121)},
		{"what is overdue is made up for once", store.Schedule{Interval: time.Hour, NextDue: noon.Add(-130 * time.Minute)}, at(-130, 50, 110)},
		{"a new cron expression is counted from now", store.Schedule{Cron: "30 12,14 * * *"}, at(30, 150, 24*60+30)},
		{"a cron expression goes on from when it is due", store.Schedule{Cron: "30 12,14 * * *", NextDue: noon.Add(150 * time.Minute)}, at(150, 24*60+30, 24*60+150)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := schedule.Upcoming(c.x, noon, len(c.want))
			if err != nil || !slices.EqualFunc(got, c.want, time.Time.Equal) {
				t.Errorf("got %v, %v; want %v", got, err, c.want)
			}
		})
	}
	if got, err := schedule.Upcoming(store.Schedule{Cron: "0 0 30 2 *"}, noon, 5); err == nil || !strings.Contains(err.Error(), "no time") {
		t.Errorf("30 February is on %v, %v", got, err)
	}
}

func TestValidateRefuses(t *testing.T) {
	cases := []struct {
		name     string
		interval time.Duration
		cron     string
		text     string
	}{
		{"neither", 0, "", "either"},
		{"both", time.Minute, "@hourly", "either"},
		{"an interval that is too short", time.Second, "", "at least 10s"},
		{"a fraction of a second", 10500 * time.Millisecond, "", "whole seconds"},
		{"an expression that is none", 0, "every day", "not a cron expression"},
		{"an expression with seconds", 0, "*/5 * * * * *", "five fields"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := schedule.Validate(c.interval, c.cron)
			if err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v", err)
			}
		})
	}
}

type world struct {
	t      *testing.T
	store  *store.Store
	id     string
	config schedule.Config
}

func newWorld(t *testing.T) *world {
	db, err := store.Open(t.Context(), store.Config{DB: productdb.Config{DataFolder: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	c, err := db.CreateConnector(t.Context(), store.Connector{Name: "A", Type: "fake", Config: json.RawMessage(`{}`), Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, store: db, id: c.ID, config: schedule.Config{
		Store: db, Self: store.Instance{Role: store.RoleEngine, Name: "one", Machine: "here", Incarnation: "1", Started: noon},
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Poll: 10 * time.Millisecond, Heartbeat: 20 * time.Millisecond, LeaseTTL: time.Minute, MaxRuns: 2,
		Stopping: errors.New("stopping"),
	}}
}

// finish ends a run as a runner would.
func (w *world) finish(claimed store.Claimed) {
	if err := w.store.Finish(context.Background(), claimed.Run.ID, store.Result{Status: store.Failed, Reason: "TEST"}); err != nil {
		w.t.Error(err)
	}
	if err := w.store.ReleaseLease(context.Background(), claimed.Lease); err != nil {
		w.t.Error(err)
	}
}

func TestDueScheduleRunsOnceAndIsMovedOn(t *testing.T) {
	w := newWorld(t)
	x, err := w.store.CreateSchedule(t.Context(), store.Schedule{ConnectorID: w.id, Kind: store.Delta, Interval: time.Hour, Enabled: true, NextDue: time.Now().Add(-time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	var ran atomic.Int32
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	w.config.Run = func(_ context.Context, c store.Claimed) {
		ran.Add(1)
		w.finish(c)
		time.AfterFunc(20*w.config.Poll, cancel) // time enough to run it again
	}
	loop := schedule.New(w.config)
	if err := errors.Join(loop.Join(ctx), loop.Work(ctx)); err != nil {
		t.Fatal(err)
	}
	if ran.Load() != 1 {
		t.Errorf("it ran %d times", ran.Load())
	}
	if x, err = w.store.Schedule(t.Context(), x.ID); err != nil || time.Until(x.NextDue) < 50*time.Minute {
		t.Errorf("next due %v, %v", x.NextDue, err)
	}
}

func TestStoppingLoopCancelsItsRunsAndWaitsForThem(t *testing.T) {
	w := newWorld(t)
	if _, _, err := w.store.Enqueue(t.Context(), store.NewRun{ConnectorID: w.id, Kind: store.Full, Trigger: store.Manual}); err != nil {
		t.Fatal(err)
	}
	var cause error
	var once sync.Once
	started := make(chan struct{})
	w.config.Run = func(ctx context.Context, c store.Claimed) {
		once.Do(func() { close(started) })
		<-ctx.Done()
		cause = context.Cause(ctx)
		w.finish(c)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	loop := schedule.New(w.config)
	if err := errors.Join(loop.Join(ctx), loop.Work(ctx)); err != nil {
		t.Fatal(err)
	}
	if cause != w.config.Stopping {
		t.Errorf("the run was cancelled with %v", cause)
	}
}

func TestInstanceOfTheSameNameOnAnotherHostIsRefused(t *testing.T) {
	w := newWorld(t)
	other := w.config.Self
	other.Machine, other.Incarnation = "elsewhere", "2"
	if err := w.store.Register(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	err := schedule.New(w.config).Join(t.Context())
	if err == nil || !strings.Contains(err.Error(), "elsewhere") || !strings.Contains(err.Error(), "IdentityMesh:InstanceName") {
		t.Fatalf("got %v", err)
	}
	w.config.Now = func() time.Time { return time.Now().Add(schedule.Offline + time.Second) }
	if err := schedule.New(w.config).Join(t.Context()); err != nil {
		t.Errorf("once the other is silent: %v", err)
	}
}

func TestDatabaseThatDoesNotAnswerHoldsTheLoopOnlySoLong(t *testing.T) {
	w := newWorld(t)
	w.config.LeaseTTL = 200 * time.Millisecond
	w.config.Run = func(context.Context, store.Claimed) {}
	var logs logtest.Buffer
	w.config.Logger = slog.New(slog.NewJSONHandler(&logs, nil))
	loop := schedule.New(w.config)
	if err := loop.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The one connection that may write is in use, and nobody gives it back.
	stuck, err := w.store.DB().Write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stuck.Rollback() }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	go func() {
		for ctx.Err() == nil && strings.Count(logs.String(), "the heartbeat failed") < 2 {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
	}()
	if err := loop.Work(ctx); err != nil {
		t.Error(err)
	}
	if n := strings.Count(logs.String(), "the heartbeat failed"); n < 2 {
		t.Errorf("%d heartbeats failed: %s", n, logs.String())
	}
}

func TestInstanceThatWasReplacedStops(t *testing.T) {
	w := newWorld(t)
	w.config.Run = func(context.Context, store.Claimed) {}
	loop := schedule.New(w.config)
	if err := loop.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	later := w.config.Self
	later.Incarnation = "2"
	if err := w.store.Register(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := loop.Work(ctx); !errors.Is(err, store.ErrReplaced) {
		t.Errorf("got %v", err)
	}
}

func TestDifferentSecretStoresAreNoticed(t *testing.T) {
	now := time.Now()
	a := store.Instance{Provider: "DPAPI", ProviderTarget: "x"}
	b := store.Instance{Provider: "AzureKeyVault", ProviderTarget: "y", LastHeartbeat: now}
	if !schedule.Differs(a, b, now) {
		t.Error("another provider")
	}
	b.Provider, b.ProviderTarget = "DPAPI", ""
	if schedule.Differs(a, b, now) {
		t.Error("a target that is not known yet is no difference")
	}
	b.ProviderTarget = "y"
	if !schedule.Differs(a, b, now) || schedule.Differs(a, b, now.Add(schedule.Offline)) {
		t.Error("another target of a living instance, and only of a living one")
	}
}
