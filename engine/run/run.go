// Package run does one run of one connector: it reads the secrets, opens the
// connector, stages what it emits together with the watermark, and writes the
// outcome into the history. A run that fails leaves the watermark at the last
// good checkpoint and says why in the words of the system that failed.
//
// When a run is due and on which instance is package schedule's concern. Start
// reading at [Runner.Run].
package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/secrets"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Config of a [Runner].
type Config struct {
	Store   *store.Store
	Kinds   connector.Kinds
	Secrets secrets.Getter
	Logger  *slog.Logger
	Tracer  trace.TracerProvider
	Now     func() time.Time
	// LeaseTTL is how long the lease lasts; it is renewed at a third of that.
	LeaseTTL time.Duration
	// Timeout ends a run that takes longer, SecretTimeout the read of one secret.
	Timeout, SecretTimeout time.Duration
	// CancelPoll is how often a run looks whether an operator wants its end; 0 means
	// each second.
	CancelPoll time.Duration
}

// Runner does runs, each in the goroutine that calls it.
type Runner struct {
	config    Config
	tracer    trace.Tracer
	testLimit time.Duration
}

// New returns a runner.
func New(c Config) *Runner {
	if c.CancelPoll == 0 {
		c.CancelPoll = time.Second
	}
	return &Runner{config: c, testLimit: testLimit, tracer: c.Tracer.Tracer("github.com/identitymesh/identitymesh/engine/run")}
}

// ErrStopping is the cause with which the engine cancels its runs when it stops.
var ErrStopping = errors.New("the engine is stopping")

// settleLimit bounds the writes at the end of a run whose context has ended.
const settleLimit = 10 * time.Second

// Run does a claimed run to its end and releases the lease. It returns when the
// outcome stands in the history, or cannot be written any more because another
// instance took over.
func (r *Runner) Run(ctx context.Context, claimed store.Claimed) {
	ctx = telemetry.WithTraceParent(ctx, claimed.Run.TraceParent)
	ctx, span := r.tracer.Start(ctx, "run", trace.WithAttributes(
		attribute.String("identitymesh.run_id", claimed.Run.ID),
		attribute.String("identitymesh.connector", claimed.Connector.Name),
		attribute.String("identitymesh.kind", string(claimed.Run.Kind))))
	defer span.End()
	j := &job{
		Runner: r, claimed: claimed, span: span,
		logger: r.config.Logger.With(telemetry.KeyRun, claimed.Run.ID, telemetry.KeyConnector, claimed.Connector.Name),
	}
	begin := r.config.Now()
	j.logger.InfoContext(ctx, "run started", "kind", string(claimed.Run.Kind), "trigger", string(claimed.Run.Trigger))

	counts, err := j.guarded(ctx)
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
	defer cancel()
	if err == nil {
		j.logger.InfoContext(ctx, "run succeeded", "added", counts.Added, "updated", counts.Updated, "unchanged", counts.Unchanged,
			"absent", counts.Absent, "failed", counts.Failed, telemetry.KeyDuration, r.config.Now().Sub(begin))
	} else {
		j.fail(settle, err)
	}
	if err := r.config.Store.ReleaseLease(settle, claimed.Lease); err != nil && !errors.Is(err, store.ErrFenced) {
		j.logger.WarnContext(ctx, "the lease could not be released and will expire", telemetry.KeyError, err)
	}
}

// job is one run under way.
type job struct {
	*Runner
	claimed store.Claimed
	logger  *slog.Logger
	span    trace.Span
}

// guarded does the import under the run's time limit and lease. A panic, as
// from an answer that a protocol library cannot bear, fails the run and not the
// engine.
func (j *job) guarded(ctx context.Context) (counts store.Counts, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, j.config.Timeout, errTooLong{fmt.Sprintf("the run took longer than Engine:RunTimeout (%s)", j.config.Timeout)})
	defer cancel()
	ctx, stop := j.keepLease(ctx)
	defer stop()
	defer func() {
		if p := recover(); p != nil {
			j.logger.ErrorContext(ctx, "run panicked", "stack", string(debug.Stack()))
			err = errPanic
		}
		// What ended the context says more than what it made fail.
		if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, store.ErrFenced) {
			err = cause
		}
	}()
	return j.do(ctx)
}

// keepLease renews the lease until stop is called, and ends the context when it
// is lost or an operator wants the end of the run.
func (j *job) keepLease(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		lease := j.claimed.Lease
		tick := time.NewTicker(j.config.LeaseTTL / 3)
		defer tick.Stop()
		look := time.NewTicker(j.config.CancelPoll)
		defer look.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-look.C:
				// A database that does not answer is noticed by the renewal, which must not wait for this.
				asking, asked := context.WithTimeout(ctx, j.config.LeaseTTL/6)
				by, err := j.config.Store.CancelWanted(asking, j.claimed.Run.ID)
				asked()
				if err == nil && by != "" {
					cancel(errCancelled{by})
				}
				continue
			case <-tick.C:
			}
			renewed, err := j.config.Store.RenewLease(ctx, lease, j.config.LeaseTTL)
			switch {
			case err == nil:
				lease = renewed
			case errors.Is(err, store.ErrFenced):
				cancel(err)
				return
			case ctx.Err() == nil:
				// Every page renews its right by the same check, so an unreachable
				// database is noticed there; here it is only worth a line.
				j.logger.WarnContext(ctx, "the lease could not be renewed", telemetry.KeyError, err)
			}
		}
	}()
	return ctx, func() { cancel(nil); <-done }
}

// do validates, reads the secrets, opens the connector and imports.
func (j *job) do(ctx context.Context) (store.Counts, error) {
	c := j.claimed.Connector
	kind, known := j.config.Kinds[c.Type]
	if !known {
		return store.Counts{}, &Error{Reason: ReasonConfig, Err: fmt.Errorf("this engine has no connector type %q", c.Type)}
	}
	if err := kind.Validate(c.Config).Err(); err != nil {
		return store.Counts{}, &Error{Reason: ReasonConfig, Err: fmt.Errorf("the configuration of connector %s: %w", c.Name, err)}
	}
	reads := &reads{from: j.config.Secrets, now: j.config.Now, of: j.claimed}
	values, err := secrets.Resolve(ctx, reads, connector.SecretRefs(kind, c.Config), j.config.SecretTimeout)
	j.note(ctx, reads)
	if err != nil {
		return store.Counts{}, err
	}
	defer values.Wipe()
	opened, err := kind.Open(c.Config, values, connector.Environment{Logger: j.logger, Now: j.config.Now})
	if err != nil {
		return store.Counts{}, &Error{Reason: ReasonConfig, Err: err}
	}
	defer func() {
		if err := opened.Close(); err != nil {
			j.logger.WarnContext(ctx, "closing the connector failed", telemetry.KeyError, err)
		}
	}()
	if j.claimed.Run.Kind == store.Test {
		return store.Counts{}, j.test(ctx, opened)
	}
	return j.read(ctx, opened)
}

// testLimit bounds a test, which an operator waits for.
const testLimit = time.Minute

// test connects and signs in as an import would, and imports nothing.
func (j *job) test(ctx context.Context, c connector.Connector) error {
	ctx, cancel := context.WithTimeoutCause(ctx, j.testLimit, errTooLong{fmt.Sprintf("the test took longer than %s", j.testLimit)})
	defer cancel()
	report, err := c.Test(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	if err != nil {
		return sourced(err)
	}
	err = j.config.Store.Finish(ctx, j.claimed.Run.ID, store.Result{
		Status: store.Succeeded, TraceID: j.importConfig(false).TraceID, Report: &report,
	})
	if err != nil {
		return &Error{Reason: ReasonDatabase, Err: fmt.Errorf("write the report: %w", err)}
	}
	return nil
}

// read does a delta where that was asked for and is possible, else a full import.
func (j *job) read(ctx context.Context, c connector.Connector) (store.Counts, error) {
	if j.claimed.Run.Kind == store.Delta {
		counts, why, err := j.delta(ctx, c)
		if why == "" {
			return counts, err
		}
		j.logger.InfoContext(ctx, "doing a full import instead of a delta", "why", why)
		if err := j.config.Store.Note(ctx, j.importConfig(true), store.Info, "a full import was done instead of a delta: "+why); err != nil {
			return store.Counts{}, err
		}
	}
	imp, err := j.config.Store.BeginImport(ctx, j.importConfig(true))
	if err != nil {
		return store.Counts{}, err
	}
	// A full import begins at the oldest entry: its checkpoints would take an
	// existing watermark back, and if it broke off, all would be read again.
	outcome, err := c.FullImport(ctx, stage(imp, imp.Since() == ""))
	if err != nil {
		return store.Counts{}, sourced(err)
	}
	if err := j.refuseEmpty(ctx, imp.Counts()); err != nil {
		return store.Counts{}, err
	}
	return imp.Complete(ctx, outcome.Watermark, true)
}

// refuseEmpty fails a full import that found nothing where there was something.
// A wrong base, a filter with a typing error or a lost right looks exactly like
// a source that was emptied, and is far more likely.
func (j *job) refuseEmpty(ctx context.Context, c store.Counts) error {
	if c.Added+c.Updated+c.Unchanged+c.Failed > 0 {
		return nil
	}
	present, err := j.config.Store.CountObjects(ctx, j.claimed.Connector.ID, true)
	if err != nil || present == 0 {
		return err
	}
	return &Error{Reason: ReasonEmpty, Err: fmt.Errorf("the full import found nothing at all, but %d objects are known; "+
		"none was marked as absent. Check base, filter or query and the rights of the account; "+
		"if the source really is empty, delete the connector", present)}
}

// delta returns why when a full import has to be done instead.
func (j *job) delta(ctx context.Context, c connector.Connector) (_ store.Counts, why string, _ error) {
	imp, err := j.config.Store.BeginImport(ctx, j.importConfig(false))
	if err != nil {
		return store.Counts{}, "", err
	}
	if imp.Since() == "" {
		return store.Counts{}, "nothing was imported yet", nil
	}
	outcome, err := c.DeltaImport(ctx, imp.Since(), stage(imp, true))
	if why, full := connector.FullRequired(err); full {
		return store.Counts{}, why, nil
	}
	if err != nil {
		return store.Counts{}, "", sourced(err)
	}
	counts, err := imp.Complete(ctx, outcome.Watermark, false)
	return counts, "", err
}

func (j *job) importConfig(full bool) store.ImportConfig {
	c := store.ImportConfig{Lease: j.claimed.Lease, RunID: j.claimed.Run.ID, Full: full}
	if id := j.span.SpanContext().TraceID(); id.IsValid() {
		c.TraceID = id.String()
	}
	return c
}

// stage hands pages to the import, with or without their checkpoints.
func stage(imp *store.Import, checkpoints bool) connector.Emit {
	return func(ctx context.Context, p connector.Page) error {
		if !checkpoints {
			p.Checkpoint = ""
		}
		_, err := imp.Stage(ctx, store.Batch{Objects: p.Objects, Gone: p.Gone, Rejected: p.Rejected, Checkpoint: p.Checkpoint})
		if err != nil {
			return &Error{Reason: ReasonDatabase, Err: fmt.Errorf("stage a page: %w", err)}
		}
		return nil
	}
}

// fail writes the outcome of a run that did not succeed.
func (j *job) fail(ctx context.Context, err error) {
	result := outcomeOf(err)
	j.span.SetStatus(codes.Error, result.Reason)
	j.span.SetAttributes(attribute.String("identitymesh.reason", result.Reason))
	level := slog.LevelError
	if result.Status == store.Cancelled {
		level = slog.LevelInfo // nothing went wrong
	}
	j.logger.Log(ctx, level, "run did not succeed", "status", string(result.Status), telemetry.KeyReason, result.Reason, telemetry.KeyError, result.Error)
	err = j.config.Store.Finish(ctx, j.claimed.Run.ID, result)
	switch {
	case errors.Is(err, store.ErrFenced):
		j.logger.WarnContext(ctx, "another instance took the connector over; this run's outcome is not written")
	case err != nil:
		j.logger.ErrorContext(ctx, "the outcome could not be written; the next start marks the run as interrupted", telemetry.KeyError, err)
	}
}
