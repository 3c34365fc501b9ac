package vault

import (
	"context"
	"net/http"
	"runtime/debug"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// trail records how far one call came. When a deadline ends a call the SDK
// returns a bare context error, whatever it was busy with; the trail is what
// lets us name the step.
type trail struct {
	joined bool // the call runs for readers who may leave it
	mu     sync.Mutex
	progress
}

// progress is what a trail shows at one moment.
type progress struct {
	step string
	// status, requestID and the codes of a refusal are of the vault's last answer.
	status       int
	requestID    string
	outer, inner string
	tokenErr     error
	// sent: the last try may have reached the vault with a token, so it may have
	// been carried out.
	sent bool
}

const (
	stepStart   = "preparing the request"
	stepSignIn  = "waiting for the first sign-in to the vault, which another call makes"
	stepJoined  = "waiting for a read of the same secret that began earlier"
	stepToken   = "getting an access token"
	stepResolve = "resolving the vault's name"
	stepConnect = "connecting to the vault"
	stepTLS     = "making the TLS connection to the vault"
	stepAnswer  = "waiting for the vault's answer"
	stepPace    = "waiting to stay below the vault's limit of requests"
	stepPause   = "pausing before another try"
)

type trailKey struct{}

// trailOf returns the trail of ctx, or one that nobody reads.
func trailOf(ctx context.Context) *trail {
	if t, ok := ctx.Value(trailKey{}).(*trail); ok {
		return t
	}
	return &trail{}
}

// isJoined reports whether ctx is of a read that others may have joined.
func isJoined(ctx context.Context) bool {
	t, ok := ctx.Value(trailKey{}).(*trail)
	return ok && t.joined
}

func (t *trail) at(step string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.step = step
}

// begin is the start of a try.
func (t *trail) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.step, t.sent = stepConnect, false
}

// connected is the moment from which the vault may get the request.
func (t *trail) connected(withToken bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.step, t.sent = stepAnswer, withToken
}

func (t *trail) answered(response *http.Response, outer, inner string) {
	id := response.Header.Get("x-ms-request-id")
	t.mu.Lock()
	defer t.mu.Unlock()
	t.status, t.requestID = response.StatusCode, id[:min(len(id), maxNameBytes)]
	t.outer, t.inner = outer, inner
}

func (t *trail) token(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tokenErr = err
}

// resume takes over what another call found out on its way. Nothing of this one
// was sent.
func (t *trail) resume(p progress) {
	p.sent = false
	t.mu.Lock()
	defer t.mu.Unlock()
	t.progress = p
}

func (t *trail) read() progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.progress
}

// tracedCredential notes on the trail that a token is being fetched, and why
// that failed.
type tracedCredential struct{ source azcore.TokenCredential }

// GetToken also keeps a panic from the SDK: it would for ever believe that this
// call is still fetching the token, and let all others wait for it.
func (c tracedCredential) GetToken(ctx context.Context, options policy.TokenRequestOptions) (token azcore.AccessToken, err error) {
	t := trailOf(ctx)
	t.at(stepToken)
	defer func() {
		if recover() != nil {
			err = &panicError{string(debug.Stack())}
		}
		t.token(err)
	}()
	// The SDK keeps a call's retry options from the context it hands us, so token
	// endpoints are tried by the identity library's own rules.
	return c.source.GetToken(ctx, options)
}

// panicError is a panic of the SDK. Its text is of the Go runtime or the SDK and
// could quote an answer, so only the log of this process gets a stack.
type panicError struct{ stack string }

func (*panicError) Error() string { return "the Azure SDK panicked" }
