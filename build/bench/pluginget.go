package bench

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Whole runs of two like variants differ by up to a third on a shared machine;
// many short blocks in turn, with both sides held open, repeat to a few per cent.
const (
	getBlocks   = 150
	getPerBlock = 60
)

// PluginGet compares Get through everything that stands between the engine and a
// plugin with a bare gRPC call under mutual TLS, both over a unix socket to
// another process with a value of 64 bytes.
func PluginGet(ctx context.Context, e Env) ([]Figure, error) {
	resolver, ref, err := benchPlugin(ctx, e)
	if err != nil {
		return nil, err
	}
	defer resolver.Close()
	bare, closeBare, err := startBare(ctx, e.Dir)
	if err != nil {
		return nil, err
	}
	defer closeBare()
	through := func() error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		s, err := resolver.Get(ctx, ref, secret.Current)
		s.Value.Wipe()
		return err
	}
	direct := func() error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		return bare(ctx)
	}
	var ours, theirs, ratios []float64
	for block := range getBlocks {
		a, err := block50(through)
		if err != nil {
			return nil, err
		}
		b, err := block50(direct)
		if err != nil {
			return nil, err
		}
		if block < 10 {
			continue // both sides warm up
		}
		ours, theirs, ratios = append(ours, a), append(theirs, b), append(ratios, a/b)
	}
	e.say("plugin_get: p50 %.0f us through the plugin, %.0f us bare gRPC", median(ours)/1e3, median(theirs)/1e3)
	return []Figure{{Name: "plugin_get_p50_vs_grpc", Value: median(ratios), Goal: 1.25}}, nil
}

// block50 returns the median time of a short block of calls, in nanoseconds.
func block50(call func() error) (float64, error) {
	times := make([]float64, 0, getPerBlock)
	for range getPerBlock {
		begin := time.Now()
		if err := call(); err != nil {
			return 0, err
		}
		times = append(times, float64(time.Since(begin)))
	}
	return median(times), nil
}

// benchPlugin starts the SDK's test plugin, which answers the returned ref from
// memory, so that the hop alone is measured.
func benchPlugin(ctx context.Context, e Env) (*host.Resolver, secret.Ref, error) {
	binary := filepath.Join(e.Dir, "memplugin")
	if err := goBuild(ctx, binary, "github.com/identitymesh/identitymesh/sdk/host/internal/memplugin"); err != nil {
		return nil, "", err
	}
	hash, err := launch.Hash(binary)
	if err != nil {
		return nil, "", err
	}
	r, err := host.OpenResolver(host.Config{
		Choice: catalog.Choice{Provider: "mem", Plugin: catalog.Plugin{
			Name: "mem", Path: binary, SHA256: hash, Pin: "the benchmark", Config: secret.NewValue([]byte("{}")),
		}},
		DataFolder: filepath.Join(e.Dir, "d"), Environ: os.Environ(), LogLevel: slog.LevelInfo,
		Logger: slog.New(slog.DiscardHandler), Tracer: tracenoop.NewTracerProvider(),
	})
	if err != nil {
		return nil, "", err
	}
	if _, err := r.List(ctx, provider.ListRequest{Size: 1}); err != nil {
		_ = r.Close()
		return nil, "", fmt.Errorf("the benchmark's plugin: %w", err)
	}
	return r, "secret://test/bytes64", nil
}
