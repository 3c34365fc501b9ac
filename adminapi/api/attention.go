package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/engine/schedule"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
)

// Attention is one thing that an operator should look at.
type Attention struct {
	Code     string    `json:"code" doc:"What kind of thing it is; stable." example:"connectors-failing"`
	Severity string    `json:"severity" enum:"error,warning,info" doc:"error: something does not work; warning: it may soon not; info: it may be meant so."`
	Summary  string    `json:"summary" doc:"What is the matter, in a sentence."`
	Detail   string    `json:"detail,omitempty" doc:"Why, in the words of the underlying system where there are some."`
	Since    time.Time `json:"since,omitzero"`
	Count    int       `json:"count" doc:"How many things are concerned."`
	Subjects []Subject `json:"subjects" nullable:"false" doc:"The first of them."`
	Action   *Action   `json:"action,omitempty" doc:"What mends it."`
}

// Subject is a thing that is concerned.
type Subject struct {
	Kind string `json:"kind" enum:"connector,instance,plugin,secret,setting"`
	ID   string `json:"id" doc:"The id of a connector, role/name of an instance, the name of a plugin, a ref, or a key."`
	Name string `json:"name"`
}

// Action is what an operator can do about it.
type Action struct {
	Kind       string            `json:"kind" enum:"link,call" doc:"link: go to a page of the Admin UI; call: an operation of this API mends it."`
	Label      string            `json:"label" example:"Reload the secret provider"`
	To         string            `json:"to,omitempty" doc:"Of a link: the path." example:"/connectors/0198c5d8"`
	Operation  string            `json:"operation,omitempty" doc:"Of a call: the operationId." example:"reload-provider"`
	Parameters map[string]string `json:"parameters,omitempty" doc:"Of a call: the parameters of its path and query."`
	Permission string            `json:"permission" doc:"What it needs; offer it only to those who have that." example:"provider.reload"`
}

type attentionList struct {
	Body struct {
		Items   []Attention `json:"items" nullable:"false" doc:"The most severe first. Empty: all is well."`
		Checked time.Time   `json:"checked"`
	}
}

// mostSubjects of one thing are named.
const mostSubjects = 10

func (a *API) attention() {
	register(a, authz.StatusRead, huma.Operation{
		OperationID: "list-attention", Method: http.MethodGet, Path: "/api/attention", Tags: []string{tagStatus},
		Summary: "List what needs attention, each with what mends it",
		Description: "Connectors that fail for the same reason are one item, as when one secret is the reason for all of them. " +
			"Items about connectors are only for those with connectors.read, and those about their runs with runs.read too.",
	}, a.listAttention)
}

func (a *API) listAttention(ctx context.Context, _ *struct{}) (*attentionList, error) {
	instances, err := a.Store.ListInstances(ctx)
	if err != nil {
		return nil, err
	}
	plugins, err := a.pluginStates(ctx)
	if err != nil {
		return nil, err
	}
	connectors, err := a.connectorAttention(ctx, instances)
	if err != nil {
		return nil, err
	}
	items := slices.Concat(a.providerAttention(instances), pluginAttention(plugins), a.instanceAttention(instances), connectors)
	if a.Problems != nil {
		for _, text := range a.Problems() {
			items = append(items, Attention{Code: "problem", Severity: "warning", Summary: text, Count: 1, Subjects: []Subject{}})
		}
	}
	slices.SortStableFunc(items, func(x, y Attention) int {
		return cmp.Compare(severities[x.Severity], severities[y.Severity])
	})
	out := &attentionList{}
	out.Body.Items, out.Body.Checked = append([]Attention{}, items...), a.Now().UTC()
	return out, nil
}

var severities = map[string]int{"error": 0, "warning": 1, "info": 2}

func reloadEverything() *Action {
	return &Action{Kind: "call", Label: "Reload the secret provider", Operation: "reload-provider", Permission: string(authz.ProviderReload)}
}

func link(label, to string, needs authz.Permission) *Action {
	return &Action{Kind: "link", Label: label, To: to, Permission: string(needs)}
}

// providerAttention is about which secret store is used.
func (a *API) providerAttention(instances []store.Instance) (out []Attention) {
	if s := a.Provider.Status(); s.Fallback {
		out = append(out, Attention{
			Code: "provider-fallback", Severity: "error", Count: 1, Subjects: []Subject{{Kind: "setting", ID: "Secrets:Provider", Name: "Secrets:Provider"}},
			Summary: "The configured secret provider is unknown; the default " + s.Provider + " is used instead.", Detail: s.Why,
			Action: link("See the settings", "/settings", authz.SettingsRead),
		})
	}
	now := a.Now()
	var subjects []Subject
	first := ""
	for n, i := range instances {
		if now.Sub(i.LastHeartbeat) >= schedule.Offline {
			continue
		}
		for _, other := range instances[:n] {
			if schedule.Differs(i, other, now) {
				subjects = append(subjects, subjectOf(i))
				first = cmp.Or(first, fmt.Sprintf("%s and %s: what is set in one store is not found by the other. Give both the same Secrets section.",
					describe(other), describe(i)))
				break
			}
		}
	}
	if len(subjects) > 0 {
		out = append(out, Attention{
			Code: "secret-stores-differ", Severity: "error", Summary: "Processes of the product use different secret stores.", Detail: first,
			Count: len(subjects), Subjects: subjects[:min(len(subjects), mostSubjects)],
			Action: link("Compare the instances", "/instances", authz.StatusRead),
		})
	}
	return out
}

func subjectOf(i store.Instance) Subject {
	return Subject{Kind: "instance", ID: string(i.Role) + "/" + i.Name, Name: i.Name}
}

// pluginAttention is about plugins that do not serve as they should.
func pluginAttention(plugins []PluginState) (out []Attention) {
	for _, p := range plugins {
		if !p.Alive {
			continue
		}
		x := Attention{
			Severity: "warning", Detail: p.Problem, Since: p.Since, Count: 1,
			Subjects: []Subject{{Kind: "plugin", ID: p.Provider, Name: p.Provider}, {Kind: "instance", ID: p.Role + "/" + p.Instance, Name: p.Instance}},
			Action:   link("See the plugin", "/plugins/"+p.Provider, authz.SettingsRead),
		}
		where := fmt.Sprintf("The secret provider %s of %s %s ", p.Provider, p.Role, p.Instance)
		switch supervise.State(p.State) {
		case supervise.Quarantined:
			x.Code, x.Severity, x.Summary = "plugin-quarantined", "error", where+"is quarantined; correct the reason, then reload it."
			x.Action = &Action{
				Kind: "call", Label: "Reload the secret provider there", Operation: "reload-instance", Permission: string(authz.ProviderReload),
				Parameters: map[string]string{"role": p.Role, "name": p.Instance},
			}
		case supervise.Degraded:
			x.Code, x.Summary = "plugin-degraded", where+"answers, but not as it should."
		case supervise.Crashed, supervise.Backoff:
			x.Code, x.Summary = "plugin-failing", where+"does not stay up; it is started again and again."
		default:
			continue
		}
		out = append(out, x)
	}
	return out
}

// instanceAttention is about processes that are gone or could not reload.
func (a *API) instanceAttention(instances []store.Instance) (out []Attention) {
	now := a.Now()
	for _, i := range instances {
		if silent := now.Sub(i.LastHeartbeat); silent >= schedule.Offline {
			out = append(out, Attention{
				Code: "instance-offline", Severity: "warning", Count: 1, Subjects: []Subject{subjectOf(i)}, Since: i.LastHeartbeat.UTC(),
				Summary: fmt.Sprintf("The %s %s on %s ended without saying so.", i.Role, i.Name, i.Machine),
				Detail:  "Start it again, or forget it when it is not to come back.",
				Action: &Action{
					Kind: "call", Label: "Forget it", Operation: "forget-instance", Permission: string(authz.SettingsWrite),
					Parameters: map[string]string{"role": string(i.Role), "name": i.Name},
				},
			})
		} else if i.Reload.Problem != "" {
			out = append(out, Attention{
				Code: "reload-failed", Severity: "warning", Count: 1, Subjects: []Subject{subjectOf(i)}, Since: utc(i.Reload.At),
				Summary: fmt.Sprintf("The %s %s could not reload its secret provider; what served before serves on.", i.Role, i.Name),
				Detail:  i.Reload.Problem, Action: reloadEverything(),
			})
		}
	}
	return out
}
