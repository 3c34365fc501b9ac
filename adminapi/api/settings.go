package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/engine/schedule"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/appsettings"
)

// Settings is the configuration in force.
type Settings struct {
	Environment string       `json:"environment" doc:"The name that chose the second settings file." example:"Production"`
	Files       []string     `json:"files" nullable:"false" doc:"The settings files that were read, the weakest first."`
	Items       []Setting    `json:"items" nullable:"false" doc:"Every key in force, by its path."`
	Differences []Difference `json:"differences" nullable:"false" doc:"Where living processes are known to be configured otherwise than this one."`
}

// Setting is one key in force.
type Setting struct {
	Key     string `json:"key" example:"Engine:PollInterval"`
	Text    string `json:"text,omitempty" doc:"What is in force, as a person would write it; lists with a comma between the items. Absent when there is nothing, and always when it is masked." example:"1s"`
	Masked  bool   `json:"masked" doc:"It may hold a credential and is never shown."`
	Default bool   `json:"default" doc:"Nobody set it."`
	Source  string `json:"source" doc:"Where it was set: a settings file, an environment variable, or default." example:"appsettings.json"`
	Line    int    `json:"line,omitempty" doc:"Of the settings file, from 1."`
}

// Difference is a way in which another process is configured otherwise.
type Difference struct {
	Role  string `json:"role" enum:"engine,adminapi"`
	Name  string `json:"name"`
	What  string `json:"what" enum:"provider,target,version" doc:"The secret provider, the secret store that it uses, or the version of the program."`
	Here  string `json:"here"`
	There string `json:"there"`
}

func (a *API) settings() {
	register(a, authz.SettingsRead, huma.Operation{
		OperationID: "get-settings", Method: http.MethodGet, Path: "/api/settings", Tags: []string{tagStatus},
		Summary: "Read the settings in force and where they come from",
		Description: "Those of the Admin API's own process. The section Secrets is that of the last reload; everything else takes effect " +
			"when the program starts.",
	}, a.getSettings)
}

func (a *API) getSettings(ctx context.Context, _ *struct{}) (*struct{ Body Settings }, error) {
	s := a.Settings()
	out := Settings{Environment: s.Environment, Files: append([]string{}, s.Files...), Items: []Setting{}}
	for _, k := range s.Keys() {
		out.Items = append(out.Items, setting(k))
	}
	list, err := a.Store.ListInstances(ctx)
	if err != nil {
		return nil, err
	}
	out.Differences = a.differences(list)
	return &struct{ Body Settings }{out}, nil
}

func setting(k appsettings.Key) Setting {
	out := Setting{Key: k.Path, Masked: k.Sensitive, Default: k.IsDefault(), Source: k.Origin, Line: k.Line}
	if !k.Sensitive {
		out.Text = k.Text
	}
	return out
}

// differences compares the living processes with this one.
func (a *API) differences(list []store.Instance) []Difference {
	out, now := []Difference{}, a.Now()
	var self store.Instance
	for _, i := range list {
		if i.Role == a.Self.Role && i.Incarnation == a.Self.Incarnation {
			self = i
		}
	}
	for _, i := range list {
		if self.Name == "" || i.Incarnation == self.Incarnation || now.Sub(i.LastHeartbeat) >= schedule.Offline {
			continue
		}
		for _, c := range []Difference{
			{What: "provider", Here: self.Provider, There: i.Provider},
			{What: "target", Here: self.ProviderTarget, There: i.ProviderTarget},
			{What: "version", Here: self.Version, There: i.Version},
		} {
			if c.Here != c.There && c.Here != "" && c.There != "" {
				c.Role, c.Name = string(i.Role), i.Name
				out = append(out, c)
			}
		}
	}
	return out
}
