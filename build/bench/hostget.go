package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

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
	// rateBlocks of callers that make callsEach calls one after the other.
	rateBlocks = 60
	callers    = 64
	callsEach  = 20
	// warmUp is how many blocks of each kind are not counted.
	warmUp     = 10
	allocCalls = 2000
	callLimit  = 10 * time.Second
)

// call makes one call.
type call func(context.Context) error

// HostGet compares Get through the whole host, which is everything between the
// engine and a plugin, with a bare unary call of gRPC with its default options
// under mutual TLS: both over a unix socket to another process, with a value of
// 64 bytes. Host and plugin trace, but no call is sampled. Both sides' callers run
// with the collector's setting of the engine.
func HostGet(ctx context.Context, e Env) ([]Figure, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(engineGC))
	resolver, ref, err := benchPlugin(ctx, e)
	if err != nil {
		return nil, err
	}
	defer resolver.Close()
	bare, closeBare, err := startBare(ctx, e.Dir, "secret://test/bytes64")
	if err != nil {
		return nil, err
	}
	defer closeBare()
	// As within a run of the engine whose trace is not sampled.
	ctx, span := notSampled().Tracer("bench").Start(ctx, "run")
	defer span.End()
	through := func(ctx context.Context) error {
		s, err := resolver.Get(ctx, ref, secret.Current)
		s.Value.Wipe()
		return err
	}
	p50, err := inTurn(getBlocks, func(c call) (float64, error) { return block50(ctx, c) }, through, bare)
	if err != nil {
		return nil, err
	}
	rate, err := inTurn(rateBlocks, func(c call) (float64, error) { return blockRate(ctx, c) }, through, bare)
	if err != nil {
		return nil, err
	}
	ours, theirs := allocations(ctx, through), allocations(ctx, bare)
	e.say("host_get: p50 %.0f us through the host, %.0f us bare; %.0f and %.0f calls/s with %d callers; %.1f and %.1f allocations a call on the caller's side",
		p50.ours/1e3, p50.theirs/1e3, rate.ours, rate.theirs, callers, ours, theirs)
	return []Figure{
		{Name: "host_get_p50_vs_grpc", Value: p50.ratio, Goal: 1.00},
		{Name: "host_get_rate64_vs_grpc", Value: rate.ratio, Goal: 0.90, AtLeast: true},
	}, nil
}

// pair is what both sides of a comparison came to.
type pair struct{ ours, theirs, ratio float64 }

// inTurn measures blocks of both sides in turn.
func inTurn(blocks int, measure func(call) (float64, error), ours, theirs call) (pair, error) {
	var a, b, ratios []float64
	for block := range blocks + warmUp {
		x, err := measure(ours)
		if err != nil {
			return pair{}, err
		}
		y, err := measure(theirs)
		if err != nil {
			return pair{}, err
		}
		if block >= warmUp {
			a, b, ratios = append(a, x), append(b, y), append(ratios, x/y)
		}
	}
	return pair{median(a), median(b), median(ratios)}, nil
}

// block50 returns the median time of a short block of calls, in nanoseconds.
func block50(ctx context.Context, c call) (float64, error) {
	times := make([]float64, 0, getPerBlock)
	for range getPerBlock {
		begin := time.Now()
		if err := limited(ctx, c); err != nil {
			return 0, err
		}
		times = append(times, float64(time.Since(begin)))
	}
	return median(times), nil
}

// blockRate returns how many calls a second many callers make at once.
func blockRate(ctx context.Context, c call) (float64, error) {
	var all sync.WaitGroup
	errs := make([]error, callers)
	begin := time.Now()
	for i := range callers {
		all.Go(func() {
			for range callsEach {
				if errs[i] = limited(ctx, c); errs[i] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	return callers * callsEach / time.Since(begin).Seconds(), errors.Join(errs...)
}

// allocations returns how many objects this process makes for a call.
func allocations(ctx context.Context, c call) float64 {
	return testing.AllocsPerRun(allocCalls, func() { _ = limited(ctx, c) })
}

// limited makes a call as the engine does, with a deadline.
func limited(ctx context.Context, c call) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	return c(ctx)
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
			// It traces to nowhere, and has nothing to send.
			Environment: []string{"OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1"},
		}},
		DataFolder: filepath.Join(e.Dir, "d"), Environ: os.Environ(), LogLevel: slog.LevelInfo,
		Logger: slog.New(slog.DiscardHandler),
		Tracer: notSampled(),
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

// notSampled is tracing that is on and samples nothing.
func notSampled() trace.TracerProvider {
	return sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0))))
}
