// Package client calls the few operations of the Admin API that the demo needs,
// as any script of an operator would: over HTTP, with the administrator's token,
// and with types of its own.
//
// What the answers mean is its callers' concern. Start reading at [New].
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	// answerLimit is how long one request may take; testing a connector takes longest.
	answerLimit = time.Minute
	// maxAnswer is more than a page of objects has.
	maxAnswer = 16 << 20
)

// Config says where the Admin API is.
type Config struct {
	// URL without a slash at the end, as in http://127.0.0.1:5100.
	URL string
	// TokenFile holds the administrator's token.
	TokenFile string
}

// Client is safe for concurrent use.
type Client struct {
	url, token string
	http       http.Client
}

// New returns a client that signs in with the token in the file.
func New(c Config) (*Client, error) {
	token, err := os.ReadFile(c.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("read the administrator's token: %w; identitymesh-adminapi token reset makes a new one", err)
	}
	// A proxy of the environment must not see what goes to this host.
	return &Client{url: c.URL, token: strings.TrimSpace(string(token)), http: http.Client{Timeout: answerLimit, Transport: &http.Transport{}}}, nil
}

// Close ends the connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Problem is how the Admin API says that a request failed (RFC 9457).
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Errors []struct {
		Path    string `json:"path"`
		Message string `json:"message"`
	} `json:"errors"`
}

// Error returns the detail and every problem of the input.
func (p *Problem) Error() string {
	text := fmt.Sprintf("%s (%d): %s", p.Title, p.Status, p.Detail)
	for _, e := range p.Errors {
		text += fmt.Sprintf(" %s: %s.", e.Path, e.Message)
	}
	return text
}

// call is one request; its body and the answer are JSON.
type call struct {
	method, path string
	ifMatch      string
	in, out      any
}

// do makes the request. An error holds the answer's words, but nothing of what
// was sent.
func (c *Client) do(ctx context.Context, r call) error {
	name := r.method + " " + strings.SplitN(r.path, "?", 2)[0]
	var body io.Reader
	if r.in != nil {
		data, err := json.Marshal(r.in)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, r.method, c.url+r.path, body)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	if r.in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if r.ifMatch != "" {
		request.Header.Set("If-Match", r.ifMatch)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("ask the Admin API: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s: read the answer: %w", name, err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		p := Problem{Title: response.Status, Status: response.StatusCode}
		if err := json.Unmarshal(answer, &p); err != nil {
			p.Detail = "the answer is not a problem of the Admin API"
		}
		return fmt.Errorf("%s: %w", name, &p)
	}
	if r.out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, r.out); err != nil {
		return fmt.Errorf("%s: the answer is not understood: %w", name, err)
	}
	return nil
}
