package api

import (
	"net/http"

	"github.com/identitymesh/identitymesh/adminapi/problem"
)

const (
	// mostWholeReads of the audit log are under way at a time. Each reads and hashes
	// as fast as it can, and who asks for one may do nothing but look.
	mostWholeReads = 2
	// wholeRetry is when to ask again, in seconds.
	wholeRetry = 5

	wholeWords = "While two such requests are under way, others are answered 429."
)

// wholeReads holds a token for each request that reads the whole audit log.
type wholeReads chan struct{}

// begin takes a token, which release gives back, or returns the problem of who comes
// when there is none: waiting would only keep connections open.
func (w wholeReads) begin() (release func(), err error) {
	select {
	case w <- struct{}{}:
		return func() { <-w }, nil
	default:
		p := problem.New(http.StatusTooManyRequests, "busy", "The whole audit log is being read by others already; ask again when they are done.")
		p.RetryAfterSeconds = wholeRetry
		return nil, p
	}
}
