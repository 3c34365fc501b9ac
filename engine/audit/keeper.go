package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// KeeperConfig of a [Keeper].
type KeeperConfig struct {
	Log *Log
	// DataFolder has the key that signs what is removed; it is made when it is first
	// needed.
	DataFolder string
	// AdminDays and ObjectDays are how old records may become; 0 keeps all.
	AdminDays, ObjectDays int
	// Witness is where heads are written, every Interval.
	Witness  Witness
	Interval time.Duration
	// Address names the host in the record of what was removed.
	Address string
	Logger  *slog.Logger
	Now     func() time.Time
	// After is the clock of the pauses; nil means the system's.
	After func(time.Duration) <-chan time.Time
}

// Keeper removes what is too old once a day, and writes the heads of the chains to a
// place outside. What fails is tried again, and is a problem that operators see. Its
// methods may be called concurrently.
type Keeper struct {
	config KeeperConfig
	client *http.Client

	mu       sync.Mutex
	problems map[string]string
}

// The names of the jobs, as logs have them.
const (
	jobPrune = "remove old records"
	jobFile  = "write heads to Audit:Head:File"
	jobURL   = "send heads to Audit:Head:Url"
)

const (
	pruneEvery = 24 * time.Hour
	// settle is how long the jobs leave to a program that has just started.
	settle = 10 * time.Second
	// afterHeads is when old records are looked for first: what is removed is compared
	// with the file of heads, which the first start makes.
	afterHeads = time.Minute
	// A job that failed is tried again, after a pause that doubles up to the longest.
	firstPause   = time.Minute
	longestPause = time.Hour
)

// NewKeeper returns a keeper. A witness without its key is refused.
func NewKeeper(c KeeperConfig) (*Keeper, error) {
	if c.After == nil {
		c.After = time.After
	}
	if c.Witness.File != "" || c.Witness.URL != "" {
		if _, err := ReadHeadKey(c.Witness.KeyFile); err != nil {
			return nil, fmt.Errorf("%w (see Audit:Head:KeyFile)", err)
		}
	}
	if c.Witness.URL != "" && !strings.HasPrefix(c.Witness.URL, "https://") {
		return nil, errors.New("heads of the audit log are sent to https:// addresses only (see Audit:Head:Url)")
	}
	return &Keeper{config: c, client: newClient(c.Witness.TLS), problems: map[string]string{}}, nil
}

// Problems says what an operator must look at.
func (k *Keeper) Problems() (list []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, job := range []string{jobPrune, jobFile, jobURL} {
		if p := k.problems[job]; p != "" {
			list = append(list, p)
		}
	}
	return list
}

// Run does the jobs until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	var all sync.WaitGroup
	if k.config.AdminDays > 0 || k.config.ObjectDays > 0 {
		all.Go(func() { k.repeat(ctx, jobPrune, afterHeads, pruneEvery, k.prune) })
	}
	if file := k.config.Witness.File; file != "" {
		to := written{}
		all.Go(func() {
			k.repeat(ctx, jobFile, settle, k.config.Interval, func(ctx context.Context) error {
				return k.witness(ctx, to, func(text []byte) error { return appendLines(file, text) })
			})
		})
	}
	if url := k.config.Witness.URL; url != "" {
		to := written{}
		all.Go(func() {
			k.repeat(ctx, jobURL, settle, k.config.Interval, func(ctx context.Context) error {
				return k.witness(ctx, to, func(text []byte) error { return post(ctx, k.client, url, text) })
			})
		})
	}
	all.Wait()
}

// repeat does a job first after a pause, then every so often, and sooner when it
// failed.
func (k *Keeper) repeat(ctx context.Context, name string, first, every time.Duration, do func(context.Context) error) {
	pause, failures := first, firstPause
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.config.After(pause):
		}
		err := do(ctx)
		if ctx.Err() != nil {
			return
		}
		pause = every
		problem := ""
		if err != nil {
			pause = min(failures, every)
			failures = min(2*failures, longestPause)
			problem = fmt.Sprintf("the audit log: %s: %v", name, err)
			k.config.Logger.ErrorContext(ctx, "a job of the audit log failed", "job", name, telemetry.KeyError, err, "pause", pause)
		} else {
			failures = firstPause
		}
		k.mu.Lock()
		k.problems[name] = problem
		k.mu.Unlock()
	}
}

func (k *Keeper) prune(ctx context.Context) error {
	key, err := OpenKey(k.config.DataFolder, true)
	if err != nil {
		return err
	}
	r := RetentionOf(k.config.Now(), k.config.AdminDays, k.config.ObjectDays)
	if r.Heads, err = k.config.Witness.Heads(); err != nil {
		return fmt.Errorf("nothing is removed: %w", err)
	}
	removed, err := k.config.Log.PruneAll(ctx, r, key,
		Entry{Actor: System, Address: k.config.Address, Action: "audit.prune", Target: "audit"})
	if removed > 0 {
		k.config.Logger.InfoContext(ctx, "old audit records were removed", "records", removed)
	}
	return err
}

// RetentionOf returns what may be removed when records are kept for so many days; 0
// keeps all.
func RetentionOf(now time.Time, adminDays, objectDays int) (r Retention) {
	if adminDays > 0 {
		r.Admin = now.AddDate(0, 0, -adminDays)
	}
	if objectDays > 0 {
		r.Objects = now.AddDate(0, 0, -objectDays)
	}
	return r
}

func (k *Keeper) witness(ctx context.Context, to written, write func([]byte) error) error {
	// Read each time, so that a new key needs no restart.
	key, err := ReadHeadKey(k.config.Witness.KeyFile)
	if err != nil {
		return err
	}
	heads, err := k.config.Log.ends(ctx)
	if err != nil {
		return err
	}
	text, err := to.lines(heads, key)
	if err == nil && len(text) > 0 {
		err = write(text)
	}
	if err == nil {
		to.note(heads)
	}
	return err
}
