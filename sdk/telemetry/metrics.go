package telemetry

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
)

// Names of metrics. Like log keys, they are part of the product's interface:
// dashboards and alerts depend on them.
const (
	// MetricCallDuration is a histogram, in seconds, of calls to plugins by method
	// and reason, which is OK for those that went well. Its count is the number of
	// calls.
	MetricCallDuration = "identitymesh.plugin.call.duration"
	// MetricState is 1 for the state that a plugin is in and 0 for those it was in.
	MetricState = "identitymesh.plugin.state"
	// MetricRestarts counts the starts that followed a failure.
	MetricRestarts = "identitymesh.plugin.restarts"
)

const (
	attrMethod = attribute.Key("rpc.method")
	attrState  = attribute.Key("identitymesh.state")
)

// callBounds go from a fraction of an answer from memory to the longest deadline.
var callBounds = []float64{.0002, .0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30}

// PluginMeter measures the plugins of a host. Its methods may be called
// concurrently; those of nil do nothing.
type PluginMeter struct {
	duration metric.Float64Histogram
	state    metric.Int64UpDownCounter
	restarts metric.Int64Counter
	series   sync.Map // of series to metric.MeasurementOption

	mu   sync.Mutex
	last map[string]standing // by plugin
}

// series is one line of the histogram.
type series struct {
	plugin, method string
	reason         fault.Reason
}

type standing struct {
	state    string
	restarts int
}

// NewPluginMeter returns a meter.
func NewPluginMeter(provider metric.MeterProvider) (*PluginMeter, error) {
	meter := provider.Meter(instrumentation)
	m := &PluginMeter{last: map[string]standing{}}
	var err error
	if m.duration, err = meter.Float64Histogram(MetricCallDuration, metric.WithUnit("s"),
		metric.WithDescription("Duration of calls to a secret provider plugin"), metric.WithExplicitBucketBoundaries(callBounds...)); err != nil {
		return nil, err
	}
	if m.state, err = meter.Int64UpDownCounter(MetricState, metric.WithUnit("1"),
		metric.WithDescription("1 for the state that a secret provider plugin is in")); err != nil {
		return nil, err
	}
	m.restarts, err = meter.Int64Counter(MetricRestarts, metric.WithUnit("{restart}"),
		metric.WithDescription("Starts of a secret provider plugin that followed a failure"))
	return m, err
}

// Measuring reports whether anybody reads the durations of calls.
func (m *PluginMeter) Measuring(ctx context.Context) bool { return m != nil && m.duration.Enabled(ctx) }

// Call notes a call that ended with err.
func (m *PluginMeter) Call(ctx context.Context, plugin, method string, err error, took time.Duration) {
	reason := fault.OK
	if err != nil {
		reason = fault.Of(wire.FromError(err))
	}
	s := series{plugin, method, reason}
	option, ok := m.series.Load(s)
	if !ok {
		option, _ = m.series.LoadOrStore(s, metric.WithAttributeSet(attribute.NewSet(
			attrPlugin.String(plugin), attrMethod.String(spanName(method)), attrReason.String(reason.String()))))
	}
	m.duration.Record(ctx, took.Seconds(), option.(metric.MeasurementOption))
}

// State notes the state that a plugin is in, and how often it was restarted.
func (m *PluginMeter) State(plugin, state string, restarts int) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	ctx := context.Background()
	last := m.last[plugin]
	if last.state != state {
		if last.state != "" {
			m.state.Add(ctx, -1, metric.WithAttributes(attrPlugin.String(plugin), attrState.String(last.state)))
		}
		m.state.Add(ctx, 1, metric.WithAttributes(attrPlugin.String(plugin), attrState.String(state)))
	}
	m.restarts.Add(ctx, int64(max(0, restarts-last.restarts)), metric.WithAttributes(attrPlugin.String(plugin)))
	m.last[plugin] = standing{state, restarts}
}
