package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/engine/connector/ldap"
	"github.com/identitymesh/identitymesh/engine/connector/ldap/ldaptest"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const (
	smallImport = 50_000
	largeImport = 200_000
	mib         = 1 << 20
)

// ImportMemory measures the peak resident memory of the engine's own process
// during two imports, one four times as large as the other, each in a fresh
// engine with the default secret provider.
func ImportMemory(ctx context.Context, e Env) ([]Figure, error) {
	var peaks []float64
	for _, people := range []int{smallImport, largeImport} {
		peak, err := importPeak(ctx, e, people)
		if err != nil {
			return nil, fmt.Errorf("import of %d entries: %w", people, err)
		}
		e.say("import_rss: %d entries, peak %.0f MB", people, peak)
		peaks = append(peaks, peak)
	}
	return []Figure{
		{Name: "import_rss_mb", Value: max(peaks[0], peaks[1]), Goal: 150},
		{Name: "import_rss_200k_vs_50k", Value: peaks[1] / peaks[0], Goal: 1.10},
	}, nil
}

func importPeak(ctx context.Context, e Env, people int) (megabytes float64, err error) {
	server, err := ldaptest.Start(ctx, ldaptest.Config{People: people})
	if err != nil {
		return 0, err
	}
	defer server.Close()
	folder := filepath.Join(e.Dir, fmt.Sprintf("m%d", people))
	file, db, err := prepare(ctx, e, folder, server)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	engine := exec.CommandContext(ctx, filepath.Join(e.Bin, "identitymesh-engine"), "--config", file)
	var log strings.Builder
	engine.Stderr = &log
	if err := engine.Start(); err != nil {
		return 0, err
	}
	defer func() { _ = engine.Process.Signal(os.Interrupt); _ = engine.Wait() }()
	for {
		runs, err := db.ListRuns(ctx, store.RunFilter{}, 1)
		if err != nil {
			return 0, err
		}
		switch r := runs[0]; r.Status {
		case store.Queued, store.Running:
		case store.Succeeded:
			if r.Counts.Added != int64(people) {
				return 0, fmt.Errorf("%d objects were added", r.Counts.Added)
			}
			return peakMemory(engine.Process.Pid)
		default:
			return 0, fmt.Errorf("the run %s: %s\n%s", r.Status, r.Error, log.String())
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// prepare makes a product folder with a connector, its secret and a queued run.
func prepare(ctx context.Context, e Env, folder string, server *ldaptest.Server) (file string, db *store.Store, err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", nil, err
	}
	file = filepath.Join(folder, "appsettings.json")
	body, _ := json.Marshal(map[string]any{"IdentityMesh": map[string]any{"DataFolder": "data", "PluginFolder": e.Bin}})
	if err := os.WriteFile(file, body, 0o600); err != nil {
		return "", nil, err
	}
	settings, problems := appsettings.Load(appsettings.Options{File: file})
	if err := problems.Err(); err != nil {
		return "", nil, err
	}
	if db, err = store.Open(ctx, store.Config{DB: productdb.Config{DataFolder: settings.Product.DataFolder}}); err != nil {
		return "", nil, err
	}
	c, err := db.CreateConnector(ctx, store.Connector{Name: "bench", Type: ldap.Kind{}.Name(), Enabled: true, Config: connectorConfig(server)})
	if err != nil {
		return "", nil, err
	}
	choice, _ := catalog.Choose(settings, catalog.Options{})
	admin, err := host.OpenAdministrator(host.Config{
		Choice: choice, DataFolder: settings.Product.DataFolder, Logger: slog.New(slog.DiscardHandler), Tracer: tracenoop.NewTracerProvider(),
	})
	if err != nil {
		return "", nil, err
	}
	defer admin.Close()
	if _, err := admin.Set(ctx, provider.SetRequest{Ref: bindRef, Value: secret.NewValue([]byte(server.Password))}); err != nil {
		return "", nil, err
	}
	_, _, err = db.Enqueue(ctx, store.NewRun{ConnectorID: c.ID, Kind: store.Full, Trigger: store.Manual})
	return file, db, err
}

// peakMemory returns the highest resident memory of a process so far, in MiB.
func peakMemory(pid int) (float64, error) { return memoryOf(pid, "VmHWM") }

// memoryOf returns a field of proc_pid_status(5) in MiB.
func memoryOf(pid int, field string) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb * 1024 / mib, err
		}
	}
	return 0, fmt.Errorf("process %d has no %s", pid, field)
}

func goBuild(ctx context.Context, out, pkg string) error {
	if text, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, pkg).CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w: %s", pkg, err, text)
	}
	return nil
}
