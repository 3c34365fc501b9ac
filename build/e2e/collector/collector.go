// Package collector is an OpenTelemetry collector within a test: it takes in what
// real exporters send over OTLP/HTTP and keeps it. Start reading at [Start].
package collector

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"

	metricsservice "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	traceservice "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"
)

// maxBody is more than an exporter sends at once.
const maxBody = 64 << 20

// Span is a span as it was received.
type Span struct {
	// Service and Version are the resource's.
	Service, Version string
	Name             string
	// Trace, ID and Parent in hexadecimal digits; Parent is empty for a root.
	Trace, ID, Parent string
	Attributes        map[string]string
}

// Point is a data point of a metric.
type Point struct {
	Service, Metric string
	// Count of a histogram, Value of anything else.
	Count      uint64
	Value      float64
	Attributes map[string]string
}

// Collector keeps what it received. Its methods may be called at any time.
type Collector struct {
	server *httptest.Server

	mu       sync.Mutex
	spans    []Span
	points   []Point
	received []byte
	problems []error
}

// Start listens on a free port of this host. Call Close in the end.
func Start() *Collector {
	c := &Collector{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", c.traces)
	mux.HandleFunc("POST /v1/metrics", c.metrics)
	c.server = httptest.NewServer(mux)
	return c
}

// Close ends it.
func (c *Collector) Close() { c.server.Close() }

// Environment makes a process send everything here, soon.
func (c *Collector) Environment() map[string]string {
	return map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": c.server.URL,
		"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
		"OTEL_BSP_SCHEDULE_DELAY":     "50",
		"OTEL_METRIC_EXPORT_INTERVAL": "200",
	}
}

// Spans returns every span so far.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Points returns every data point so far, oldest first.
func (c *Collector) Points() []Point {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.points)
}

// Received returns every byte so far, as it was before it was compressed, and
// what was wrong with any of it.
func (c *Collector) Received() (string, []error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.received), slices.Clone(c.problems)
}

// body reads a request into message.
func (c *Collector) body(r *http.Request, message proto.Message) error {
	in := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return err
		}
		in = unzipped
	}
	data, err := io.ReadAll(io.LimitReader(in, maxBody))
	if err != nil {
		return err
	}
	c.received = append(c.received, data...)
	return proto.Unmarshal(data, message)
}

// answer does take under the lock and answers as a collector does.
func (c *Collector) answer(w http.ResponseWriter, take func() error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := take(); err != nil {
		c.problems = append(c.problems, err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf") // of an empty message
}

func (c *Collector) traces(w http.ResponseWriter, r *http.Request) {
	c.answer(w, func() error {
		var got traceservice.ExportTraceServiceRequest
		if err := c.body(r, &got); err != nil {
			return fmt.Errorf("traces: %w", err)
		}
		for _, resource := range got.ResourceSpans {
			about := attributes(resource.GetResource().GetAttributes())
			for _, scope := range resource.ScopeSpans {
				for _, s := range scope.Spans {
					c.spans = append(c.spans, Span{
						Service: about["service.name"], Version: about["service.version"], Name: s.Name,
						Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId),
						Attributes: attributes(s.Attributes),
					})
				}
			}
		}
		return nil
	})
}

func (c *Collector) metrics(w http.ResponseWriter, r *http.Request) {
	c.answer(w, func() error {
		var got metricsservice.ExportMetricsServiceRequest
		if err := c.body(r, &got); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
		for _, resource := range got.ResourceMetrics {
			service := attributes(resource.GetResource().GetAttributes())["service.name"]
			for _, scope := range resource.ScopeMetrics {
				for _, m := range scope.Metrics {
					for _, p := range m.GetHistogram().GetDataPoints() {
						c.points = append(c.points, Point{Service: service, Metric: m.Name, Count: p.Count, Attributes: attributes(p.Attributes)})
					}
					for _, p := range append(m.GetSum().GetDataPoints(), m.GetGauge().GetDataPoints()...) {
						c.points = append(c.points, Point{Service: service, Metric: m.Name,
							Value: p.GetAsDouble() + float64(p.GetAsInt()), Attributes: attributes(p.Attributes)})
					}
				}
			}
		}
		return nil
	})
}

func attributes(list []*commonpb.KeyValue) map[string]string {
	out := map[string]string{}
	for _, a := range list {
		out[a.Key] = a.Value.GetStringValue()
	}
	return out
}
