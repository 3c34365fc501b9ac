package vault

import (
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"golang.org/x/time/rate"
)

// The service takes 300 requests that set a secret in ten seconds, and 4,000
// others (its page on service limits). A bucket lets through what it holds and
// then its rate, so that no ten seconds see more than burst + 10 x rate: 300 and
// 4,000. In the long run this is 97 % and 95 %.
const (
	setBurst, setRate     = 10, 29
	otherBurst, otherRate = 200, 380
)

// pacePolicy keeps this process below the service's limits: being refused costs
// waits that grow, and what is refused may count as well. Others may use the same
// vault, so a refusal has to be borne all the same.
type pacePolicy struct{ sets, others *rate.Limiter }

func newPacePolicy() pacePolicy {
	return pacePolicy{sets: rate.NewLimiter(setRate, setBurst), others: rate.NewLimiter(otherRate, otherBurst)}
}

func (p pacePolicy) Do(r *policy.Request) (*http.Response, error) {
	limiter := p.others
	if r.Raw().Method == http.MethodPut {
		limiter = p.sets
	}
	ctx := r.Raw().Context()
	if !limiter.Allow() {
		trailOf(ctx).at(stepPace)
		// It fails at once when the deadline would end the wait.
		if err := limiter.Wait(ctx); err != nil {
			return nil, &paceError{err}
		}
	}
	return r.Next()
}

// paceError is a request that was not sent because too many wait before it.
type paceError struct{ cause error }

func (e *paceError) Error() string { return e.cause.Error() }
func (e *paceError) Unwrap() error { return e.cause }
func (*paceError) NonRetriable()   {}
