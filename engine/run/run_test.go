package run_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/identity"
	"github.com/identitymesh/identitymesh/engine/run"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/configschema"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const (
	ref    = secret.Ref("secret://test/password")
	canary = "canary-b1946ac9"
)

// world is a store with one connector, and a connected system under the test's
// control.
type world struct {
	t      *testing.T
	store  *store.Store
	runner *run.Runner
	id     string
	system *system
	logs   *bytes.Buffer
}

// system is the connected system and its connector kind.
type system struct {
	mu       sync.Mutex
	get      func(context.Context) (secret.Secret, error)
	full     func(context.Context, connector.Emit) (connector.Outcome, error)
	delta    func(context.Context, connector.Watermark, connector.Emit) (connector.Outcome, error)
	handed   secret.Value
	invalid  bool
	closed   int
	password string
	report   connector.Report
	refusal  error
	hangs    bool // Test does
}

func (s *system) Name() string { return "fake" }
func (s *system) Schema() configschema.Schema {
	return configschema.Schema{Fields: []configschema.Field{{Key: "password", Type: configschema.Ref, About: "Ref of the password"}}}
}
func (s *system) Validate(json.RawMessage) (l diag.List) {
	if s.invalid {
		l.Errorf("host", "is missing")
		l.Errorf("port", "is not a number")
	}
	return l
}
func (s *system) Open(_ json.RawMessage, values map[secret.Ref]secret.Value, _ connector.Environment) (connector.Connector, error) {
	s.handed = values[ref]
	s.password = string(s.handed.Reveal())
	return s, nil
}
func (s *system) Get(ctx context.Context, _ secret.Ref, _ secret.Version) (secret.Secret, error) {
	return s.get(ctx)
}
func (s *system) Test(ctx context.Context) (connector.Report, error) {
	if s.hangs {
		<-ctx.Done()
		return connector.Report{}, fmt.Errorf("dial: %w", ctx.Err())
	}
	return s.report, s.refusal
}
func (s *system) FullImport(ctx context.Context, emit connector.Emit) (connector.Outcome, error) {
	return s.full(ctx, emit)
}
func (s *system) DeltaImport(ctx context.Context, since connector.Watermark, emit connector.Emit) (connector.Outcome, error) {
	return s.delta(ctx, since, emit)
}
func (s *system) Close() error { s.closed++; return nil }

func people(anchors ...string) connector.Page {
	var p connector.Page
	for _, a := range anchors {
		p.Objects = append(p.Objects, identity.Object{Anchor: a, Type: "user", Attributes: []identity.Attribute{{Name: "cn", Values: []string{a}}}})
	}
	return p
}

func emits(outcome connector.Watermark, pages ...connector.Page) func(context.Context, connector.Emit) (connector.Outcome, error) {
	return func(ctx context.Context, emit connector.Emit) (connector.Outcome, error) {
		for _, p := range pages {
			if err := emit(ctx, p); err != nil {
				return connector.Outcome{}, err
			}
		}
		return connector.Outcome{Watermark: outcome}, nil
	}
}

func newWorld(t *testing.T, adjust func(*run.Config)) *world {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{DB: productdb.Config{DataFolder: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	c, err := db.CreateConnector(t.Context(), store.Connector{Name: "Directory", Type: "fake", Config: json.RawMessage(`{"password":"` + ref + `"}`), Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: db, id: c.ID, logs: &bytes.Buffer{}, system: &system{
		get: func(context.Context) (secret.Secret, error) {
			return secret.Secret{Value: secret.NewValue([]byte(canary))}, nil
		},
		full: emits("w1", people("a", "b", "c")),
	}}
	config := run.Config{
		Store: db, Kinds: connector.NewKinds(w.system), Secrets: w.system, Tracer: tracenoop.NewTracerProvider(), Now: time.Now,
		Logger:   slog.New(slog.NewJSONHandler(w.logs, nil)),
		LeaseTTL: time.Minute, Timeout: time.Minute, SecretTimeout: 10 * time.Second,
	}
	if adjust != nil {
		adjust(&config)
	}
	w.runner = run.New(config)
	return w
}

func (w *world) claim(kind store.Kind) store.Claimed {
	w.t.Helper()
	if _, _, err := w.store.Enqueue(w.t.Context(), store.NewRun{ConnectorID: w.id, Kind: kind, Trigger: store.Manual}); err != nil {
		w.t.Fatal(err)
	}
	claimed, ok, err := w.store.Claim(w.t.Context(), store.Claimant{Instance: "test", Incarnation: "1", TTL: time.Minute})
	if err != nil || !ok {
		w.t.Fatalf("claim: %v, %v", ok, err)
	}
	return claimed
}

// do runs one run and returns how it stands in the history.
func (w *world) do(ctx context.Context, kind store.Kind) store.Run {
	w.t.Helper()
	claimed := w.claim(kind)
	w.runner.Run(ctx, claimed)
	r, err := w.store.Run(w.t.Context(), claimed.Run.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) expect(r store.Run, status store.Status, reason, text string, mark connector.Watermark) {
	w.t.Helper()
	if r.Status != status || r.Reason != reason || !strings.Contains(r.Error, text) {
		w.t.Errorf("got %s %s %q, want %s %s %q", r.Status, r.Reason, r.Error, status, reason, text)
	}
	state, err := w.store.State(w.t.Context(), w.id)
	if err != nil || state.Watermark != mark {
		w.t.Errorf("watermark: got %q, %v; want %q", state.Watermark, err, mark)
	}
	if state.Lease.Holder != "" {
		w.t.Errorf("the lease is still held by %q", state.Lease.Holder)
	}
	if strings.Contains(w.logs.String(), canary) || strings.Contains(r.Error, canary) {
		w.t.Error("the secret's value is in a log or an error")
	}
}

func (w *world) present() int64 {
	w.t.Helper()
	n, err := w.store.CountObjects(w.t.Context(), w.id, true)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestFullImportStagesEverythingAndMovesTheWatermark(t *testing.T) {
	w := newWorld(t, nil)
	r := w.do(t.Context(), store.Full)
	w.expect(r, store.Succeeded, "", "", "w1")
	if r.Counts.Added != 3 || w.present() != 3 {
		t.Errorf("counts %+v, present %d", r.Counts, w.present())
	}
	if w.system.password != canary {
		t.Errorf("the connector was opened with %q", w.system.password)
	}
	if w.system.handed.Reveal() != nil || w.system.closed != 1 {
		t.Errorf("after the run the value is %q, the connector was closed %d times", w.system.handed.Reveal(), w.system.closed)
	}
}

func TestSecretThatCannotBeReadFailsTheRunInTheStoresWords(t *testing.T) {
	w := newWorld(t, nil)
	w.do(t.Context(), store.Full)
	w.system.get = func(context.Context) (secret.Secret, error) {
		return secret.Secret{}, fault.New(fault.AccessDenied, fault.SourceBackend, "Caller is not authorized to perform action")
	}
	w.system.full = emits("w9", people("z"))
	r := w.do(t.Context(), store.Full)
	w.expect(r, store.Failed, "ACCESS_DENIED", "read the secret secret://test/password: ACCESS_DENIED: Caller is not authorized to perform action", "w1")
	if w.present() != 3 {
		t.Errorf("present %d", w.present())
	}
}

func TestFullImportThatBrokeOffMarksNothingAbsent(t *testing.T) {
	w := newWorld(t, nil)
	w.do(t.Context(), store.Full)
	w.system.full = func(ctx context.Context, emit connector.Emit) (connector.Outcome, error) {
		if err := emit(ctx, people("a", "d")); err != nil {
			return connector.Outcome{}, err
		}
		return connector.Outcome{}, errors.New("connection reset by the directory")
	}
	r := w.do(t.Context(), store.Full)
	w.expect(r, store.Failed, run.ReasonSource, "connection reset by the directory", "w1")
	if w.present() != 4 {
		t.Errorf("present %d, want the three of before and the new one", w.present())
	}
	w.system.full = emits("w2", people("a", "d"))
	r = w.do(t.Context(), store.Full)
	w.expect(r, store.Succeeded, "", "", "w2")
	if r.Counts.Absent != 2 || r.Counts.Unchanged != 2 || w.present() != 2 {
		t.Errorf("counts %+v, present %d", r.Counts, w.present())
	}
}

func TestFullImportThatFindsNothingMarksNothingAbsent(t *testing.T) {
	w := newWorld(t, nil)
	w.system.full = emits("w0")
	w.expect(w.do(t.Context(), store.Full), store.Succeeded, "", "", "w0")
	w.system.full = emits("w1", people("a", "b", "c"))
	w.do(t.Context(), store.Full)
	w.system.full = emits("w2")
	w.expect(w.do(t.Context(), store.Full), store.Failed, run.ReasonEmpty, "3 objects are known", "w1")
	if w.present() != 3 {
		t.Errorf("present %d", w.present())
	}
}

func TestCheckpointOfAPageSurvivesTheRunsFailure(t *testing.T) {
	w := newWorld(t, nil)
	w.do(t.Context(), store.Full)
	w.system.delta = func(ctx context.Context, since connector.Watermark, emit connector.Emit) (connector.Outcome, error) {
		if since != "w1" {
			t.Errorf("the delta starts at %q", since)
		}
		p := people("d")
		p.Checkpoint = "w2"
		if err := emit(ctx, p); err != nil {
			return connector.Outcome{}, err
		}
		return connector.Outcome{}, errors.New("gone away")
	}
	w.expect(w.do(t.Context(), store.Delta), store.Failed, run.ReasonSource, "gone away", "w2")
}

func TestFullImportThatBrokeOffNeverTakesTheWatermarkBack(t *testing.T) {
	w := newWorld(t, nil)
	breaksOff := func(ctx context.Context, emit connector.Emit) (connector.Outcome, error) {
		p := people("a")
		p.Checkpoint = "early"
		if err := emit(ctx, p); err != nil {
			return connector.Outcome{}, err
		}
		return connector.Outcome{}, errors.New("gone away")
	}
	w.system.full = breaksOff
	w.expect(w.do(t.Context(), store.Full), store.Failed, run.ReasonSource, "gone away", "early") // the first one gains ground
	w.system.full = emits("late", people("a", "b"))
	w.do(t.Context(), store.Full)
	w.system.full = breaksOff
	w.expect(w.do(t.Context(), store.Full), store.Failed, run.ReasonSource, "gone away", "late")
}

func TestDeltaBecomesAFullImport(t *testing.T) {
	t.Run("when nothing was imported yet", func(t *testing.T) {
		w := newWorld(t, nil)
		r := w.do(t.Context(), store.Delta)
		w.expect(r, store.Succeeded, "", "", "w1")
		w.expectNote(r, "nothing was imported yet")
	})
	t.Run("when the connector no longer trusts the watermark", func(t *testing.T) {
		w := newWorld(t, nil)
		w.do(t.Context(), store.Full)
		w.system.delta = func(context.Context, connector.Watermark, connector.Emit) (connector.Outcome, error) {
			return connector.Outcome{}, &connector.FullRequiredError{Why: "another domain controller answered"}
		}
		w.system.full = emits("w2", people("a"))
		r := w.do(t.Context(), store.Delta)
		w.expect(r, store.Succeeded, "", "", "w2")
		w.expectNote(r, "another domain controller answered")
		if r.Counts.Absent != 2 {
			t.Errorf("counts %+v", r.Counts)
		}
	})
}

func (w *world) expectNote(r store.Run, text string) {
	w.t.Helper()
	logs, err := w.store.ListLogs(w.t.Context(), r.ID, 0, 10)
	if err != nil || len(logs) != 1 || !strings.Contains(logs[0].Message, text) {
		w.t.Errorf("the run's log is %+v, %v", logs, err)
	}
}

func TestTestKeepsItsReportAndImportsNothing(t *testing.T) {
	w := newWorld(t, nil)
	w.system.report = connector.Report{Server: "slapd 2.5", Sample: 5}
	r := w.do(t.Context(), store.Test)
	w.expect(r, store.Succeeded, "", "", "")
	if r.Report == nil || r.Report.Server != "slapd 2.5" || w.present() != 0 {
		t.Errorf("report %+v, present %d", r.Report, w.present())
	}
	w.system.refusal = errors.New("LDAP Result Code 49: invalid credentials")
	w.expect(w.do(t.Context(), store.Test), store.Failed, run.ReasonSource, "invalid credentials", "")
}
