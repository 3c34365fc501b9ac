// Package metrics measures the Admin API's requests and the work of the product,
// and shows all metrics of its process in the text format of Prometheus. The
// number of series is bounded: their labels are routes, methods, states and the
// like, never a name that somebody chose but those of plugins.
//
// Start reading at [Exposition] and [Measure].
package metrics

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// Names of metrics; dashboards and alerts depend on them.
const (
	// RequestDuration is a histogram, in seconds, by method, route and status.
	RequestDuration = "http.server.request.duration"
	// SignInFailures counts credentials that were refused.
	SignInFailures = "identitymesh.adminapi.sign_in.failures"
	// Streams are the streams of events that are open.
	Streams = "identitymesh.adminapi.streams"
	// Runs are those that are queued and those under way.
	Runs = "identitymesh.runs"
	// RunsEnded are the imports that ended within the last hour, by how.
	RunsEnded = "identitymesh.runs.ended.last_hour"
)

// Exposition shows metrics to Prometheus.
type Exposition struct {
	http.Handler
	// Reader receives the metrics of OpenTelemetry.
	Reader sdkmetric.Reader
}

// NewExposition returns one that has the metrics of the Go runtime and the process
// beside those that its reader receives.
func NewExposition() (*Exposition, error) {
	registry := prometheus.NewRegistry()
	err := errors.Join(registry.Register(collectors.NewGoCollector()), registry.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})))
	if err != nil {
		return nil, err
	}
	reader, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo())
	if err != nil {
		return nil, err
	}
	return &Exposition{Reader: reader, Handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4,
	})}, nil
}

// Work is what of the product's work is counted.
type Work interface {
	// CountActive returns how many runs are queued and how many are under way.
	CountActive(ctx context.Context) (queued, running int64, err error)
	// CountEnded returns how many imports ended since then, by status.
	CountEnded(ctx context.Context, since time.Time) (map[string]int64, error)
}

// Config of [Measure].
type Config struct {
	Meter metric.MeterProvider
	Work  Work
	// Streams returns how many are open.
	Streams func() int
	// SignInFailures returns how many credentials were refused so far.
	SignInFailures func() int64
	Now            func() time.Time
}

// Requests are measured one by one.
type Requests struct {
	duration metric.Float64Histogram
}

// bounds go from an answer from memory to the longest that a request may take.
var bounds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 90}

// workLimit is how long counting may hold up whoever collects metrics.
const workLimit = 2 * time.Second

// Measure begins to measure, and returns what requests are told to.
func Measure(c Config) (*Requests, error) {
	meter := c.Meter.Meter("github.com/identitymesh/identitymesh/adminapi")
	duration, err := meter.Float64Histogram(RequestDuration, metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(bounds...),
		metric.WithDescription("Requests to the Admin API."))
	if err != nil {
		return nil, err
	}
	failures, err := meter.Int64ObservableCounter(SignInFailures, metric.WithDescription("Credentials that were refused."))
	if err != nil {
		return nil, err
	}
	streams, err := meter.Int64ObservableGauge(Streams, metric.WithDescription("Streams of events that are open."))
	if err != nil {
		return nil, err
	}
	runs, err := meter.Int64ObservableGauge(Runs, metric.WithDescription("Runs that are queued or under way."))
	if err != nil {
		return nil, err
	}
	ended, err := meter.Int64ObservableGauge(RunsEnded, metric.WithDescription("Imports that ended within the last hour."))
	if err != nil {
		return nil, err
	}
	_, err = meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		o.ObserveInt64(streams, int64(c.Streams()))
		o.ObserveInt64(failures, c.SignInFailures())
		ctx, cancel := context.WithTimeout(ctx, workLimit)
		defer cancel()
		status := func(s string) metric.ObserveOption { return metric.WithAttributes(attribute.String("status", s)) }
		// A database that does not answer leaves its metrics out, not the others.
		if queued, running, err := c.Work.CountActive(ctx); err == nil {
			o.ObserveInt64(runs, queued, status("Queued"))
			o.ObserveInt64(runs, running, status("Running"))
		}
		if counts, err := c.Work.CountEnded(ctx, c.Now().Add(-time.Hour)); err == nil {
			for _, s := range []string{"Succeeded", "Failed", "Interrupted", "Cancelled"} {
				o.ObserveInt64(ended, counts[s], status(s))
			}
		}
		return nil
	}, streams, failures, runs, ended)
	return &Requests{duration}, err
}

// Done tells of a request that was answered. Route is the pattern that it matched.
func (r *Requests) Done(ctx context.Context, method, route string, status int, took time.Duration) {
	r.duration.Record(ctx, took.Seconds(), metric.WithAttributes(
		attribute.String("http.request.method", method), attribute.String("http.route", route),
		attribute.String("http.response.status_code", strconv.Itoa(status))))
}
