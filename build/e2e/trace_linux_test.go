package e2e_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/demo"
	"github.com/identitymesh/identitymesh/build/demo/canary"
	"github.com/identitymesh/identitymesh/build/demo/client"
	"github.com/identitymesh/identitymesh/build/e2e/collector"
	"github.com/identitymesh/identitymesh/build/release"
	"github.com/identitymesh/identitymesh/sdk/loopbacktest"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// observed is the whole product with a collector behind it.
type observed struct {
	*collector.Collector
	*demo.Demo
	t        *testing.T
	folder   string
	password string
}

func observe(t *testing.T, more ...string) *observed {
	t.Helper()
	o := &observed{Collector: collector.Start(), t: t, password: "canary-trace-51c0de77"}
	t.Cleanup(o.Collector.Close)
	for name, value := range o.Environment() {
		t.Setenv(name, value)
	}
	for _, kv := range more {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	var err error
	if o.folder, err = os.MkdirTemp("", "im-e2e-"); err != nil {
		t.Fatal(err)
	}
	o.Demo, err = demo.Start(t.Context(), demo.Config{
		Bin: bin, Folder: o.folder, Listen: loopbacktest.Address(t), DirectoryListen: "127.0.0.1:0", Password: o.password, Interval: time.Hour,
		Now: time.Now, Logger: slog.New(slog.DiscardHandler), Progress: t.Logf,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if o.Demo != nil {
			o.stop()
		}
		_ = os.RemoveAll(o.folder)
	})
	return o
}

// stop ends every process, which sends what it held back.
func (o *observed) stop() {
	o.t.Helper()
	if err := o.Demo.Stop(); err != nil {
		o.t.Error(err)
	}
	o.Demo = nil
}

func (o *observed) run() {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), time.Minute)
	defer cancel()
	runs, err := o.Import(ctx, client.Full, o.DirectoryConnector)
	if err != nil || runs[0].Err() != nil {
		o.t.Fatal(err, runs)
	}
}

func TestOneTraceLeadsFromTheRequestThroughThreeProcessesToTheDatabase(t *testing.T) {
	o := observe(t)
	o.run()
	o.stop()

	spans := o.Spans()
	find := func(service, name, parent string) collector.Span {
		t.Helper()
		n := slices.IndexFunc(spans, func(s collector.Span) bool {
			return s.Service == service && s.Name == name && (parent == "" || s.Parent == parent)
		})
		if n < 0 {
			t.Fatalf("%s sent no span %q below %q; there are:\n%s", service, name, parent, list(spans))
		}
		return spans[n]
	}
	const api, engine, plugin = "identitymesh-adminapi", "identitymesh-engine", "identitymesh-plugin-dpapi"
	at := find(api, "POST /api/runs", "")
	trace := at.Trace
	for _, next := range []struct{ service, name string }{
		{engine, "run"}, {engine, "SecretValue/Get"}, {plugin, "SecretValue/Get"}, {plugin, "SELECT IM_Secrets"},
	} {
		at = find(next.service, next.name, at.ID)
		if at.Trace != trace || at.Version != release.Version {
			t.Errorf("%s %s is of trace %s and version %s, want %s and %s", next.service, next.name, at.Trace, at.Version, trace, release.Version)
		}
	}
	if at.Attributes["db.system.name"] != "sqlite" {
		t.Errorf("the database's span has %v", at.Attributes)
	}
	// The password was set through the Admin API's own plugin.
	set := find(plugin, "SecretWrite/Set", find(api, "SecretWrite/Set", "").ID)
	if set.Trace == trace {
		t.Error("two requests are in one trace")
	}
	o.expectMeasured(api, engine)
	o.expectNothingLeaked()
}

// expectMeasured looks for what every host of a plugin measures.
func (o *observed) expectMeasured(hosts ...string) {
	o.t.Helper()
	latest := map[string]collector.Point{}
	for _, p := range o.Points() {
		latest[strings.Join([]string{p.Service, p.Metric, p.Attributes["rpc.method"], p.Attributes["identitymesh.state"], p.Attributes["identitymesh.reason"]}, " ")] = p
	}
	for _, host := range hosts {
		call := latest[host+" "+telemetry.MetricCallDuration+" Plugin/GetInfo  OK"]
		if call.Count == 0 || call.Attributes["identitymesh.plugin"] != "DPAPI" {
			o.t.Errorf("%s did not measure its calls: %+v", host, call)
		}
		if ready, ok := latest[host+" "+telemetry.MetricState+"  Ready "]; !ok {
			o.t.Errorf("%s did not say that its plugin was ready: %+v", host, ready)
		}
		if restarts, ok := latest[host+" "+telemetry.MetricRestarts+"   "]; !ok || restarts.Value != 0 {
			o.t.Errorf("%s counted %v restarts", host, restarts.Value)
		}
	}
}

func list(spans []collector.Span) string {
	var b strings.Builder
	for _, s := range spans {
		fmt.Fprintf(&b, "%s %s %s < %s\n", s.Service, s.Name, s.ID, s.Parent)
	}
	return b.String()
}

func TestEveryMetricIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/telemetry.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{telemetry.MetricCallDuration, telemetry.MetricState, telemetry.MetricRestarts,
		"identitymesh.plugin", "identitymesh.reason", "identitymesh.state", "rpc.method"} {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("%s is not documented", name)
		}
	}
}

// expectNothingLeaked searches everything that was received, and every file.
func (o *observed) expectNothingLeaked() {
	o.t.Helper()
	received, problems := o.Received()
	if len(problems) > 0 {
		o.t.Error(problems)
	}
	if canary.Holds(received, o.password) {
		o.t.Error("the value of a secret was exported")
	}
	if strings.Contains(received, demo.PasswordRef) {
		o.t.Error("a ref was exported")
	}
	if files, err := canary.Find(o.password, o.folder); err != nil || len(files) > 0 {
		o.t.Errorf("the value of a secret is in %v, %v", files, err)
	}
}

func TestNothingIsTracedWhereTheOperatorSamplesNothing(t *testing.T) {
	o := observe(t, "OTEL_TRACES_SAMPLER=always_off")
	o.run()
	o.stop()
	if spans := o.Spans(); len(spans) > 0 {
		t.Errorf("got\n%s", list(spans))
	}
}
