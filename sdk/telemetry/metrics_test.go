package telemetry_test

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// read returns the values of a metric by the value of one of its attributes.
func read(t *testing.T, reader sdkmetric.Reader, name, key string) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	out := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != name {
				continue
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					v, _ := p.Attributes.Value(attribute.Key(key))
					out[v.AsString()] = p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					v, _ := p.Attributes.Value(attribute.Key(key))
					out[v.AsString()] = int64(p.Count)
				}
			}
		}
	}
	return out
}

func TestPluginIsInOneStateAtATime(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	m, err := telemetry.NewPluginMeter(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		state    string
		restarts int
	}{{"Starting", 0}, {"Ready", 0}, {"Crashed", 0}, {"Backoff", 1}, {"Starting", 1}, {"Ready", 1}, {"Ready", 1}} {
		m.State("acme", s.state, s.restarts)
	}
	states := read(t, reader, telemetry.MetricState, "identitymesh.state")
	for state, value := range states {
		if want := map[bool]int64{true: 1}[state == "Ready"]; value != want {
			t.Errorf("%s is %d, want %d", state, value, want)
		}
	}
	if restarts := read(t, reader, telemetry.MetricRestarts, "identitymesh.plugin"); restarts["acme"] != 1 || len(states) != 4 {
		t.Errorf("restarts %v, states %v", restarts, states)
	}
}

func TestCallsAreCountedByTheirOutcome(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	m, err := telemetry.NewPluginMeter(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	if err != nil {
		t.Fatal(err)
	}
	if !m.Measuring(t.Context()) {
		t.Error("a reader is there and nobody measures")
	}
	denied := wire.ToStatus(fault.New(fault.AccessDenied, fault.SourceBackend, canary)).Err()
	for range 3 {
		m.Call(t.Context(), "acme", "/a.b.SecretValue/Get", nil, time.Millisecond)
		m.Call(t.Context(), "acme", "/a.b.SecretValue/Get", denied, time.Millisecond)
	}
	if got := read(t, reader, telemetry.MetricCallDuration, "identitymesh.reason"); got["OK"] != 3 || got["ACCESS_DENIED"] != 3 || len(got) != 2 {
		t.Errorf("got %v", got)
	}
	if got := read(t, reader, telemetry.MetricCallDuration, "rpc.method"); len(got) != 1 || got["SecretValue/Get"] == 0 {
		t.Errorf("got %v", got)
	}
}

func TestNobodyMeasuresWithoutAReader(t *testing.T) {
	m, err := telemetry.NewPluginMeter(noop.NewMeterProvider())
	if err != nil || m.Measuring(context.Background()) {
		t.Errorf("%v, measuring", err)
	}
	var none *telemetry.PluginMeter
	none.State("acme", "Ready", 0)
	if none.Measuring(context.Background()) {
		t.Error("nothing measures")
	}
}
