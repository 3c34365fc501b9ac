package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/identitymesh/identitymesh/build/demo/cloud"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const (
	// limitedSecrets go to the vault, which takes 30 a second.
	limitedSecrets = 1500
	// settled is the time that a copy has to find its rate.
	settled = 10 * time.Second
	// setsPerSecond is what the service takes: 300 in ten seconds.
	setsPerSecond = 30
	// migrateRounds of freeSecrets each, from store to store.
	migrateRounds, freeSecrets = 5, 4000
	// migrateCallers is how many refs the migration works on at once.
	migrateCallers = 64
)

// Migrate measures the program that moves secrets from store to store.
//
// migrate_rate_vs_limit is how many secrets a second reach a fake vault that enforces
// the service's limits, against those limits, once ten seconds have passed;
// migrate_refused how many requests the vault refused then.
//
// migrate_rate_vs_slower_side is how many go from one embedded database to another,
// which limit nothing: against how many the slower of the two stores takes when it is
// only read, or only written, by as many callers. migrate_rate_vs_calls is the same
// against the calls alone that a copy cannot do without, a read, a write and a read of
// what was written, with no ledger and no comparison: what the migration adds to them.
// All of them take turns.
//
// migrate_memory is the peak resident memory of a migration of 32,000 secrets against
// that of one of 8,000; with fewer it is over before the heap and the caches of the
// embedded database have found their size.
func Migrate(ctx context.Context, e Env) ([]Figure, error) {
	rate, refused, err := migrateLimited(ctx, e)
	if err != nil {
		return nil, err
	}
	ofSide, ofCalls, err := migrateFree(ctx, e)
	if err != nil {
		return nil, err
	}
	var peaks []float64
	for _, n := range []int{2 * freeSecrets, 8 * freeSecrets} {
		m, err := newMigration(ctx, e, fmt.Sprint("mm", n), n)
		if err != nil {
			return nil, err
		}
		peak, err := m.run(ctx)
		if err != nil {
			return nil, err
		}
		e.say("migrate: %d secrets, peak %.1f MB", n, peak)
		peaks = append(peaks, peak)
	}
	return []Figure{
		{Name: "migrate_rate_vs_limit", Value: rate / setsPerSecond, Goal: 0.95, AtLeast: true},
		{Name: "migrate_refused", Value: float64(refused), Goal: 0},
		{Name: "migrate_rate_vs_slower_side", Value: ofSide, Goal: 0.90, AtLeast: true},
		{Name: "migrate_rate_vs_calls", Value: ofCalls, Goal: 0.95, AtLeast: true},
		{Name: "migrate_memory", Value: peaks[1] / peaks[0], Goal: 1.15},
	}, nil
}

// migrateRef is none of those that the vault has.
func migrateRef(i int) secret.Ref { return secret.Ref(fmt.Sprint("secret://migrate/", i)) }

// migration is a folder with the product's configuration and that of the target.
type migration struct {
	e       Env
	folder  string
	environ []string
	secrets int
	from    []string // the options of the plan that say where to
}

// newMigration makes a source with secrets, and a target beside it.
func newMigration(ctx context.Context, e Env, name string, secrets int) (*migration, error) {
	m := &migration{e: e, folder: filepath.Join(e.Dir, name), secrets: secrets}
	for _, side := range []string{"from", "to"} {
		if err := m.write(side+".json", map[string]any{"IdentityMesh": map[string]any{"DataFolder": side, "PluginFolder": e.Bin}}); err != nil {
			return nil, err
		}
	}
	m.from = []string{"--to-config", filepath.Join(m.folder, "to.json")}
	_, err := m.sets(ctx, "from")
	return m, err
}

func (m *migration) write(file string, settings map[string]any) error {
	if err := os.MkdirAll(m.folder, 0o700); err != nil {
		return err
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(m.folder, file), text, 0o600)
}

// store opens a side, or another store of the same kind.
func (m *migration) store(side string) (*host.Carrier, error) {
	folder := filepath.Join(m.folder, side)
	config, err := json.Marshal(map[string]string{"DataFolder": folder})
	if err != nil {
		return nil, err
	}
	plugin, err := pinned(filepath.Join(m.e.Bin, "identitymesh-plugin-dpapi"), string(config))
	if err != nil {
		return nil, err
	}
	return host.OpenCarrier(hostOf(plugin, folder))
}

// each calls do for every secret from as many callers as the migration has, and returns
// how many it did a second.
func (m *migration) each(do func(i int) error) (float64, error) {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var callers sync.WaitGroup
	began := time.Now()
	for range migrateCallers {
		callers.Go(func() {
			for i := next.Add(1) - 1; i < int64(m.secrets); i = next.Add(1) - 1 {
				if err := do(int(i)); err != nil {
					failed.Store(&err)
					return
				}
			}
		})
	}
	callers.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(m.secrets) / time.Since(began).Seconds(), nil
}

func (m *migration) sets(ctx context.Context, side string) (float64, error) {
	store, err := m.store(side)
	if err != nil {
		return 0, err
	}
	defer store.Close()
	if _, err := store.Info(ctx); err != nil {
		return 0, err
	}
	return m.each(func(i int) error {
		_, err := store.Set(ctx, provider.SetRequest{Ref: migrateRef(i), Value: secret.NewValue(make([]byte, 64))})
		return err
	})
}

func (m *migration) gets(ctx context.Context, side string) (float64, error) {
	store, err := m.store(side)
	if err != nil {
		return 0, err
	}
	defer store.Close()
	if _, err := store.Info(ctx); err != nil {
		return 0, err
	}
	return m.each(func(i int) error {
		got, err := store.Get(ctx, migrateRef(i), secret.Current)
		got.Value.Wipe()
		return err
	})
}

// program runs the migration's program and returns its peak resident memory in MB.
func (m *migration) program(ctx context.Context, args ...string) (peak float64, err error) {
	cmd := exec.CommandContext(ctx, filepath.Join(m.e.Bin, "identitymesh-migrate"),
		append([]string{"--config", filepath.Join(m.folder, "from.json"), "--output", "json"}, args...)...)
	var said bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), m.environ...), &said, &said
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for look := time.NewTicker(50 * time.Millisecond); ; {
		select {
		case err := <-ended:
			look.Stop()
			if err != nil {
				err = fmt.Errorf("identitymesh-migrate %v: %w\n%s", args, err, &said)
			}
			return peak, err
		case <-look.C:
			if now, err := peakMemory(cmd.Process.Pid); err == nil {
				peak = max(peak, now)
			}
		}
	}
}

// run plans and runs, and returns the peak resident memory of the run in MB.
func (m *migration) run(ctx context.Context) (float64, error) {
	if _, err := m.program(ctx, append([]string{"plan"}, m.from...)...); err != nil {
		return 0, err
	}
	return m.program(ctx, "run")
}

// rate returns how many secrets were verified a second, beginning when the given time
// had passed since the first was begun: what the ledger says.
func (m *migration) rate(ctx context.Context, after time.Duration) (float64, error) {
	db, err := productdb.Open(ctx, productdb.Config{ConnectionString: secret.NewValue([]byte("sqlite:" + filepath.Join(m.folder, "migration.db")))})
	if err != nil {
		return 0, err
	}
	defer db.Close()
	times := func(where string) (list []time.Time, err error) {
		rows, err := db.Read.QueryContext(ctx, "SELECT at FROM events WHERE "+where+" ORDER BY seq")
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		for rows.Next() {
			var at productdb.Time
			if err := rows.Scan(&at); err != nil {
				return nil, err
			}
			list = append(list, at.Time)
		}
		return list, rows.Err()
	}
	began, err := times("step = 'copy' AND phase = 'intent'")
	if err != nil {
		return 0, err
	}
	ended, err := times("step = 'verify' AND to_state = 'verified'")
	if err != nil {
		return 0, err
	}
	if len(began) != m.secrets || len(ended) != m.secrets {
		return 0, fmt.Errorf("%d secrets were begun and %d verified of %d", len(began), len(ended), m.secrets)
	}
	first := began[0].Add(after)
	skip, _ := slices.BinarySearchFunc(ended, first, time.Time.Compare)
	return float64(len(ended)-skip) / ended[len(ended)-1].Sub(first).Seconds(), nil
}

// calls makes the calls of a copy and nothing else.
func (m *migration) calls(ctx context.Context, side string) (float64, error) {
	from, err := m.store("from")
	if err != nil {
		return 0, err
	}
	defer from.Close()
	to, err := m.store(side)
	if err != nil {
		return 0, err
	}
	defer to.Close()
	for _, s := range []*host.Carrier{from, to} {
		if _, err := s.Info(ctx); err != nil {
			return 0, err
		}
	}
	none := secret.Version("")
	return m.each(func(i int) error {
		got, err := from.Get(ctx, migrateRef(i), secret.Current)
		defer got.Value.Wipe()
		if err != nil {
			return err
		}
		if _, err := to.Set(ctx, provider.SetRequest{Ref: migrateRef(i), Value: got.Value, Expected: &none}); err != nil {
			return err
		}
		back, err := to.Get(ctx, migrateRef(i), secret.Current)
		back.Value.Wipe()
		return err
	})
}

// migrateFree measures a migration that nothing limits.
func migrateFree(ctx context.Context, e Env) (ofSide, ofCalls float64, err error) {
	var sides, copies []float64
	for round := range migrateRounds {
		m, err := newMigration(ctx, e, fmt.Sprint("mf", round), freeSecrets)
		if err != nil {
			return 0, 0, err
		}
		reads, err := m.gets(ctx, "from")
		if err != nil {
			return 0, 0, err
		}
		var writes, calls float64 // before and after, because a machine that others use too has moods
		for _, side := range []string{"before", "after"} {
			w, err := m.sets(ctx, side+"-set")
			if err != nil {
				return 0, 0, err
			}
			c, err := m.calls(ctx, side+"-copied")
			if err != nil {
				return 0, 0, err
			}
			writes, calls = writes+w/2, calls+c/2
			if side == "before" {
				if _, err := m.run(ctx); err != nil {
					return 0, 0, err
				}
			}
		}
		rate, err := m.rate(ctx, 0)
		if err != nil {
			return 0, 0, err
		}
		e.say("migrate: the source alone %.0f reads/s, the target alone %.0f writes/s, the calls alone %.0f copies/s, the migration %.0f secrets/s",
			reads, writes, calls, rate)
		sides, copies = append(sides, rate/min(reads, writes)), append(copies, rate/calls)
	}
	return median(sides), median(copies), nil
}

// migrateLimited measures one to a vault that enforces the service's limits.
func migrateLimited(ctx context.Context, e Env) (rate float64, refused int, err error) {
	v, err := startVault(ctx, e)
	if err != nil {
		return 0, 0, err
	}
	defer v.Stop()
	if err := v.control(ctx, http.MethodPatch, "rules", `{"Creates":300,"Others":4000}`, nil); err != nil {
		return 0, 0, err
	}
	m, err := newMigration(ctx, e, "ml", limitedSecrets)
	if err != nil {
		return 0, 0, err
	}
	err = m.write("from.json", map[string]any{
		"IdentityMesh": map[string]any{"DataFolder": "from", "PluginFolder": e.Bin},
		"Secrets":      map[string]any{"KeyVault": map[string]any{"VaultUri": v.URL()}},
	})
	if err != nil {
		return 0, 0, err
	}
	m.environ, m.from = v.Environment(), []string{"--to", "AzureKeyVault"}
	if _, err := m.program(ctx, append([]string{"plan"}, m.from...)...); err != nil {
		return 0, 0, err
	}
	forgotten := make(chan error, 1)
	time.AfterFunc(settled+time.Second, func() { forgotten <- v.control(ctx, http.MethodDelete, "requests", "", nil) })
	if _, err := m.program(ctx, "run"); err != nil {
		return 0, 0, err
	}
	if err := <-forgotten; err != nil {
		return 0, 0, err
	}
	var requests []struct{ Status int }
	if err := v.control(ctx, http.MethodGet, "requests", "", &requests); err != nil {
		return 0, 0, err
	}
	for _, r := range requests {
		if r.Status == http.StatusTooManyRequests {
			refused++
		}
	}
	rate, err = m.rate(ctx, settled)
	e.say("migrate: %.1f secrets/s to %s, which takes %d; %d of %d requests were refused after %s", rate, cloud.VaultHost, setsPerSecond, refused, len(requests), settled)
	return rate, refused, err
}
