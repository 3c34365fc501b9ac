package vault

import (
	"context"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"go.opentelemetry.io/otel/trace"
)

// trail records how far one call came. When a deadline ends a call the SDK
// returns a bare context error, whatever it was busy with; the trail is what
// lets us name the step.
type trail struct {
	mu       sync.Mutex
	step     string
	status   int
	tokenErr error
}

const (
	stepStart  = "preparing the request"
	stepToken  = "getting an access token"
	stepAnswer = "waiting for the vault's answer"
)

type trailKey struct{}

// trailOf returns the trail of ctx, or one that nobody reads.
func trailOf(ctx context.Context) *trail {
	if t, ok := ctx.Value(trailKey{}).(*trail); ok {
		return t
	}
	return &trail{}
}

func (t *trail) at(step string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.step = step
}

func (t *trail) answered(status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.status = status
}

func (t *trail) token(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tokenErr = err
}

func (t *trail) read() (step string, status int, tokenErr error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.step, t.status, t.tokenErr
}

// tracedCredential notes on the trail that a token is being fetched, and why
// that failed.
type tracedCredential struct{ source azcore.TokenCredential }

func (c tracedCredential) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	t := trailOf(ctx)
	t.at(stepToken)
	// The retry options of a vault call travel in its context and would replace
	// those that the identity library has for each token endpoint. So it gets a
	// context with the same end and span, and nothing else.
	own, cancel := context.WithCancelCause(trace.ContextWithSpan(context.Background(), trace.SpanFromContext(ctx)))
	defer cancel(nil)
	if deadline, has := ctx.Deadline(); has {
		var cancelDeadline context.CancelFunc
		own, cancelDeadline = context.WithDeadline(own, deadline)
		defer cancelDeadline()
	}
	defer context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })()
	token, err := c.source.GetToken(own, options)
	t.token(err)
	return token, err
}
