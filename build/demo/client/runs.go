package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Kinds of runs that can be asked for.
const (
	Full  = "full"
	Delta = "delta"
)

// Succeeded is the status of a run that did.
const Succeeded = "Succeeded"

// poll is how often WaitRun looks.
const poll = 50 * time.Millisecond

// Run is a run of a connector.
type Run struct {
	ID              string    `json:"id"`
	ConnectorID     string    `json:"connectorId"`
	ConnectorName   string    `json:"connectorName"`
	Kind            string    `json:"kind"`
	Status          string    `json:"status"`
	Finished        time.Time `json:"finished"`
	DurationSeconds float64   `json:"durationSeconds"`
	Counts          Counts    `json:"counts"`
	// Reason is a code and Error the underlying system's words, when it failed.
	Reason string `json:"reason"`
	Error  string `json:"error"`
}

// Counts are what a run did to the objects.
type Counts struct {
	Added     int `json:"added"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
	Absent    int `json:"absent"`
	Failed    int `json:"failed"`
}

// Err returns nil for a run that succeeded, and else why it did not.
func (r Run) Err() error {
	if r.Status == Succeeded {
		return nil
	}
	return fmt.Errorf("the %s run of %s %s: %s: %s", r.Kind, r.ConnectorName, r.Status, r.Reason, r.Error)
}

// TestConnector lets an engine connect and sign in, and returns how that went.
func (c *Client) TestConnector(ctx context.Context, id string) (Run, error) {
	var out Run
	err := c.do(ctx, call{method: http.MethodPost, path: "/api/connectors/" + url.PathEscape(id) + "/test", out: &out})
	return out, err
}

// StartRun queues a run.
func (c *Client) StartRun(ctx context.Context, connector, kind string) (Run, error) {
	var out Run
	err := c.do(ctx, call{method: http.MethodPost, path: "/api/runs", in: map[string]string{"connectorId": connector, "kind": kind}, out: &out})
	return out, err
}

// WaitRun returns the run when it has ended, however it did.
func (c *Client) WaitRun(ctx context.Context, id string) (Run, error) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		var out Run
		if err := c.do(ctx, call{method: http.MethodGet, path: "/api/runs/" + url.PathEscape(id), out: &out}); err != nil {
			return out, err
		}
		if !out.Finished.IsZero() {
			return out, nil
		}
		select {
		case <-ctx.Done():
			return out, fmt.Errorf("the %s run of %s is still %s: %w", out.Kind, out.ConnectorName, out.Status, context.Cause(ctx))
		case <-tick.C:
		}
	}
}
