// Package problem is how the Admin API says that a request failed: RFC 9457
// problem details with a type that never changes, a detail that says what to do
// next, and every problem of the input at once.
//
// What can go wrong with connectors, secrets and runs stands in package api.
// Start reading at [Problem].
package problem

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// Prefix begins the type of every problem.
const Prefix = "urn:identitymesh:problem:"

// MediaType of a problem.
const MediaType = "application/problem+json"

// Problem is one failed request. It is an error, and the body of the answer.
type Problem struct {
	Type   string `json:"type" doc:"Stable URI of the kind of problem." example:"urn:identitymesh:problem:connector-name-taken"`
	Title  string `json:"title" doc:"The kind of problem in words."`
	Status int    `json:"status" doc:"The HTTP status."`
	Detail string `json:"detail,omitempty" doc:"What happened this time and what to do next."`
	Errors []Item `json:"errors,omitempty" doc:"Every problem of the input."`
	// RequestID is also in the log lines of the request.
	RequestID string `json:"requestId,omitempty" doc:"Finds the request in the log."`

	Reason            string `json:"reason,omitempty" doc:"Reason code of the secret provider." example:"ACCESS_DENIED"`
	Source            string `json:"source,omitempty" doc:"Where the secret provider saw the cause: plugin, backend, config or host."`
	BackendRequestID  string `json:"backendRequestId,omitempty" doc:"The secret store's own id of the failed request."`
	ConfigPath        string `json:"configPath,omitempty" doc:"The configuration key to change."`
	RetryAfterSeconds int    `json:"retryAfterSeconds,omitempty" doc:"How long to wait before the next try."`
}

// Item is one problem of the input.
type Item struct {
	Path    string `json:"path" doc:"Where it is, with ':' between the parts." example:"config:url"`
	Message string `json:"message" doc:"What is wrong and what is expected."`
	Detail  string `json:"detail,omitempty" doc:"The next step."`
}

// New returns a problem whose type ends in code and whose title says the same.
func New(status int, code, detail string) *Problem {
	title := strings.ReplaceAll(code, "-", " ")
	return &Problem{Type: Prefix + code, Title: strings.ToUpper(title[:1]) + title[1:], Status: status, Detail: detail}
}

// Invalid returns the problem of an input that cannot be accepted.
func Invalid(items ...Item) *Problem {
	p := New(http.StatusUnprocessableEntity, "invalid-input", "Nothing was changed; correct what errors lists and send it again.")
	p.Errors = items
	return p
}

// Error returns the detail.
func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType returns the media type in which a problem travels.
func (p *Problem) ContentType(string) string { return MediaType }

// RetryAfter returns the header of that name, empty for none.
func (p *Problem) RetryAfter() string {
	if p.RetryAfterSeconds <= 0 {
		return ""
	}
	return strconv.Itoa(p.RetryAfterSeconds)
}

// Write answers r with p.
func Write(w http.ResponseWriter, r *http.Request, p *Problem) {
	answer := *p
	answer.RequestID = RequestID(r.Context())
	w.Header().Set("Content-Type", MediaType)
	if wait := p.RetryAfter(); wait != "" {
		w.Header().Set("Retry-After", wait)
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(&answer) // the client left; nobody can be told
}

type requestIDKey struct{}

// WithRequestID returns a context of the request with that id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID returns the id of the request, empty outside of one.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}
