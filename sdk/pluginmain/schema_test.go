package pluginmain_test

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/configschema"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/plugintest"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

// declared opens a reader and records what it was given.
func declared(opened *[]string) provider.Definition[*reader] {
	return provider.Definition[*reader]{
		Name: "declared", Version: "1.0.0",
		Schema: configschema.Schema{
			Fields: []configschema.Field{
				{Key: "Folder", Type: configschema.Text, Required: true, About: "Where", Example: "/data"},
				{Key: "Wait", Type: configschema.Duration, Default: "5s", Min: "1s", Max: "1m", About: "How long"},
				{Key: "Mode", Type: configschema.Enum, Values: []string{"slow", "fast"}, About: "How", Formerly: []string{"Speed"}},
				{Key: "Back", Type: configschema.DurationOrCount, About: "Back", OnlyWith: "Mode"},
				{Key: "Depth", Type: configschema.Integer, About: "Depth", RequiredWith: "Back"},
				{Key: "Strict", Type: configschema.Bool, About: "Strictly"},
				{Key: "Names", Type: configschema.List, About: "Whom"},
				{Key: "Tls", Type: configschema.Object, About: "Tls", Fields: []configschema.Field{{Key: "Ca", Type: configschema.Text, About: "Ca"}}},
				{Key: "Token", Type: configschema.Sensitive, About: "Token"},
				{Key: "TokenRef", Type: configschema.Ref, About: "Ref"},
			},
			ExactlyOne: [][]string{{"Token", "TokenRef"}},
		},
		Open: func(_ context.Context, env provider.Environment) (*reader, diag.List) {
			*opened = append(*opened, fmt.Sprint(env.Settings.Text("Folder"), env.Settings.Duration("Wait"), string(env.Settings.Secret("Token").Reveal())))
			var problems diag.List
			problems.Warnf("Folder", "it is full")
			return &reader{}, problems
		},
	}
}

func TestSchemaReachesTheHostAsItWasDeclared(t *testing.T) {
	var opened []string
	def := declared(&opened)
	client := plugintest.Open(t, def, map[string]any{"folder": "/x", "TOKEN": "canary", "Wait": "7", "Color": 1})
	if got := client.Info().Schema; !reflect.DeepEqual(got, def.Schema) {
		t.Errorf("got\n%+v\nwant\n%+v", got, def.Schema)
	}
	if len(opened) != 1 || opened[0] != "/x7scanary" {
		t.Errorf("opened with %q", opened)
	}
	if len(client.Warnings) != 2 || client.Warnings[0].Path != "Color" || client.Warnings[1].Path != "Folder" {
		t.Errorf("warnings %v", client.Warnings)
	}
}

func TestConfigurationThatBreaksTheSchemaNeverReachesTheAuthorsCode(t *testing.T) {
	var opened []string
	var logs bytes.Buffer
	_, problems := plugintest.TryLogging(t, declared(&opened), []byte(`{"Wait":"canary","Mode":"canary","Token":["canary"]}`), &logs)
	var paths []string
	for _, d := range problems {
		paths = append(paths, d.Path)
	}
	if got := strings.Join(paths, " "); got != "Folder Wait Mode Token" || len(opened) != 0 {
		t.Errorf("problems at %s, opened %q", got, opened)
	}
	if text := fmt.Sprint(problems) + logs.String(); strings.Contains(text, "canary") {
		t.Errorf("a value is repeated: %s", text)
	}
}

func TestProviderWithoutASchemaReadsItsConfigurationItself(t *testing.T) {
	var config string
	client := plugintest.Open(t, provider.Definition[*reader]{
		Name: "undeclared", Version: "1.0.0",
		Open: func(_ context.Context, env provider.Environment) (*reader, diag.List) {
			config = string(env.Config)
			if env.Settings != nil {
				t.Error("there are settings without a schema")
			}
			return &reader{}, nil
		},
	}, map[string]any{"anything": 1})
	if client.Info().Schema.Declared() || config != `{"anything":1}` {
		t.Errorf("schema %+v, configured with %s", client.Info().Schema, config)
	}
}
