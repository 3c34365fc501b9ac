package boot_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
)

// plugin notes with what it was reloaded.
type plugin struct {
	choices []catalog.Choice
	err     error
	under   func(context.Context) // called while it reloads
}

func (p *plugin) Reload(ctx context.Context, c catalog.Choice) error {
	p.choices = append(p.choices, c)
	if p.under != nil {
		p.under(ctx)
	}
	return p.err
}

const database = "sqlserver://u:canary-77@h/?database=d"

// reloading starts a program with settings, and returns how to reload it with
// others, and its log since then.
func reloading(t *testing.T, settings string, p *plugin) (reload func(settings string) (string, error)) {
	t.Helper()
	program, logs, err := start(t, settings, false)
	if err != nil {
		t.Fatal(err)
	}
	r := program.Reloader(p)
	return func(settings string) (string, error) {
		if err := os.WriteFile(program.Settings.Files[0], []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
		logs.Reset()
		err := r.Reload(t.Context(), "the test")
		for line := range bytes.Lines(logs.Bytes()) {
			if !bytes.Contains(line, []byte(`"trigger":"the test"`)) || bytes.Contains(line, []byte("canary")) {
				t.Errorf("logged %s", line)
			}
		}
		return logs.String(), err
	}
}

func settings(secrets string, others ...string) string {
	return `{"IdentityMesh":{"SqlConnectionString":"` + database + `"},"Secrets":{` + secrets + `}` + strings.Join(others, "") + `}`
}

func TestReloadTakesWhatTheSecretsSectionSaysNow(t *testing.T) {
	var p plugin
	reload := reloading(t, settings(`"Plugins":{"a":{"Path":"/a","Config":{"K":1}}},"Provider":"a"`), &p)
	logs, err := reload(settings(`"Plugins":{"a":{"Path":"/b","Config":{"K":"canary-1"}}},"Provider":"a"`))
	if err != nil || len(p.choices) != 1 || !strings.HasSuffix(p.choices[0].Plugin.Path, "b") || !strings.Contains(logs, `"changed":["path","configuration"]`) {
		t.Errorf("%v, choices %+v, log %s", err, p.choices, logs)
	}
	// The next one is compared with this one.
	logs, err = reload(settings(`"Plugins":{"a":{"Path":"/b","Config":{"K":"canary-1"}}},"Provider":"DPAPI"`))
	if err != nil || p.choices[1].Provider != "DPAPI" || !strings.Contains(logs, `"changed":["provider",`) {
		t.Errorf("%v, log %s", err, logs)
	}
	if got := string(p.choices[1].Plugin.Config.Reveal()); !strings.Contains(got, database) {
		t.Errorf("the plugin's configuration is %s", got)
	}
}

func TestReloadLeavesTheRestOfTheConfigurationAlone(t *testing.T) {
	var p plugin
	reload := reloading(t, settings(""), &p)
	logs, err := reload(strings.ReplaceAll(settings("", `,"Engine":{"PollInterval":"5s"},"Logging":{"Level":"warn"}`), "canary-77", "canary-78"))
	if err != nil || !strings.Contains(logs, `"sections":["IdentityMesh","Engine","Logging"]`) {
		t.Errorf("%v, log %s", err, logs)
	}
	if got := string(p.choices[0].Plugin.Config.Reveal()); !strings.Contains(got, "canary-77") {
		t.Error("the plugin would use another database than its host")
	}
	if logs, _ := reload(settings("")); strings.Contains(logs, "sections") {
		t.Errorf("nothing differs, and the log says %s", logs)
	}
}

func TestConfigurationThatCannotBeUsedIsRefusedWhole(t *testing.T) {
	for name, c := range map[string]struct {
		settings string
		words    []string
	}{
		"keys in other sections":          {settings(`"Provider":"AzureKeyVault","KeyVault":{"VaultUri":"https://v.vault.azure.net"}`, `,"Engine":{"PollInterval":"soon"},"Logging":{"Level":"loud"}`), []string{"Engine:PollInterval", "Logging:Level"}},
		"a provider that nobody knows":    {settings(`"Provider":"Valut"`), []string{"Secrets:Provider", "Valut"}},
		"what is no configuration at all": {`{`, []string{"appsettings.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			var p plugin
			logs, err := reloading(t, settings(""), &p)(c.settings)
			var invalid *diag.InvalidError
			if !errors.As(err, &invalid) || len(p.choices) > 0 {
				t.Errorf("%v, choices %+v", err, p.choices)
			}
			for _, word := range c.words {
				if !strings.Contains(logs, word) || !strings.Contains(logs, `"level":"ERROR"`) {
					t.Errorf("the log lacks %q: %s", word, logs)
				}
			}
		})
	}
}

func TestProgramThatFellBackAtItsStartCanBeReloaded(t *testing.T) {
	var p plugin
	if logs, err := reloading(t, settings(`"Provider":"Valut"`), &p)(settings(`"Provider":"Valut"`)); err != nil || !strings.Contains(logs, "Valut") {
		t.Errorf("%v, log %s", err, logs)
	}
}

func TestReloadThatFailsIsLogged(t *testing.T) {
	p := plugin{err: errors.New("wrong hash")}
	if logs, err := reloading(t, settings(""), &p)(settings("")); !errors.Is(err, p.err) || !strings.Contains(logs, "wrong hash") {
		t.Errorf("%v, log %s", err, logs)
	}
}

func TestReloadsAreDoneOneAfterTheOtherAndWaitNoLongerThanTheLimit(t *testing.T) {
	program, _, err := start(t, settings(""), true)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		release, first := make(chan struct{}), make(chan error)
		p := plugin{under: func(context.Context) { <-release }}
		r := program.Reloader(&p)
		go func() { first <- r.Reload(context.Background(), "the first") }()
		synctest.Wait()
		if err := r.Reload(context.Background(), "the second"); !errors.Is(err, context.DeadlineExceeded) || len(p.choices) != 1 {
			t.Errorf("got %v", err)
		}
		close(release)
		if err := <-first; err != nil {
			t.Error(err)
		}
	})
}
