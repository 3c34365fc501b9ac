package vault

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// maxRetries makes six tries. With a delay of 0.8 seconds they are 0.8, 2.4, 5.6,
// 12 and 24.8 seconds apart, times 0.8 to 1.3: five tries fit into 30 seconds and six
// into a minute, whatever the dice say. The service asks for 1, 2, 4, 8 and 16.
const (
	maxRetries        = 5
	defaultRetryDelay = 800 * time.Millisecond
)

// retryOptions returns the rules for one request. Whatever the operation allows to
// be sent again, no wait is begun that the deadline of ctx would cut short: that
// would turn the service's reason into a bare timeout. A wait that the service
// asks for is as long as it says, and as the deadline allows.
func (c *Client) retryOptions(ctx context.Context, op operation, t *trail) policy.RetryOptions {
	try := 0
	return policy.RetryOptions{
		MaxRetries: maxRetries, RetryDelay: c.retryDelay, MaxRetryDelay: c.timeout,
		ShouldRetry: func(response *http.Response, err error) bool {
			try++
			mayRepeat := op.mayRepeat
			if !t.read().sent {
				mayRepeat = repeatRead // so far the vault was only asked who we must be
			}
			if try > maxRetries || !mayRepeat(response, err) {
				return false
			}
			wait := retryAfter(response)
			if wait == 0 {
				// The SDK's formula at the upper end of its jitter.
				wait = min(time.Duration(1<<try-1)*c.retryDelay*13/10, c.timeout)
			}
			if deadline, has := ctx.Deadline(); has && time.Until(deadline) <= wait {
				return false
			}
			t.at(stepPause)
			return true
		},
	}
}

// repeatRead: a read may always be repeated when the failure can pass.
func repeatRead(response *http.Response, err error) bool {
	if err != nil {
		return true
	}
	return slices.Contains([]int{http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}, response.StatusCode)
}

// repeatWrite: a write is repeated only where nothing can have happened, that is
// when the vault refused it for its rate or no connection came about. Anything
// else may have been carried out and has to be read back first.
func repeatWrite(response *http.Response, err error) bool {
	if err != nil {
		var op *net.OpError
		return errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
	}
	return response.StatusCode == http.StatusTooManyRequests
}

// retryAfter returns how long the service asks to wait, 0 when it does not say.
func retryAfter(response *http.Response) time.Duration {
	if response == nil {
		return 0
	}
	for _, header := range []string{"Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
		if n, err := strconv.ParseUint(response.Header.Get(header), 10, 31); err == nil && n > 0 {
			return time.Duration(n) * time.Millisecond
		}
	}
	text := response.Header.Get("Retry-After")
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
