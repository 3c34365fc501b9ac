package conformance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
)

// Config says what to check.
type Config struct {
	// Binary is the path of the plugin's file.
	Binary string
	// Config is a good configuration, a JSON object. The suite writes to the store
	// that it names, if the plugin claims to write.
	Config []byte
	// Environment is what the plugin finds in its environment beside the variables
	// of the handshake, as KEY=value.
	Environment []string
	// Seeds are secrets that the store holds already, for a plugin that only reads.
	Seeds []Seed
	// Unreachable is a configuration that is well formed and names a store that
	// cannot be reached; nil when there is no such thing. With it the suite checks
	// what the plugin says of a store that is away.
	Unreachable []byte
	// Canaries are texts in Config that must never be seen outside of it, as
	// passwords.
	Canaries []string
	// CallLimit is the deadline of each call; 0 means 10 s.
	CallLimit time.Duration
	// Logger receives the plugin's log lines; nil for nobody.
	Logger *slog.Logger
}

// Seed is a secret that a store holds already.
type Seed struct {
	Ref   string
	Value []byte
}

// Limits of a run.
const (
	defaultCallLimit = 10 * time.Second
	// startLimit is what a host gives a plugin from its start to its configuration.
	startLimit = 30 * time.Second
	// cleanLimit is for removing what was written, also when the caller gave up.
	cleanLimit = 30 * time.Second
	// atOnce is how many cases run side by side; most of them wait.
	atOnce = 4
)

// Run checks the plugin against every case of [Cases] and reports. Progress, when
// not nil, hears of each verdict as it is there, from one goroutine at a time and
// in no order; of a case that is judged again in the light of others it hears
// again. When ctx ends, the cases that were not finished are skipped and the error
// is that of ctx; the report is valid all the same, and what was written has been
// removed.
//
// Any other error is one of the run itself, as a file that does not exist. A
// plugin that does not start is a result.
func Run(ctx context.Context, c Config, progress func(Result)) (report Report, err error) {
	s, err := newSuite(c)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	v := &verdicts{suite: s, progress: progress, of: map[string]Result{}}
	s.prepare(ctx)
	v.judge(ctx, 1, inPhase(alone)) // first, while there is little to list
	v.judge(ctx, atOnce, inPhase(together))
	v.judge(ctx, 1, v.inDoubt())
	report = Report{Binary: c.Binary, SHA256: s.sha256, Plugin: s.info, Leftovers: s.clean(ctx)}
	s.stopAll()
	v.judge(ctx, 1, inPhase(afterwards))
	v.amend()
	for _, kase := range Cases() {
		report.Results = append(report.Results, v.of[kase.Name])
	}
	return report, ctx.Err()
}

// newSuite makes what a run needs before the plugin starts.
func newSuite(c Config) (*suite, error) {
	if runtime.GOOS != "linux" && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("plugins run on Linux and Windows only, not on %s", runtime.GOOS)
	}
	if c.CallLimit <= 0 {
		c.CallLimit = defaultCallLimit
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	hash, err := launch.Hash(c.Binary)
	if err != nil {
		return nil, err
	}
	// A short path leaves room for the names of sockets.
	dir, err := os.MkdirTemp("", "im-")
	if err != nil {
		return nil, err
	}
	folder, err := launch.OpenFolder(dir)
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return &suite{
		config: c, sha256: hash, dir: dir, folder: folder, run: random(6), leaks: newLeaks(append(slices.Clone(c.Canaries), seeded(c.Seeds)...)),
		written: map[string]bool{}, unserved: map[facade.Capability]bool{},
	}, nil
}

// seeded are the values of seeds that are long enough to be known again.
func seeded(seeds []Seed) (out []string) {
	for _, seed := range seeds {
		if len(seed.Value) >= minDigested {
			out = append(out, string(seed.Value))
		}
	}
	return out
}
