package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// Connector is a configured connected system.
type Connector struct {
	ID           string         `json:"id,omitempty"`
	Name         string         `json:"name"`
	Type         string         `json:"type"`
	Config       map[string]any `json:"config"`
	Enabled      bool           `json:"enabled"`
	InstanceName string         `json:"instanceName,omitempty"`
	// Version counts changes.
	Version int64 `json:"version,omitempty"`
	State   State `json:"state,omitzero"`
}

// State is how far a connector has read; listings leave it out.
type State struct {
	Watermark string `json:"watermark"`
}

// settings leaves out what the Admin API decides.
func (c Connector) settings() Connector {
	return Connector{Name: c.Name, Type: c.Type, Config: c.Config, Enabled: c.Enabled, InstanceName: c.InstanceName}
}

// Connectors returns all connectors, without their state.
func (c *Client) Connectors(ctx context.Context) ([]Connector, error) {
	var page struct{ Items []Connector }
	err := c.do(ctx, call{method: http.MethodGet, path: "/api/connectors", out: &page})
	return page.Items, err
}

// Connector returns one connector with its state.
func (c *Client) Connector(ctx context.Context, id string) (Connector, error) {
	var out Connector
	err := c.do(ctx, call{method: http.MethodGet, path: "/api/connectors/" + url.PathEscape(id), out: &out})
	return out, err
}

// CreateConnector creates a connector.
func (c *Client) CreateConnector(ctx context.Context, in Connector) (Connector, error) {
	var out Connector
	err := c.do(ctx, call{method: http.MethodPost, path: "/api/connectors", in: in.settings(), out: &out})
	return out, err
}

// UpdateConnector replaces the settings, unless somebody else changed them since
// the version that in has.
func (c *Client) UpdateConnector(ctx context.Context, in Connector) (Connector, error) {
	var out Connector
	err := c.do(ctx, call{method: http.MethodPut, path: "/api/connectors/" + url.PathEscape(in.ID),
		ifMatch: fmt.Sprintf("%q", fmt.Sprint(in.Version)), in: in.settings(), out: &out})
	return out, err
}

// Schedule says when a connector runs by itself.
type Schedule struct {
	Kind            string `json:"kind"`
	IntervalSeconds int64  `json:"intervalSeconds,omitempty"`
}

// Schedules returns a connector's schedules.
func (c *Client) Schedules(ctx context.Context, connector string) ([]Schedule, error) {
	var page struct{ Items []Schedule }
	err := c.do(ctx, call{method: http.MethodGet, path: "/api/connectors/" + url.PathEscape(connector) + "/schedules", out: &page})
	return page.Items, err
}

// CreateSchedule lets a connector run by itself.
func (c *Client) CreateSchedule(ctx context.Context, connector string, in Schedule) error {
	return c.do(ctx, call{method: http.MethodPost, path: "/api/connectors/" + url.PathEscape(connector) + "/schedules", in: in})
}

// Object is what a connector read of one person.
type Object struct {
	Anchor     string              `json:"anchor"`
	Attributes map[string][]string `json:"attributes"`
}

// First returns an attribute's first value, empty when there is none.
func (o Object) First(attribute string) string {
	if values := o.Attributes[attribute]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// Objects returns a page of the objects of a connector that its source still has,
// and the cursor of the next one; both are empty at the end.
func (c *Client) Objects(ctx context.Context, connector string, limit int, cursor string) (_ []Object, next string, err error) {
	var page struct {
		Items []Object
		Next  string
	}
	path := fmt.Sprintf("/api/connectors/%s/objects?limit=%d&present=true&cursor=%s", url.PathEscape(connector), limit, url.QueryEscape(cursor))
	err = c.do(ctx, call{method: http.MethodGet, path: path, out: &page})
	return page.Items, page.Next, err
}

// SetSecret stores a value.
func (c *Client) SetSecret(ctx context.Context, ref, value string) error {
	return c.do(ctx, call{method: http.MethodPut, path: "/api/secrets", in: map[string]string{"ref": ref, "value": value}})
}
