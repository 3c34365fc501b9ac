package dpapi_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/plugins/dpapi"
	"github.com/identitymesh/identitymesh/sdk/plugintest"
)

func TestConfigurationsThatAreRefused(t *testing.T) {
	folder, _ := json.Marshal(t.TempDir())
	for name, test := range map[string]struct {
		config string
		want   []string // paths of errors
	}{
		"not JSON":                             {`CANARY`, []string{""}},
		"not an object":                        {`["CANARY"]`, []string{""}},
		"null":                                 {`null`, []string{""}},
		"empty":                                {`{}`, []string{"DataFolder"}},
		"with a blank folder":                  {`{"DataFolder":"  "}`, []string{"DataFolder"}},
		"with a relative folder":               {`{"DataFolder":"CANARY/data"}`, []string{"DataFolder"}},
		"with wrong types, both named":         {`{"SqlConnectionString":{"p":"CANARY"},"DataFolder":7}`, []string{"DataFolder", "SqlConnectionString"}},
		"with a key twice":                     {`{"DataFolder":` + string(folder) + `,"datafolder":` + string(folder) + `}`, []string{"DataFolder"}},
		"with a string that is no connection":  {`{"DataFolder":` + string(folder) + `,"SqlConnectionString":"CANARY"}`, []string{"SqlConnectionString"}},
		"with a connection of an unknown kind": {`{"DataFolder":` + string(folder) + `,"SqlConnectionString":"oracle://u:CANARY@h"}`, []string{"SqlConnectionString"}},
		"with a wrapping that is none":         {`{"DataFolder":` + string(folder) + `,"HostKeyWrappedBy":"vault"}`, []string{"HostKeyWrappedBy"}},
		"with a connection that is misquoted":  {`{"DataFolder":` + string(folder) + `,"SqlConnectionString":"sqlserver://u:CANARY%zz@h"}`, []string{"SqlConnectionString"}},
	} {
		t.Run(name, func(t *testing.T) {
			var logs bytes.Buffer
			_, problems := plugintest.TryLogging(t, dpapi.Definition("0.0.1"), []byte(test.config), &logs)
			var got []string
			for _, d := range problems.Errors() {
				got = append(got, d.Path)
			}
			if strings.Join(got, ",") != strings.Join(test.want, ",") || len(got) != len(test.want) {
				t.Errorf("errors at %q, want %q: %v", got, test.want, problems)
			}
			if text := problems.Err().Error() + logs.String(); strings.Contains(text, "CANARY") {
				t.Errorf("the configuration is repeated: %s", text)
			}
		})
	}
}

func TestConfigurationsThatAreTaken(t *testing.T) {
	for name, key := range map[string]string{"in the documented letters": "DataFolder", "in other letters": "dAtAfOlDeR"} {
		t.Run(name, func(t *testing.T) {
			client := plugintest.Open(t, dpapi.Definition("0.0.1"), map[string]any{key: t.TempDir(), "sqlconnectionstring": nil})
			if len(client.Warnings) != 0 {
				t.Errorf("warnings %v", client.Warnings)
			}
		})
	}
	t.Run("with a warning about a key that is not known", func(t *testing.T) {
		client := plugintest.Open(t, dpapi.Definition("0.0.1"), map[string]any{"DataFolder": t.TempDir(), "Datafoldr": 1})
		if len(client.Warnings) != 1 || client.Warnings[0].Path != "Datafoldr" {
			t.Errorf("warnings %v", client.Warnings)
		}
	})
	t.Run("with a database file of its own", func(t *testing.T) {
		folder := t.TempDir()
		s := openStore(t, folder, "sqlite:"+filepath.Join(folder, "other", "x.db"))
		s.set("secret://a", "v")
		if files, _ := filepath.Glob(filepath.Join(folder, "other", "x.db")); len(files) != 1 {
			t.Error("the file was not made")
		}
	})
}
