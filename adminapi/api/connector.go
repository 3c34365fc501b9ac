package api

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Object is any JSON object, kept as it was written.
type Object struct{ json.RawMessage }

// Schema says that it is an object with keys of its type's own.
func (Object) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// ConnectorType is a type of connector.
type ConnectorType struct {
	Name   string `json:"name" doc:"What a connector's type says." example:"ldap"`
	Schema Object `json:"schema" doc:"A JSON Schema of draft 2020-12 for a connector's config: its keys in the order in which to ask for them, with descriptions, defaults and bounds. Keys and choices are matched without regard to case."`
}

// ConnectorInput is what an operator says about a connector.
type ConnectorInput struct {
	Name         string `json:"name" doc:"Unique without regard to case, 1 to 200 bytes." example:"Corporate directory"`
	Type         string `json:"type" doc:"One of the connector types." example:"ldap"`
	Config       Object `json:"config" doc:"The type's configuration. Credentials are refs such as secret://ad/svc/password, never values."`
	Enabled      *bool  `json:"enabled,omitempty" doc:"Whether it may run; true when left out."`
	InstanceName string `json:"instanceName,omitempty" doc:"The engine instance that runs it; any when empty."`
}

func (in ConnectorInput) apply(c store.Connector) store.Connector {
	c.Name, c.Type, c.Config, c.InstanceName = in.Name, in.Type, in.Config.RawMessage, in.InstanceName
	c.Enabled = in.Enabled == nil || *in.Enabled
	return c
}

// applied is apply with the refs that the configuration uses.
func (a *API) applied(in ConnectorInput, c store.Connector) store.Connector {
	c = in.apply(c)
	c.Refs = a.refs(c)
	return c
}

// checkConnector finds what the schema cannot.
func (a *API) checkConnector(in ConnectorInput) (problems diag.List) {
	if name := strings.TrimSpace(in.Name); name == "" || len(name) > store.MaxNameBytes {
		problems.Errorf("name", "the name must have 1 to %d bytes", store.MaxNameBytes)
	}
	if len(strings.TrimSpace(in.InstanceName)) > store.MaxNameBytes {
		problems.Errorf("instanceName", "the instance name must have at most %d bytes", store.MaxNameBytes)
	}
	kind, known := a.Kinds[in.Type]
	switch {
	case !known:
		problems.Errorf("type", "there is no such type of connector; known are %s", strings.Join(slices.Sorted(maps.Keys(a.Kinds)), ", "))
	case len(in.Config.RawMessage) > 0:
		problems.Append("config", kind.Validate(in.Config.RawMessage))
	}
	return problems
}

func (a *API) checkConnectorOf(kind string) func(ConnectorInput) diag.List {
	return func(in ConnectorInput) diag.List {
		problems := a.checkConnector(in)
		if in.Type != kind {
			problems.Errorf("type", "the type cannot change from %s; create another connector", kind)
		}
		return problems
	}
}

// Connector is a configured connected system.
type Connector struct {
	ID           string    `json:"id"`
	Name         string    `json:"name"`
	Type         string    `json:"type"`
	Config       Object    `json:"config" doc:"Credentials are refs."`
	Enabled      bool      `json:"enabled"`
	InstanceName string    `json:"instanceName,omitempty"`
	Version      int64     `json:"version" doc:"Counts changes; the ETag is made of it."`
	Created      time.Time `json:"created"`
	Updated      time.Time `json:"updated"`
	SecretRefs   []string  `json:"secretRefs" nullable:"false" doc:"The refs that its configuration uses."`
}

func (a *API) connector(c store.Connector) Connector {
	if c.Refs == nil { // written by somebody who does not know its type
		c.Refs = a.refs(c)
	}
	return Connector{
		ID: c.ID, Name: c.Name, Type: c.Type, Config: Object{c.Config}, Enabled: c.Enabled, InstanceName: c.InstanceName,
		Version: c.Version, Created: c.Created.UTC(), Updated: c.Updated.UTC(), SecretRefs: c.Refs,
	}
}

// refs returns the refs that a connector uses; a type that this program does not
// know cannot say.
func (a *API) refs(c store.Connector) []string {
	refs := []string{}
	if kind, known := a.Kinds[c.Type]; known {
		for _, ref := range connector.SecretRefs(kind, c.Config) {
			if !slices.Contains(refs, string(ref)) {
				refs = append(refs, string(ref))
			}
		}
	}
	return refs
}

// CatchUp writes what lists show of connectors that were written by an older version
// or a program that knows no types. It ends when that is done, or with ctx.
func (a *API) CatchUp(ctx context.Context) {
	if err := a.Store.ShowConnectors(ctx, a.refs); err != nil && ctx.Err() == nil {
		a.Logger.ErrorContext(ctx, "what lists show of some connectors is not up to date; the next start tries again", telemetry.KeyError, err)
	}
}

// ListedConnector is a connector as a list shows it.
type ListedConnector struct {
	Connector
	State ConnectorState `json:"state"`
}

// ConnectorState is how a connector's imports go; tests do not count.
type ConnectorState struct {
	Status  string     `json:"status" enum:"Never,Queued,Running,Succeeded,Failed,Interrupted,Cancelled" doc:"That of the last run; Never when there is none."`
	LastRun *LastRun   `json:"lastRun,omitempty" doc:"The newest run, also a queued one; absent when there is none."`
	NextRun time.Time  `json:"nextRun,omitzero" doc:"When a schedule is next due; absent when none is, or the connector is switched off."`
	Trend   []EndedRun `json:"trend" nullable:"false" doc:"How the last ten runs ended, the oldest first."`
}

// LastRun is what lists show of a run.
type LastRun struct {
	ID              string    `json:"id"`
	Kind            string    `json:"kind" enum:"full,delta"`
	Status          string    `json:"status" enum:"Queued,Running,Succeeded,Failed,Interrupted,Cancelled"`
	Queued          time.Time `json:"queued"`
	Started         time.Time `json:"started,omitzero"`
	Finished        time.Time `json:"finished,omitzero"`
	DurationSeconds float64   `json:"durationSeconds" doc:"From the start to the end, or to now."`
	Counts          Counts    `json:"counts"`
	Reason          string    `json:"reason,omitempty" doc:"Why it did not succeed, as a code." example:"ACCESS_DENIED"`
	Error           string    `json:"error,omitempty" doc:"The beginning of what the underlying system said; the run has all of it."`
}

// EndedRun is how a run ended.
type EndedRun struct {
	Status          string  `json:"status" enum:"Succeeded,Failed,Interrupted,Cancelled"`
	DurationSeconds float64 `json:"durationSeconds"`
}

func (a *API) listedConnector(c store.ListedConnector) ListedConnector {
	return ListedConnector{Connector: a.connector(c.Connector), State: a.state(c)}
}

func (a *API) state(c store.ListedConnector) ConnectorState {
	out := ConnectorState{Status: string(store.NeverRan), NextRun: utc(c.NextDue), Trend: all(c.Trend, func(e store.Ended) EndedRun {
		return EndedRun{Status: string(e.Status), DurationSeconds: e.Duration.Seconds()}
	})}
	if r := c.Last; r.ID != "" {
		out.Status = string(r.Status)
		out.LastRun = &LastRun{
			ID: r.ID, Kind: string(r.Kind), Status: string(r.Status), Queued: r.Queued.UTC(), Started: utc(r.Started), Finished: utc(r.Finished),
			DurationSeconds: a.duration(r.Started, r.Finished), Counts: Counts(r.Counts), Reason: r.Reason, Error: r.Error,
		}
	}
	return out
}

// ConnectorDetail is a connector with all of its state.
type ConnectorDetail struct {
	Connector
	State ConnectorProgress `json:"state"`
}

// ConnectorProgress is a connector's state, how far it has read and who works on it.
type ConnectorProgress struct {
	ConnectorState
	Watermark string `json:"watermark,omitempty" doc:"How far it has read, in its type's own form; absent before the first import."`
	// WatermarkMoved is found in the latest runs only.
	WatermarkMoved time.Time `json:"watermarkMoved,omitzero" doc:"When one of the latest runs last moved the watermark."`
	Lease          *Lease    `json:"lease,omitempty" doc:"Who works on it now."`
}

// Lease is who works on a connector.
type Lease struct {
	Holder  string    `json:"holder"`
	Expires time.Time `json:"expires"`
}

// latestRuns are looked through for the one that moved the watermark.
const latestRuns = 100

func (a *API) progress(ctx context.Context, c store.ListedConnector) (ConnectorProgress, error) {
	state, err := a.Store.State(ctx, c.ID)
	if err != nil {
		return ConnectorProgress{}, err
	}
	out := ConnectorProgress{ConnectorState: a.state(c), Watermark: string(state.Watermark)}
	if l := state.Lease; l.Holder != "" && l.Expires.After(a.Now()) {
		out.Lease = &Lease{Holder: l.Holder, Expires: l.Expires.UTC()}
	}
	runs, err := a.Store.ListRuns(ctx, store.RunFilter{ConnectorID: c.ID}, latestRuns)
	if err != nil {
		return ConnectorProgress{}, fmt.Errorf("list the latest runs: %w", err)
	}
	for _, r := range runs {
		if r.WatermarkAfter != r.WatermarkBefore && !r.Finished.IsZero() {
			out.WatermarkMoved = r.Finished.UTC()
			break
		}
	}
	return out, nil
}
