package bench

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const (
	fewSecrets  = 1_000
	manySecrets = 10_000
	listRounds  = 15
)

// DPAPI measures the default provider, with values of 64 bytes in the embedded
// database.
//
// dpapi_get_p50 is a Get, against a Get from a provider that keeps its secrets in
// memory, through the same path, followed by one SELECT of the row by its primary
// key in this process.
//
// dpapi_list_vs_scan is the time in which 10,000 secrets are listed in pages of
// 1,000, against that of one scan of the table, which reads every column of every
// row in this process and converts none, plus that of the paging: the same listing
// from the provider that keeps its secrets in memory.
//
// dpapi_reseal_memory is the peak resident memory of a rotation over 10,000 secrets
// against one over 1,000, each in a process of its own.
func DPAPI(ctx context.Context, e Env) ([]Figure, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(engineGC))
	ctx, span := notSampled().Tracer("bench").Start(ctx, "run")
	defer span.End()
	many, err := newDPAPIStore(ctx, e, manySecrets)
	if err != nil {
		return nil, err
	}
	figures, err := many.measure(ctx, e)
	if err != nil {
		return nil, err
	}
	few, err := newDPAPIStore(ctx, e, fewSecrets)
	if err != nil {
		return nil, err
	}
	var peaks []float64
	for _, s := range []*dpapiStore{few, many} {
		peak, took, err := s.rotate(ctx)
		if err != nil {
			return nil, fmt.Errorf("rotate over %d secrets: %w", s.secrets, err)
		}
		e.say("dpapi_reseal: %d secrets, peak %.1f MB, %.1f s", s.secrets, peak, took.Seconds())
		peaks = append(peaks, peak)
	}
	return append(figures, Figure{Name: "dpapi_reseal_memory", Value: peaks[1] / peaks[0], Goal: 1.10}), nil
}

// dpapiStore is a data folder with secrets.
type dpapiStore struct {
	secrets int
	folder  string
	plugin  catalog.Plugin
}

func benchRef(i int) secret.Ref { return secret.Ref(fmt.Sprint("secret://bench/", i)) }

func newDPAPIStore(ctx context.Context, e Env, secrets int) (*dpapiStore, error) {
	s := &dpapiStore{secrets: secrets, folder: filepath.Join(e.Dir, fmt.Sprint("k", secrets))}
	config, err := json.Marshal(map[string]string{"DataFolder": s.folder})
	if err != nil {
		return nil, err
	}
	if s.plugin, err = pinned(filepath.Join(e.Bin, "identitymesh-plugin-dpapi"), string(config)); err != nil {
		return nil, err
	}
	admin, err := host.OpenAdministrator(hostOf(s.plugin, s.folder))
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	begin := time.Now()
	for i := range secrets {
		_, err := admin.Set(ctx, provider.SetRequest{Ref: benchRef(i), Value: secret.NewValue(make([]byte, 64)), Tags: map[string]string{"owner": "bench"}})
		if err != nil {
			return nil, err
		}
	}
	e.say("dpapi: %d secrets set in %.1f s", secrets, time.Since(begin).Seconds())
	return s, nil
}

// pinned is a plugin that is trusted as it is.
func pinned(path, config string) (catalog.Plugin, error) {
	hash, err := launch.Hash(path)
	return catalog.Plugin{
		Path: path, SHA256: hash, Pin: "the benchmark", Config: secret.NewValue([]byte(config)),
		// It traces to nowhere, and has nothing to send.
		Environment: []string{"OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1"},
	}, err
}

func hostOf(plugin catalog.Plugin, folder string) host.Config {
	return host.Config{
		Choice: catalog.Choice{Provider: filepath.Base(plugin.Path), Plugin: plugin}, DataFolder: folder,
		Environ: os.Environ(), LogLevel: slog.LevelWarn, Logger: slog.New(slog.DiscardHandler), Tracer: notSampled(),
	}
}

func (s *dpapiStore) measure(ctx context.Context, e Env) ([]Figure, error) {
	ours, err := host.OpenResolver(hostOf(s.plugin, s.folder))
	if err != nil {
		return nil, err
	}
	defer ours.Close()
	binary := filepath.Join(e.Dir, "memstore")
	if err := goBuild(ctx, binary, "github.com/identitymesh/identitymesh/build/bench/memstore"); err != nil {
		return nil, err
	}
	plugin, err := pinned(binary, fmt.Sprintf(`{"Secrets":%d}`, s.secrets))
	if err != nil {
		return nil, err
	}
	theirs, err := host.OpenResolver(hostOf(plugin, filepath.Join(e.Dir, "o")))
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	db, err := productdb.Open(ctx, productdb.Config{DataFolder: s.folder})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	get, err := measureGet(ctx, e, ours, theirs, db.Read)
	if err != nil {
		return nil, err
	}
	list, err := measureList(ctx, e, ours, theirs, db.Read, s.secrets)
	return []Figure{get, list}, err
}

func measureGet(ctx context.Context, e Env, ours, theirs *host.Resolver, db *sql.DB) (Figure, error) {
	get := func(ctx context.Context, from *host.Resolver) error {
		got, err := from.Get(ctx, benchRef(7), secret.Current)
		got.Value.Wipe()
		return err
	}
	name := naming.Name(string(benchRef(7)))
	p50, err := inTurn(getBlocks, func(c call) (float64, error) { return block50(ctx, c) },
		func(ctx context.Context) error { return get(ctx, ours) },
		func(ctx context.Context) error {
			if err := get(ctx, theirs); err != nil {
				return err
			}
			var blob []byte
			return db.QueryRowContext(ctx, "SELECT blob FROM IM_Secrets WHERE name = ?", name).Scan(&blob)
		})
	if err != nil {
		return Figure{}, err
	}
	e.say("dpapi_get: p50 %.0f us from IM_Secrets, %.0f us from memory and one SELECT", p50.ours/1e3, p50.theirs/1e3)
	return Figure{Name: "dpapi_get_p50", Value: p50.ratio, Goal: 1.3}, nil
}

func measureList(ctx context.Context, e Env, ours, theirs *host.Resolver, db *sql.DB, secrets int) (Figure, error) {
	var our, scans, pagings, ratios []float64
	for round := range listRounds + 2 {
		a, err := timed(func() error { return listAll(ctx, ours, secrets) })
		if err != nil {
			return Figure{}, err
		}
		b, err := timed(func() error { return scanAll(ctx, db, secrets) })
		if err != nil {
			return Figure{}, err
		}
		c, err := timed(func() error { return listAll(ctx, theirs, secrets) })
		if err != nil {
			return Figure{}, err
		}
		if round >= 2 { // the others warm up
			our, scans, pagings, ratios = append(our, a), append(scans, b), append(pagings, c), append(ratios, a/(b+c))
		}
	}
	e.say("dpapi_list: %d secrets in %.0f ms; one scan %.0f ms, paging %.0f ms", secrets, median(our), median(scans), median(pagings))
	return Figure{Name: "dpapi_list_vs_scan", Value: median(ratios), Goal: 1.0}, nil
}

func timed(do func() error) (float64, error) {
	begin := time.Now()
	err := do()
	return ms(time.Since(begin)), err
}

func listAll(ctx context.Context, from *host.Resolver, want int) error {
	found := 0
	for request := (provider.ListRequest{Size: provider.MaxPageSize}); ; {
		page, err := from.List(ctx, request)
		if err != nil {
			return err
		}
		if found += len(page.Items); page.Next == "" {
			break
		}
		request.Token = page.Next
	}
	if found != want {
		return fmt.Errorf("listed %d secrets, not %d", found, want)
	}
	return nil
}

func scanAll(ctx context.Context, db *sql.DB, want int) error {
	found, err := db.QueryContext(ctx, "SELECT * FROM IM_Secrets")
	if err != nil {
		return err
	}
	defer found.Close()
	var columns [12]sql.NullString
	into := make([]any, len(columns))
	for i := range columns {
		into[i] = &columns[i]
	}
	n := 0
	for ; found.Next(); n++ {
		if err := found.Scan(into...); err != nil {
			return err
		}
	}
	if n != want {
		return fmt.Errorf("scanned %d rows, not %d", n, want)
	}
	return found.Err()
}

// rotate runs the plugin's command and looks at its peak after every page. The
// last line before the result comes when every secret was sealed again.
func (s *dpapiStore) rotate(ctx context.Context) (peak float64, took time.Duration, err error) {
	cmd := exec.CommandContext(ctx, s.plugin.Path, "key", "rotate")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 0, 0, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	var log strings.Builder
	cmd.Stderr = &log
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	if _, err := stdin.Write(s.plugin.Config.Reveal()); err != nil {
		return 0, 0, err
	}
	resealed := false
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if now, err := peakMemory(cmd.Process.Pid); err == nil {
			peak = max(peak, now)
		}
		resealed = resealed || strings.Contains(lines.Text(), fmt.Sprintf(`"resealed":%d,"failed":0`, s.secrets))
	}
	err = errors.Join(stdin.Close(), cmd.Wait())
	if err == nil && !resealed {
		err = errors.New("it did not seal all of them again")
	}
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, log.String())
	}
	return peak, time.Since(begin), err
}
