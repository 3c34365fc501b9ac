package run_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/identity"
	"github.com/identitymesh/identitymesh/engine/run"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/productdb/servertest"
	"github.com/identitymesh/identitymesh/sdk/productdb/unreliable"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// The tests of this file let the database fail at each statement of a run in
// turn, from asking for the run to giving back the lease, in each way that a
// database fails. Whatever happens, the watermark and the objects stay those of
// one moment of the source, a run that succeeded is complete, and the next run
// completes what this one did not.

// history is what the source went through, by watermark.
var history = []struct {
	mark    connector.Watermark
	objects string
	changed connector.Page
}{
	{"w1", "a=1 b=1 c=1", page("a", "1", "b", "1", "c", "1")},
	{"w2", "(a=1) b=2 c=1 d=1", gone(page("b", "2", "d", "1"), "a")},
	{"w3", "(a=1) b=2 c=1 d=1 e=1", rejecting(page("e", "1"))},
}

// A full import reads this in two pages; in it, a and c are gone.
var (
	fullPages   = []connector.Page{rejecting(page("b", "2", "d", "1")), page("e", "1")}
	fullObjects = []string{history[0].objects, "a=1 b=2 c=1 d=1", "a=1 b=2 c=1 d=1 e=1", "(a=1) b=2 (c=1) d=1 e=1"}
)

func page(pairs ...string) (p connector.Page) {
	for n := 0; n < len(pairs); n += 2 {
		p.Objects = append(p.Objects, identity.Object{Anchor: pairs[n], Type: "user",
			Attributes: []identity.Attribute{{Name: "v", Values: []string{pairs[n+1]}}}})
	}
	return p
}

func gone(p connector.Page, anchors ...string) connector.Page { p.Gone = anchors; return p }

func rejecting(p connector.Page) connector.Page {
	p.Rejected = []connector.Rejection{{Entry: "x", Anchor: "x", Reason: "no name"}}
	return p
}

// outage is a store on a line that breaks, and a source with a history.
type outage struct {
	t      *testing.T
	line   *unreliable.Line
	store  *store.Store
	runner *run.Runner
	kind   store.Kind
	clock  time.Time
	id     string // of the connector of this round
}

func newOutage(t *testing.T, kind store.Kind, cfg productdb.Config) *outage {
	o := &outage{t: t, line: &unreliable.Line{}, kind: kind, clock: time.Now()}
	now := func() time.Time { return o.clock }
	cfg.Wrap, cfg.Jitter = o.line.Wrap, func(time.Duration) time.Duration { return 0 }
	db, err := store.Open(t.Context(), store.Config{Now: now, DB: cfg})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	o.store = db
	source := &system{
		get: func(context.Context) (secret.Secret, error) {
			return secret.Secret{Value: secret.NewValue([]byte("x"))}, nil
		},
		full: func(ctx context.Context, emit connector.Emit) (connector.Outcome, error) {
			return emits(history[2].mark, fullPages...)(ctx, emit)
		},
		delta: func(ctx context.Context, since connector.Watermark, emit connector.Emit) (connector.Outcome, error) {
			for _, h := range history {
				if h.mark <= since {
					continue
				}
				p := h.changed
				p.Checkpoint = h.mark
				if err := emit(ctx, p); err != nil {
					return connector.Outcome{}, err
				}
			}
			return connector.Outcome{Watermark: "w4"}, nil
		},
	}
	o.runner = run.New(run.Config{
		Store: db, Kinds: connector.NewKinds(source), Secrets: source, Tracer: tracenoop.NewTracerProvider(), Now: now,
		Logger: slog.New(slog.NewJSONHandler(io.Discard, nil)), LeaseTTL: time.Minute, Timeout: time.Minute, SecretTimeout: time.Minute,
	})
	return o
}

// begin makes a connector that stands at the first moment of the history.
func (o *outage) begin(name string) {
	o.t.Helper()
	c, err := o.store.CreateConnector(o.t.Context(), store.Connector{Name: name, Type: "fake", Config: json.RawMessage(`{}`), Enabled: true})
	if err != nil {
		o.t.Fatal(err)
	}
	o.id = c.ID
	claimed, err := o.claim(store.Full)
	if err != nil {
		o.t.Fatal(err)
	}
	imp, err := o.store.BeginImport(o.t.Context(), store.ImportConfig{Lease: claimed.Lease, RunID: claimed.Run.ID, Full: true})
	if err == nil {
		_, err = imp.Stage(o.t.Context(), store.Batch{Objects: history[0].changed.Objects})
	}
	if err == nil {
		_, err = imp.Complete(o.t.Context(), history[0].mark, true)
	}
	if err == nil {
		err = o.store.ReleaseLease(o.t.Context(), claimed.Lease)
	}
	if err != nil {
		o.t.Fatal(err)
	}
}

var errNothing = errors.New("there was nothing to claim")

func (o *outage) claim(kind store.Kind) (store.Claimed, error) {
	_, _, err := o.store.Enqueue(o.t.Context(), store.NewRun{ConnectorID: o.id, Kind: kind, Trigger: store.Manual})
	if err != nil {
		return store.Claimed{}, err
	}
	claimed, ok, err := o.store.Claim(o.t.Context(), store.Claimant{Instance: "test", Incarnation: "1", TTL: time.Minute})
	if err == nil && !ok {
		err = errNothing
	}
	return claimed, err
}

// attempt does one run as an engine does, which looks for work again and again.
func (o *outage) attempt() {
	for range 2 {
		if claimed, err := o.claim(o.kind); err == nil {
			o.runner.Run(o.t.Context(), claimed)
			return
		}
	}
}

// stands returns the watermark, the objects, and the runs, the newest first.
func (o *outage) stands() (connector.Watermark, string, []store.Run) {
	o.t.Helper()
	state, err := o.store.State(o.t.Context(), o.id)
	if err != nil {
		o.t.Fatal(err)
	}
	objects, err := o.store.ListObjects(o.t.Context(), o.id, 0, 100, false)
	if err != nil {
		o.t.Fatal(err)
	}
	var texts []string
	for _, x := range objects {
		text := x.Anchor + "=" + x.Attributes[0].Values[0]
		if !x.Present {
			text = "(" + text + ")"
		}
		texts = append(texts, text)
	}
	runs, err := o.store.ListRuns(o.t.Context(), store.RunFilter{ConnectorID: o.id}, 10)
	if err != nil {
		o.t.Fatal(err)
	}
	return state.Watermark, strings.Join(texts, " "), runs
}

// consistent checks what must be true at any time, and returns whether the
// newest run succeeded.
func (o *outage) consistent(when string) bool {
	o.t.Helper()
	mark, objects, runs := o.stands()
	last := runs[0]
	succeeded := last.Status == store.Succeeded && len(runs) > 1
	want := history[0].objects
	final := connector.Watermark("w4")
	if o.kind == store.Full {
		final = history[2].mark
		at := 0
		for n, text := range fullObjects {
			if objects == text {
				at = n
			}
		}
		want = fullObjects[at]
		if succeeded || mark == final {
			want = fullObjects[3]
		}
	} else {
		for _, h := range history {
			if mark >= h.mark {
				want = h.objects
			}
		}
	}
	if objects != want || succeeded != (mark == final) {
		o.t.Errorf("%s: the watermark is %s, the last run %s, and the objects are %s; expected %s", when, mark, last.Status, objects, want)
	}
	if succeeded {
		o.complete(when, last)
	}
	return succeeded
}

// complete checks the counts and the log of a run that succeeded and read all
// there was.
func (o *outage) complete(when string, r store.Run) {
	o.t.Helper()
	if r.WatermarkBefore != history[0].mark {
		return // another one had read a part
	}
	want := store.Counts{Added: 2, Updated: 1, Absent: 1, Failed: 1}
	if o.kind == store.Full {
		want.Absent = 2
	}
	if o.kind == store.Full && r.Counts != want {
		// What an earlier run had staged is not new any more.
		want.Unchanged = 3 - r.Counts.Added - r.Counts.Updated
		want.Added, want.Updated = r.Counts.Added, r.Counts.Updated
	}
	logs, err := o.store.ListLogs(o.t.Context(), r.ID, 0, 10)
	if err != nil {
		o.t.Fatal(err)
	}
	if !reflect.DeepEqual(r.Counts, want) || len(logs) != 1 || r.Pages != 2 {
		o.t.Errorf("%s: the run counted %+v in %d pages, want %+v; its log has %d lines", when, r.Counts, r.Pages, want, len(logs))
	}
}

func TestARunSurvivesADatabaseThatFailsAtAnyStatement(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		failEverywhere(t, func(t *testing.T) productdb.Config { return productdb.Config{DataFolder: t.TempDir()} })
	})
	t.Run("SQLServer", func(t *testing.T) {
		failEverywhere(t, func(t *testing.T) productdb.Config { return servertest.Database(t) })
	})
}

// trouble is a way to fail at each statement.
type trouble struct {
	kind    store.Kind
	fault   unreliable.Fault
	lasting bool
}

func troubles() (all []trouble) {
	for _, kind := range []store.Kind{store.Full, store.Delta} {
		for _, fault := range unreliable.Faults() {
			all = append(all, trouble{kind, fault, false})
		}
	}
	// When the database stays away, it matters little how it went.
	return append(all, trouble{store.Full, unreliable.CutBefore, true}, trouble{store.Delta, unreliable.CutAfter, true})
}

func failEverywhere(t *testing.T, database func(*testing.T) productdb.Config) {
	for _, x := range troubles() {
		t.Run(fmt.Sprintf("a %s import, %s, lasting %v", x.kind, x.fault, x.lasting), func(t *testing.T) {
			t.Parallel()
			o := newOutage(t, x.kind, database(t))
			o.begin("untroubled")
			o.line.Break(unreliable.Plan{})
			o.attempt()
			statements := o.line.Sent()
			if !o.consistent("untroubled") || len(statements) < 30 {
				t.Fatalf("%d statements", len(statements))
			}
			for n, text := range statements {
				if x.fault == unreliable.CutWhileReading && !strings.HasPrefix(text, "SELECT") {
					continue // reads nothing, and is the same as cut after
				}
				o.fail(unreliable.Plan{At: n + 1, Fault: x.fault, Lasting: x.lasting})
			}
		})
	}
}

// fail does a run that meets the planned trouble, and another one after it.
func (o *outage) fail(plan unreliable.Plan) {
	o.t.Helper()
	o.begin(fmt.Sprintf("failing at %d", plan.At))
	o.line.Break(plan)
	o.attempt()
	statement := o.line.Heal()
	when := fmt.Sprintf("after statement %d, %s", plan.At, statement)
	if statement == "" {
		o.t.Fatalf("nothing failed %s", when)
	}
	succeeded := o.consistent(when)
	// A commit that did not arrive, and of which nobody can know that, is the one
	// trouble that a run does not survive, if it passes.
	if !succeeded && !plan.Lasting && (statement != "COMMIT" || plan.Fault != unreliable.CutBefore) {
		_, _, runs := o.stands()
		o.t.Errorf("%s: the run ended as %s: %s %s", when, runs[0].Status, runs[0].Reason, runs[0].Error)
	}
	if succeeded {
		return
	}
	o.clock = o.clock.Add(2 * time.Minute) // leases that nobody could release expire
	o.attempt()
	if !o.consistent("in the run " + when) {
		o.t.Errorf("the run %s did not succeed", when)
	}
	_, _, runs := o.stands()
	for _, r := range runs {
		if r.Status == store.Running || r.Status == store.Queued {
			o.t.Errorf("%s: a run is left as %s", when, r.Status)
		}
	}
}
