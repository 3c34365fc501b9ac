package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Plugins are the providers that the configuration could choose.
type Plugins interface {
	// Plugins returns them as they are configured now.
	Plugins() []catalog.Choice
	// Inspect starts the plugin once, without configuration, and asks it who it is.
	Inspect(ctx context.Context, choice catalog.Choice) (facade.Info, error)
	// Validate starts the plugin once and asks it about a configuration, which is
	// not kept.
	Validate(ctx context.Context, choice catalog.Choice, config secret.Value) (diag.List, error)
}

// PluginState is how a secret provider's plugin is on one instance.
type PluginState struct {
	Role     string    `json:"role" enum:"engine,adminapi"`
	Instance string    `json:"instance" doc:"The instance's name."`
	Alive    bool      `json:"alive" doc:"The instance lives; else this is how it was."`
	Provider string    `json:"provider" example:"AzureKeyVault"`
	State    string    `json:"state" doc:"Declared, Verifying, Starting, Ready, Degraded, Crashed, Backoff, Quarantined, Draining or Stopped. Ready and Degraded take calls; Quarantined needs a reload."`
	Since    time.Time `json:"since,omitzero"`
	Recorded time.Time `json:"recorded" doc:"When the instance last said so; it does when something changes."`
	Version  string    `json:"version,omitempty"`
	Commit   string    `json:"commit,omitempty"`
	Path     string    `json:"path,omitempty"`
	SHA256   string    `json:"sha256,omitempty"`
	PID      int       `json:"pid,omitempty"`
	Restarts int       `json:"restarts" doc:"Starts after a failure, since the instance started."`
	Problem  string    `json:"problem,omitempty"`
	NextTry  time.Time `json:"nextTry,omitzero"`
	Warnings []string  `json:"warnings" nullable:"false" doc:"What the plugin said about its configuration."`

	History []Transition `json:"history,omitempty" doc:"The last changes of its state, oldest first."`
	Lines   []string     `json:"lines,omitempty" doc:"The last lines that the plugin wrote, oldest first: level, message and error. The log of the instance has them whole."`
}

// KnownPlugin is a provider that the configuration could choose.
type KnownPlugin struct {
	Name    string        `json:"name" example:"AzureKeyVault"`
	Shipped bool          `json:"shipped" doc:"It comes with the product."`
	Path    string        `json:"path" doc:"The plugin's file on the host of the Admin API."`
	SHA256  string        `json:"sha256,omitempty" doc:"The hash that the file must have."`
	Pin     string        `json:"pin,omitempty" doc:"Where that hash stands."`
	Version string        `json:"version,omitempty" doc:"The version that it must report; absent for any."`
	Problem string        `json:"problem,omitempty" doc:"Why it cannot be started at all, such as a missing hash."`
	InForce bool          `json:"inForce" doc:"The Admin API uses it."`
	States  []PluginState `json:"states" nullable:"false" doc:"How it is on each instance that uses it. The list of plugins leaves history and lines out."`
}

// PluginDetail is a provider with what its plugin says of itself.
type PluginDetail struct {
	KnownPlugin
	About        *PluginAbout `json:"about,omitempty" doc:"What the plugin says of itself; absent when it could not be asked."`
	AboutProblem string       `json:"aboutProblem,omitempty" doc:"Why it could not be asked."`
}

// PluginAbout is what a plugin says of itself.
type PluginAbout struct {
	Name         string   `json:"name"`
	Version      string   `json:"version"`
	Commit       string   `json:"commit,omitempty"`
	Contract     string   `json:"contract" doc:"The version of the contract that it speaks." example:"1.0"`
	Capabilities []string `json:"capabilities" nullable:"false"`
	Limits       struct {
		LargestBytes   int     `json:"largestBytes" doc:"Of what can be stored under one ref."`
		LongestRef     int     `json:"longestRef" doc:"In bytes."`
		CallsPerSecond float64 `json:"callsPerSecond,omitempty" doc:"Absent when it does not say."`
	} `json:"limits"`
	Schema *Object `json:"schema,omitempty" doc:"A JSON Schema of draft 2020-12 for its configuration; absent when it does not say."`
}

type pluginList struct {
	Body struct {
		Items []KnownPlugin `json:"items" nullable:"false"`
		Total int           `json:"total"`
	}
}

func (a *API) plugins() {
	const all, one = "/api/plugins", "/api/plugins/{name}"
	register(a, authz.StatusRead, huma.Operation{
		OperationID: "list-plugins", Method: http.MethodGet, Path: all, Tags: []string{tagStatus},
		Summary: "List the secret providers that the configuration knows, and how their plugins are everywhere",
	}, a.listPlugins)
	register(a, authz.SettingsRead, huma.Operation{
		OperationID: "get-plugin", Method: http.MethodGet, Path: one, Tags: []string{tagStatus},
		Summary:     "Read all about one secret provider",
		Description: "A plugin that is not in force is started for a moment, without configuration, to ask it who it is.",
	}, a.getPlugin)
	a.validatePlugin(one + "/validate")
}

func (a *API) listPlugins(ctx context.Context, _ *struct{}) (*pluginList, error) {
	known, err := a.known(ctx)
	if err != nil {
		return nil, err
	}
	for i := range known {
		for j := range known[i].States {
			known[i].States[j].History, known[i].States[j].Lines = nil, nil
		}
	}
	out := &pluginList{}
	out.Body.Items, out.Body.Total = known, len(known)
	return out, nil
}

// known returns the configured providers, and those that only another instance
// has, with their states.
func (a *API) known(ctx context.Context) ([]KnownPlugin, error) {
	states, err := a.pluginStates(ctx)
	if err != nil {
		return nil, err
	}
	inForce := a.Provider.Status().Provider
	known := []KnownPlugin{}
	for _, c := range a.Plugins.Plugins() {
		k := KnownPlugin{
			Name: c.Provider, Shipped: c.Shipped, Path: c.Plugin.Path, SHA256: c.Plugin.SHA256, Pin: c.Plugin.Pin, Version: c.Plugin.Version,
			InForce: c.Provider == inForce, States: []PluginState{},
		}
		if c.Problem != nil {
			k.Problem = c.Problem.Error()
		}
		known = append(known, k)
	}
	for _, s := range states {
		i := 0
		for i < len(known) && known[i].Name != s.Provider {
			i++
		}
		if i == len(known) {
			known = append(known, KnownPlugin{Name: s.Provider, States: []PluginState{},
				Problem: fmt.Sprintf("the configuration of the Admin API does not know it; %s %s does", s.Role, s.Instance)})
		}
		known[i].States = append(known[i].States, s)
	}
	return known, nil
}

// pluginStates returns how the plugin of each instance is.
func (a *API) pluginStates(ctx context.Context) ([]PluginState, error) {
	list, err := a.Store.ListInstances(ctx)
	if err != nil {
		return nil, err
	}
	recorded, err := a.Store.ListPluginStates(ctx)
	if err != nil {
		return nil, err
	}
	var out []PluginState
	for _, p := range recorded {
		for _, i := range list {
			// What an earlier process under the name recorded says nothing any more.
			if p.Role == i.Role && p.Name == i.Name && p.Incarnation == i.Incarnation {
				out = append(out, a.pluginState(p, instance(i, a.Now()).Alive))
			}
		}
	}
	return out, nil
}

func (a *API) pluginState(p store.PluginState, alive bool) PluginState {
	d := p.Document
	s := PluginState{
		Role: string(p.Role), Instance: p.Name, Alive: alive, Provider: p.Provider, State: p.State, Since: utc(d.Since), Recorded: p.Recorded.UTC(),
		Version: d.Version, Commit: d.Commit, Path: d.Path, SHA256: d.SHA256, PID: d.PID, Restarts: d.Restarts, Problem: d.Problem,
		NextTry: utc(d.NextTry), Warnings: append([]string{}, d.Warnings...), Lines: d.Lines,
	}
	for _, t := range d.History {
		s.History = append(s.History, Transition{At: t.At.UTC(), State: t.State, Reason: t.Reason, PID: t.PID})
	}
	return s
}

// PluginPath names a provider in a path.
type PluginPath struct {
	Name string `path:"name" maxLength:"400" doc:"The provider's name, in whatever case." example:"AzureKeyVault"`
}

func (a *API) getPlugin(ctx context.Context, in *PluginPath) (*struct{ Body PluginDetail }, error) {
	known, err := a.known(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range known {
		if !strings.EqualFold(k.Name, in.Name) {
			continue
		}
		d := PluginDetail{KnownPlugin: k}
		info, err := a.infoOf(ctx, k)
		if err != nil {
			d.AboutProblem = err.Error()
		} else {
			d.About = aboutPlugin(info)
		}
		return &struct{ Body PluginDetail }{d}, nil
	}
	return nil, noPlugin()
}

func noPlugin() error {
	return problem.New(http.StatusNotFound, "plugin-not-found", "The configuration knows no secret provider of that name; list them at /api/plugins.")
}

// infoLimit bounds the question who a plugin is.
const infoLimit = 15 * time.Second

// infoOf asks the plugin in force, or one that is started for it.
func (a *API) infoOf(ctx context.Context, k KnownPlugin) (facade.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, infoLimit)
	defer cancel()
	if status := a.Provider.Status(); k.InForce && status.Plugin.State.Serves() {
		return a.Provider.Info(ctx)
	}
	choice, err := a.choice(k.Name)
	if err != nil {
		return facade.Info{}, err
	}
	return a.inspected.ask(ctx, choice, a.Plugins.Inspect)
}

func (a *API) choice(name string) (catalog.Choice, error) {
	for _, c := range a.Plugins.Plugins() {
		if strings.EqualFold(c.Provider, name) {
			return c, c.Problem
		}
	}
	return catalog.Choice{}, noPlugin()
}

func aboutPlugin(info facade.Info) *PluginAbout {
	about := &PluginAbout{
		Name: info.Name, Version: info.Version, Commit: info.Commit, Contract: fmt.Sprintf("%d.%d", info.Major, info.Minor), Capabilities: []string{},
	}
	for _, c := range info.Capabilities {
		about.Capabilities = append(about.Capabilities, string(c))
	}
	about.Limits.LargestBytes, about.Limits.LongestRef = info.Limits.MaxValueBytes, info.Limits.MaxRefBytes
	about.Limits.CallsPerSecond = info.Limits.CallsPerSecond
	if info.Schema.Declared() {
		about.Schema = &Object{json.RawMessage(info.Schema.JSONSchema())}
	}
	return about
}
