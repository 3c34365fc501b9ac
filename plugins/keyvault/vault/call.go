package vault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Target is the secret that a call is about: the ref for the operator, the name
// for the vault. A listing has neither.
type Target struct {
	Ref  secret.Ref
	Name string
}

func (t Target) String() string {
	switch {
	case t.Name == "":
		return "secrets"
	case t.Ref == "":
		return t.Name
	}
	return fmt.Sprintf("%s (%s in the vault)", t.Ref, t.Name)
}

// operation is one kind of request. Its name is that of the vault's permission.
type operation struct {
	name string
	// mayRepeat is repeatRead or repeatWrite.
	mayRepeat func(*http.Response, error) bool
	write     bool
	// silent: an answer may hold the value, so a text about it is not passed on.
	silent bool
}

var (
	opGet    = operation{name: "get", mayRepeat: repeatRead, silent: true}
	opList   = operation{name: "list", mayRepeat: repeatRead}
	opSet    = operation{name: "set", mayRepeat: repeatWrite, write: true, silent: true}
	opDelete = operation{name: "delete", mayRepeat: repeatWrite, write: true, silent: true}
)

// answerMargin is how long before the caller's deadline we give up, so that the
// reason still reaches the caller.
const answerMargin = 250 * time.Millisecond

// do makes one request to the vault: bounded in time, traced, guarded against
// panics of the SDK, and with its failure turned into a fault.
func (c *Client) do(ctx context.Context, op operation, target Target, request func(context.Context) error) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	ctx, span := c.tracer.Start(ctx, "keyvault."+op.name, trace.WithAttributes(
		attribute.String("keyvault.host", c.host), attribute.String("keyvault.name", target.Name)))
	defer span.End()
	if !isJoined(ctx) {
		ctx = context.WithValue(ctx, trailKey{}, &trail{})
	}
	t := trailOf(ctx)
	t.resume(progress{step: stepStart})
	ctx = policy.WithRetryOptions(ctx, c.retryOptions(ctx, op, t))
	start := time.Now()
	err := c.admitted(ctx, op, t, request)
	if err == nil {
		return nil
	}
	f := c.failureOf(op, target, t, ctx, start).fault(err)
	// The SDK's own spans stay without a status when the vault refuses.
	span.SetStatus(codes.Error, f.Reason.String())
	return f
}

func (c *Client) failureOf(op operation, target Target, t *trail, ctx context.Context, start time.Time) failure {
	return failure{op: op, target: target, host: c.host, progress: t.read(), ctxErr: ctx.Err(), took: time.Since(start)}
}

// admitted makes the request once the gate lets it, and tells those who wait
// there when its failure is theirs too.
func (c *Client) admitted(ctx context.Context, op operation, t *trail, request func(context.Context) error) error {
	first, err := c.gate.enter(ctx, t)
	if err != nil {
		return err
	}
	if first == nil {
		return c.guarded(ctx, op, request)
	}
	var everybodys error
	defer func() { c.gate.leave(first, everybodys) }()
	err = c.guarded(ctx, op, request)
	if err != nil && ctx.Err() == nil && (!t.read().sent || hasStatus(err, http.StatusUnauthorized)) && !hasStatus(err, http.StatusConflict) {
		everybodys = err // it is about the way to the vault, not about this secret
	}
	return err
}

func hasStatus(err error, status int) bool {
	var refused *azcore.ResponseError
	return errors.As(err, &refused) && refused.StatusCode == status
}

// bounded gives ctx the client's timeout and leaves a margin before its own end.
func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	left := c.timeout
	if deadline, has := ctx.Deadline(); has {
		until := time.Until(deadline)
		left = min(left, until-min(answerMargin, until/10))
	}
	return context.WithTimeout(ctx, left)
}

// guarded turns a panic of the SDK into an error, and leaves a call behind that
// does not end with its context: while one call fetches a token, the SDK lets the
// others wait without looking at theirs.
func (c *Client) guarded(ctx context.Context, op operation, request func(context.Context) error) error {
	var err error
	if isJoined(ctx) {
		err = recovered(ctx, request) // the readers do not wait for it longer than they may
	} else {
		err = abandoned(ctx, request)
	}
	withoutRequest(err)
	var panicked *panicError
	if errors.As(err, &panicked) {
		c.logger.ErrorContext(ctx, "azure sdk panicked", "operation", op.name, "stack", panicked.stack)
	}
	return err
}

// recovered turns a panic into an error.
func recovered(ctx context.Context, request func(context.Context) error) (err error) {
	defer func() {
		if recover() != nil {
			err = &panicError{string(debug.Stack())}
		}
	}()
	return request(ctx)
}

// abandoned leaves a request behind that does not end with its context.
func abandoned(ctx context.Context, request func(context.Context) error) error {
	ended := make(chan error, 1)
	go func() { ended <- recovered(ctx, request) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	// As a rule the call ends at once and knows more than its context. The SDK
	// gives a command that it kills 100 ms to let go of its output.
	select {
	case err := <-ended:
		return err
	case <-time.After(answerMargin * 3 / 5):
		return ctx.Err()
	}
}

// corrupt is an answer that came, with success, and is not what it must be.
func corrupt(op operation, target Target, what string) error {
	return fault.New(fault.Corrupt, fault.SourceBackend, fmt.Sprintf("%s %s: %s", op.name, target, what))
}
