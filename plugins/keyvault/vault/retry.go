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

const (
	// maxRetries makes six tries, which with a delay of a second wait 1, 3, 7, 15
	// and 31 seconds, a little more or less. The service asks for 1, 2, 4, 8, 16.
	maxRetries = 5
	// maxRetryDelay is the longest wait that we take from the service. The SDK
	// gives up at once when it asks for more.
	maxRetryDelay = time.Minute
)

// retryOptions returns the rules for one request. mayRepeat says what may be
// sent again; whatever it says, no wait is begun that the deadline of ctx would
// cut short: that would turn the service's reason into a bare timeout.
func (c *Client) retryOptions(ctx context.Context, mayRepeat func(*http.Response, error) bool) policy.RetryOptions {
	try := 0
	return policy.RetryOptions{
		MaxRetries: maxRetries, RetryDelay: c.retryDelay, MaxRetryDelay: maxRetryDelay,
		ShouldRetry: func(response *http.Response, err error) bool {
			try++
			if !mayRepeat(response, err) {
				return false
			}
			wait := retryAfter(response)
			if wait == 0 {
				// The SDK's formula at the upper end of its jitter.
				wait = min(time.Duration(1<<try-1)*c.retryDelay*13/10, maxRetryDelay)
			}
			deadline, has := ctx.Deadline()
			return !has || time.Until(deadline) > wait
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
