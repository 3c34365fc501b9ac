package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
)

// idleTime is how long a plugin has nothing to do before it is looked at, and
// readyLimit how long it may take to get there.
const (
	idleTime   = 3 * time.Second
	readyLimit = time.Minute
)

// PluginIdle measures the resident memory of each of the product's own plugins
// when it was configured and has nothing to do.
func PluginIdle(ctx context.Context, e Env) ([]Figure, error) {
	var largest float64
	for name, secrets := range map[string]any{
		catalog.DPAPI: map[string]any{"Provider": catalog.DPAPI},
		catalog.AzureKeyVault: map[string]any{"Provider": catalog.AzureKeyVault, "KeyVault": map[string]any{
			"VaultUri": "https://bench.vault.azure.net/", "TenantId": "00000000-0000-0000-0000-000000000001",
			"ClientId": "00000000-0000-0000-0000-000000000002", "ClientSecret": "of the benchmark",
		}},
	} {
		size, err := idleMemory(ctx, e, filepath.Join(e.Dir, "idle"+name), secrets)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		e.say("plugin_idle_rss: %s rests at %.1f MiB", name, size)
		largest = max(largest, size)
	}
	return []Figure{{Name: "plugin_idle_rss_mb", Value: largest, Goal: 30}}, nil
}

func idleMemory(ctx context.Context, e Env, folder string, secrets any) (float64, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return 0, err
	}
	file := filepath.Join(folder, "appsettings.json")
	body, _ := json.Marshal(map[string]any{
		"IdentityMesh": map[string]any{"DataFolder": "data", "PluginFolder": e.Bin}, "Secrets": secrets,
	})
	if err := os.WriteFile(file, body, 0o600); err != nil {
		return 0, err
	}
	settings, problems := appsettings.Load(appsettings.Options{File: file})
	if err := problems.Err(); err != nil {
		return 0, err
	}
	choice, problems := catalog.Choose(settings, catalog.Options{})
	if err := problems.Err(); err != nil {
		return 0, err
	}
	p, err := host.OpenAdministrator(host.Config{
		Choice: choice, DataFolder: settings.Product.DataFolder, Logger: slog.New(slog.DiscardHandler), Tracer: tracenoop.NewTracerProvider(),
	})
	if err != nil {
		return 0, err
	}
	defer p.Close()
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	if _, err := p.Info(ctx); err != nil {
		return 0, err
	}
	time.Sleep(idleTime)
	return memoryOf(p.Status().Plugin.PID, "VmRSS")
}
