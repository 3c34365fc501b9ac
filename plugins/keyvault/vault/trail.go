package vault

import (
	"context"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
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
	// The SDK keeps a call's retry options from the context it hands us, so token
	// endpoints are tried by the identity library's own rules.
	token, err := c.source.GetToken(ctx, options)
	t.token(err)
	return token, err
}
