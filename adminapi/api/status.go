package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/schedule"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
)

// Status is how the product is.
type Status struct {
	Version  string     `json:"version" doc:"Of this Admin API."`
	Database string     `json:"database" doc:"The product database, without credentials."`
	Now      time.Time  `json:"now"`
	Mismatch bool       `json:"mismatch" doc:"Processes that live use different secret stores: what is set in one is not found by the other."`
	Problems []string   `json:"problems" nullable:"false" doc:"What an operator must look at; empty when all is well."`
	Items    []Instance `json:"instances" nullable:"false"`
	Provider Plugin     `json:"provider"`
}

// Instance is a process of the product.
type Instance struct {
	Role                string    `json:"role" enum:"engine,adminapi"`
	Name                string    `json:"name"`
	Machine             string    `json:"machine"`
	Version             string    `json:"version"`
	Commit              string    `json:"commit,omitempty" doc:"What it was built from."`
	CommitDate          string    `json:"commitDate,omitempty" doc:"When that was made, in RFC 3339."`
	Platform            string    `json:"platform,omitempty" example:"linux/amd64"`
	Alive               bool      `json:"alive"`
	Started             time.Time `json:"started"`
	LastHeartbeat       time.Time `json:"lastHeartbeat"`
	HeartbeatAgeSeconds float64   `json:"heartbeatAgeSeconds"`
	Provider            string    `json:"provider"`
	ProviderTarget      string    `json:"providerTarget,omitempty" doc:"The store, as the plugin names it."`
	ProviderVersion     string    `json:"providerVersion,omitempty"`
	Reload              Reload    `json:"reload"`
}

// Reload is how the last reload of a process's secret provider went.
type Reload struct {
	Pending bool      `json:"pending" doc:"It was asked for and not done yet."`
	By      string    `json:"by,omitempty" doc:"Who asked last."`
	At      time.Time `json:"at,omitzero" doc:"When the last one ended."`
	Problem string    `json:"problem,omitempty" doc:"Why it failed. What served before serves on."`
}

// Transition is one change of the secret provider's state.
type Transition struct {
	At     time.Time `json:"at"`
	State  string    `json:"state"`
	Reason string    `json:"reason,omitempty"`
	PID    int       `json:"pid,omitempty"`
}

// Plugin is the secret provider that this process uses.
type Plugin struct {
	Name         string    `json:"name" example:"AzureKeyVault"`
	Why          string    `json:"why" doc:"Why it is in force."`
	Fallback     bool      `json:"fallback" doc:"The configured name is unknown and the default serves in its place."`
	State        string    `json:"state" doc:"Declared, Verifying, Starting, Ready, Degraded, Crashed, Backoff, Quarantined, Draining or Stopped. Ready and Degraded take calls; Quarantined needs a reload."`
	Since        time.Time `json:"since,omitzero"`
	Version      string    `json:"version,omitempty"`
	Capabilities []string  `json:"capabilities" nullable:"false"`
	Path         string    `json:"path,omitempty"`
	SHA256       string    `json:"sha256,omitempty"`
	Pin          string    `json:"pin,omitempty" doc:"Where the hash stands that the file must have."`
	PID          int       `json:"pid,omitempty"`
	Restarts     int       `json:"restarts"`
	Problem      string    `json:"problem,omitempty"`
	NextTry      time.Time `json:"nextTry,omitzero"`
	Warnings     []string  `json:"warnings" nullable:"false" doc:"What the plugin said about its configuration."`

	Reload  Reload       `json:"reload"`
	History []Transition `json:"history" nullable:"false" doc:"The last changes of its state, oldest first."`
}

// CheckReport says what works in the secret store.
type CheckReport struct {
	Target   string        `json:"target"`
	Identity string        `json:"identity,omitempty"`
	OK       bool          `json:"ok" doc:"Nothing that was tried failed."`
	Results  []CheckResult `json:"results" nullable:"false"`
}

// CheckResult is one thing that was tried.
type CheckResult struct {
	Name           string  `json:"name" example:"read"`
	OK             bool    `json:"ok"`
	Skipped        bool    `json:"skipped" doc:"It was not tried; message says why."`
	Message        string  `json:"message,omitempty"`
	LatencySeconds float64 `json:"latencySeconds"`
}

func (a *API) status() {
	register(a, authz.StatusRead, huma.Operation{
		OperationID: "get-status", Method: http.MethodGet, Path: "/api/status", Tags: []string{tagStatus},
		Summary: "Read how the processes and the secret provider are",
	}, a.getStatus)
	register(a, authz.StatusRead, huma.Operation{
		OperationID: "check-provider", Method: http.MethodGet, Path: "/api/provider/check", Tags: []string{tagStatus},
		Summary: "Try now what works in the secret store", Description: "Changes nothing and reveals nothing. Who asks while a check is under way, or within two seconds of its end, gets its answer.",
	}, a.checkProvider)
}

func (a *API) getStatus(ctx context.Context, _ *struct{}) (*struct{ Body Status }, error) {
	list, err := a.Store.ListInstances(ctx)
	if err != nil {
		return nil, err
	}
	now := a.Now()
	s := Status{
		Version: a.Version, Database: a.Store.Target(), Now: now.UTC(),
		Problems: []string{}, Items: make([]Instance, 0, len(list)), Provider: a.plugin(),
	}
	var alive []store.Instance
	for _, i := range list {
		x := instance(i, now)
		s.Items = append(s.Items, x)
		if !x.Alive {
			continue
		}
		for _, other := range alive {
			if schedule.Differs(other, i, now) {
				s.Mismatch = true
				s.Problems = append(s.Problems, fmt.Sprintf("%s and %s use different secret stores: what is set in one is not found by the other. "+
					"Give both the same Secrets section.", describe(other), describe(i)))
			}
		}
		alive = append(alive, i)
		if i.Reload.Problem != "" {
			s.Problems = append(s.Problems, fmt.Sprintf("%s could not reload its secret provider: %s", describe(i), i.Reload.Problem))
		}
	}
	if s.Provider.Fallback {
		s.Problems = append(s.Problems, s.Provider.Why)
	}
	if s.Provider.Problem != "" {
		problem := fmt.Sprintf("the secret provider of the Admin API is %s: %s", s.Provider.State, s.Provider.Problem)
		if s.Provider.State == string(supervise.Quarantined) {
			problem += ". Correct that, then reload it (POST /api/provider/reload)."
		}
		s.Problems = append(s.Problems, problem)
	}
	if a.Problems != nil {
		s.Problems = append(s.Problems, a.Problems()...)
	}
	return &struct{ Body Status }{s}, nil
}

func describe(i store.Instance) string {
	return fmt.Sprintf("%s %s (%s %s)", i.Role, i.Name, i.Provider, i.ProviderTarget)
}

func instance(i store.Instance, now time.Time) Instance {
	age := max(0, now.Sub(i.LastHeartbeat))
	return Instance{
		Role: string(i.Role), Name: i.Name, Machine: i.Machine, Version: i.Version, Alive: age < schedule.Offline,
		Commit: i.Commit, CommitDate: i.CommitDate, Platform: i.Platform,
		Started: i.Started.UTC(), LastHeartbeat: i.LastHeartbeat.UTC(), HeartbeatAgeSeconds: age.Seconds(),
		Provider: i.Provider, ProviderTarget: i.ProviderTarget, ProviderVersion: i.ProviderVersion,
		Reload: Reload{Pending: i.Reload.Pending, By: i.Reload.By, At: utc(i.Reload.At), Problem: i.Reload.Problem},
	}
}

func (a *API) plugin() Plugin {
	s := a.Provider.Status()
	p := Plugin{
		Name: s.Provider, Why: s.Why, Fallback: s.Fallback, State: string(s.Plugin.State), Since: utc(s.Plugin.Since),
		Version: s.Plugin.Info.Version, Capabilities: []string{}, Path: s.Path, SHA256: s.SHA256, Pin: s.Pin, PID: s.Plugin.PID,
		Restarts: s.Plugin.Restarts, Problem: s.Plugin.Problem, NextTry: utc(s.Plugin.NextTry), Warnings: append([]string{}, s.Plugin.Warnings...),
		Reload: Reload{At: utc(s.Plugin.Reload.At), Problem: s.Plugin.Reload.Problem}, History: make([]Transition, 0, len(s.Plugin.History)),
	}
	for _, t := range s.Plugin.History {
		p.History = append(p.History, Transition{At: t.At.UTC(), State: string(t.State), Reason: t.Reason, PID: t.PID})
	}
	for _, c := range s.Plugin.Info.Capabilities {
		p.Capabilities = append(p.Capabilities, string(c))
	}
	return p
}

func (a *API) checkProvider(ctx context.Context, _ *struct{}) (*struct{ Body CheckReport }, error) {
	report, err := a.checks.get(ctx, a.Provider.Check)
	if err != nil {
		return nil, err
	}
	out := CheckReport{Target: report.Target, Identity: report.Identity, OK: true, Results: make([]CheckResult, 0, len(report.Results))}
	for _, r := range report.Results {
		out.OK = out.OK && (r.OK || r.Skipped)
		out.Results = append(out.Results, CheckResult{
			Name: r.Name, OK: r.OK, Skipped: r.Skipped, Message: r.Message, LatencySeconds: r.Latency.Seconds(),
		})
	}
	return &struct{ Body CheckReport }{out}, nil
}

// readyLimit is how long the database may take.
const readyLimit = 2 * time.Second

// health adds what a service manager or a load balancer asks without a sign-in.
func (a *API) health(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fine(w) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyLimit)
		defer cancel()
		if _, err := a.Store.ListConnectors(ctx, "", 1); err != nil {
			problem.Write(w, r, databaseUnavailable())
			return
		}
		fine(w)
	})
}

func databaseUnavailable() *problem.Problem {
	return problem.New(http.StatusServiceUnavailable, "database-unavailable",
		"The product database does not answer; the logs of the Admin API and of the database say why. GET /readyz says when it does again.")
}

func fine(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok\n")) // the client left; nobody can be told
}
