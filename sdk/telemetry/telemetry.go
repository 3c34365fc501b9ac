// Package telemetry sets up logs, traces and metrics for a process: slog with
// trace ids in every line, and OpenTelemetry steered by the standard OTEL_*
// variables. Nothing of it is global; what is needed is handed on.
//
// Without any OTEL_*_EXPORTER or OTEL_EXPORTER_* variable nothing is exported and
// no connection is tried. Start reading at [Start].
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// Config of a process's telemetry.
type Config struct {
	// Service and Version name the process in traces and metrics.
	Service, Version string
	// Logs receives the log lines; os.Stderr in a main.
	Logs io.Writer
	// Also receives every record beside Logs, and decides itself what it takes.
	Also []slog.Handler
	// Level is the lowest level that is logged.
	Level slog.Level
	// Text chooses lines for people instead of JSON.
	Text bool
	// Metrics receive every metric beside what Environ asks for.
	Metrics []sdkmetric.Reader
	// Environ is os.Environ(); it decides whether anything is exported.
	Environ []string
}

// Telemetry is what a process hands to its parts.
type Telemetry struct {
	Logger *slog.Logger
	Tracer trace.TracerProvider
	Meter  metric.MeterProvider

	stop []func(context.Context) error
}

// Start sets up telemetry. An exporter that cannot be made is an error; one that
// cannot reach its collector later is not.
func Start(ctx context.Context, c Config) (*Telemetry, error) {
	t := &Telemetry{
		Logger: NewLogger(c.Logs, c.Level, c.Text, c.Also...),
		Tracer: tracenoop.NewTracerProvider(),
		Meter:  metricnoop.NewMeterProvider(),
	}
	// As text attributes, so that no version of the semantic conventions has to
	// agree with the SDK's own.
	res := resource.NewSchemaless(
		attribute.String("service.name", c.Service), attribute.String("service.version", c.Version))
	if asksFor(c.Environ, "TRACES") {
		exporter, err := autoexport.NewSpanExporter(ctx)
		if err != nil {
			return nil, fmt.Errorf("set up the trace exporter from the OTEL_ variables: %w", err)
		}
		p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(res))
		t.Tracer, t.stop = p, append(t.stop, p.Shutdown)
	}
	readers := c.Metrics
	if asksFor(c.Environ, "METRICS") {
		reader, err := autoexport.NewMetricReader(ctx)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("set up the metric exporter from the OTEL_ variables: %w", err), t.Stop(ctx))
		}
		readers = append([]sdkmetric.Reader{reader}, readers...)
	}
	if len(readers) > 0 {
		options := []sdkmetric.Option{sdkmetric.WithResource(res)}
		for _, r := range readers {
			options = append(options, sdkmetric.WithReader(r))
		}
		p := sdkmetric.NewMeterProvider(options...)
		t.Meter, t.stop = p, append(t.stop, p.Shutdown)
	}
	return t, nil
}

// Stop sends what is still held back, for at most 5 s.
func (t *Telemetry) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var errs []error
	for _, stop := range t.stop {
		errs = append(errs, stop(ctx))
	}
	return errors.Join(errs...)
}

// asksFor reports whether the environment asks for a signal to be exported. The
// standard's default would be to export to localhost always, which on a host
// without a collector only makes noise.
func asksFor(environ []string, signal string) bool {
	for _, kv := range environ {
		key, value, _ := strings.Cut(kv, "=")
		switch key {
		case "OTEL_SDK_DISABLED":
			if strings.EqualFold(value, "true") {
				return false
			}
		}
	}
	for _, kv := range environ {
		key, value, _ := strings.Cut(kv, "=")
		if value == "" {
			continue
		}
		switch key {
		case "OTEL_" + signal + "_EXPORTER":
			return value != "none"
		case "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_" + signal + "_ENDPOINT":
			return true
		}
	}
	return false
}
