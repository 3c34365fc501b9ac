package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// PluginConfigInput is a configuration to try.
type PluginConfigInput struct {
	Config Object `json:"config" doc:"The plugin's own configuration, as it would stand in the settings. It may hold credentials: it is wiped and kept nowhere."`
}

// PluginVerdict is what a plugin says about a configuration.
type PluginVerdict struct {
	OK       bool         `json:"ok" doc:"The plugin takes it; it may have warned."`
	Problems []Diagnostic `json:"problems" nullable:"false"`
}

// Diagnostic is one thing that is wrong or noteworthy.
type Diagnostic struct {
	Severity string `json:"severity" enum:"error,warning"`
	Path     string `json:"path,omitempty" doc:"The key within the configuration."`
	Summary  string `json:"summary"`
	Detail   string `json:"detail,omitempty"`
}

// validateLimit bounds a validation: the start of a process and its answer.
const validateLimit = 30 * time.Second

type validateInput struct {
	PluginPath
	Payload
}

type verdictOutput struct{ Body PluginVerdict }

func (a *API) validatePlugin(path string) {
	registerChange(a, authz.SettingsWrite, "plugins.validate", huma.Operation{
		OperationID: "validate-plugin-config", Method: http.MethodPost, Path: path, Tags: []string{tagStatus},
		Summary: "Ask a secret provider's plugin about a configuration",
		Description: "Starts the plugin once, beside the one in force, hands it the configuration and stops it again. Nothing is put into force and " +
			"the configuration is kept nowhere. One is tried at a time.",
	}, a.validate)
	takes[PluginConfigInput](a, http.MethodPost, path)
}

func (a *API) validate(_ context.Context, in *validateInput) (c change[verdictOutput], err error) {
	c.release = in.wipe
	config, err := configOf(in.Payload)
	if err != nil {
		return c, err
	}
	c.release = func() { config.Wipe(); in.wipe() }
	choice, err := a.choice(in.Name)
	if err != nil {
		return c, pluginProblem(err)
	}
	c.target = "plugins/" + choice.Provider
	c.do = func(ctx context.Context) (d done[verdictOutput], err error) {
		ctx, cancel := context.WithTimeout(ctx, validateLimit)
		defer cancel()
		found, err := inTurn(ctx, a.inspected, func() (verdict PluginVerdict, err error) {
			list, err := a.Plugins.Validate(ctx, choice, config)
			verdict = PluginVerdict{OK: err == nil && !list.HasErrors(), Problems: []Diagnostic{}}
			for _, p := range list {
				verdict.Problems = append(verdict.Problems, Diagnostic{Severity: p.Severity.String(), Path: p.Path, Summary: p.Summary, Detail: p.Detail})
			}
			return verdict, err
		})
		if err != nil {
			return d, pluginProblem(err)
		}
		if !found.OK {
			d.outcome = fault.ConfigInvalid
		}
		// Problems are in the plugin's words, which could repeat what was sent.
		d.answer, d.after = &verdictOutput{found}, map[string]any{"ok": found.OK, "problems": len(found.Problems)}
		return d, nil
	}
	return c, nil
}

// configOf takes the object out of a payload without making strings of it.
func configOf(p Payload) (secret.Value, error) {
	if p.refused != nil {
		return secret.Value{}, p.refused
	}
	var keys map[string]unread
	if err := json.Unmarshal(p.bytes, &keys); err != nil {
		return secret.Value{}, unparsable(err)
	}
	if _, given := keys["config"]; !given || len(keys) != 1 {
		return secret.Value{}, problem.Invalid(problem.Item{Path: "config", Message: "expected this key and no other"})
	}
	var in struct {
		Config json.RawMessage `json:"config"`
	}
	if err := json.Unmarshal(p.bytes, &in); err != nil {
		return secret.Value{}, unparsable(err)
	}
	if in.Config[0] != '{' {
		clear(in.Config)
		return secret.Value{}, problem.Invalid(problem.Item{Path: "config", Message: "expected an object"})
	}
	return secret.NewValue(in.Config), nil
}

// pluginProblem is an outcome of asking a plugin, in its own words.
func pluginProblem(err error) error {
	if p := secretProblem(err); p != nil {
		return p
	}
	var known *problem.Problem
	if errors.As(err, &known) {
		return known
	}
	return problem.New(http.StatusServiceUnavailable, "plugin-unavailable", "The plugin could not be asked: "+err.Error()+".")
}

// inspections asks one plugin at a time and remembers who the files are.
type inspections struct {
	turn  chan struct{}          // holds a token while a plugin is asked
	known map[string]facade.Info // by path and hash
}

// inTurn calls do when nobody else is served.
func inTurn[T any](ctx context.Context, i *inspections, do func() (T, error)) (out T, err error) {
	select {
	case i.turn <- struct{}{}:
		defer func() { <-i.turn }()
		return do()
	case <-ctx.Done():
		return out, problem.New(http.StatusServiceUnavailable, "plugin-busy", "Another plugin was being asked all the time; try again in a moment.")
	}
}

func (i *inspections) ask(ctx context.Context, c catalog.Choice, inspect func(context.Context, catalog.Choice) (facade.Info, error)) (facade.Info, error) {
	key := c.Plugin.Path + "\x00" + c.Plugin.SHA256
	return inTurn(ctx, i, func() (facade.Info, error) {
		if info, known := i.known[key]; known {
			return info, nil
		}
		info, err := inspect(ctx, c)
		if err == nil {
			if i.known == nil || len(i.known) >= mostKnown {
				i.known = map[string]facade.Info{}
			}
			i.known[key] = info
		}
		return info, err
	})
}

// mostKnown bounds what is remembered of files that are replaced all the time.
const mostKnown = 100
