package boot_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/boot"
	"github.com/identitymesh/identitymesh/sdk/buildinfo"
)

func start(t *testing.T, settings string, quiet bool) (*boot.Program, *bytes.Buffer, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "appsettings.json")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	logs := &bytes.Buffer{}
	build := buildinfo.Info{Version: "1.2.3", Commit: "583a1923d63e"}
	p, err := boot.Start(t.Context(), boot.Config{Service: "test", Build: build, ConfigFile: file, Logs: logs, Quiet: quiet})
	return p, logs, err
}

func TestStartSaysWhatIsInForce(t *testing.T) {
	p, logs, err := start(t, `{"IdentityMesh":{"SqlConnectionString":"sqlserver://u:canary-77@h/?database=d"},"Logging":{"Level":"debug"}}`, false)
	if err != nil {
		t.Fatal(err)
	}
	if p.Choice.Provider != "DPAPI" || p.Host().Choice.Provider != "DPAPI" || p.Host().DataFolder == "" {
		t.Errorf("choice %+v", p.Choice)
	}
	if !strings.Contains(logs.String(), `"version":"1.2.3","commit":"583a1923d63e"`) || strings.Contains(logs.String(), "canary-77") {
		t.Errorf("the log says %s", logs)
	}
}

func TestUnknownProviderIsWarnedOfAtEveryStart(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		p, logs, err := start(t, `{"Secrets":{"Provider":"Valut"}}`, quiet)
		if err != nil {
			t.Fatal(err)
		}
		if !p.Choice.Fallback || len(p.Warnings) != 1 || !strings.Contains(logs.String(), "Valut") || !strings.Contains(logs.String(), `"level":"WARN"`) {
			t.Errorf("quiet %v: warnings %v, log %s", quiet, p.Warnings, logs)
		}
	}
}

func TestProviderThatIsRefusedIsToldTogetherWithTheOtherProblems(t *testing.T) {
	_, _, err := start(t, `{"Engine":{"PollInterval":"soon"},"Secrets":{"Provider":"Valut","Strict":true}}`, false)
	if err == nil || !strings.Contains(err.Error(), "Engine:PollInterval") || !strings.Contains(err.Error(), "Secrets:Provider") {
		t.Errorf("got %v", err)
	}
}

func TestQuietProgramsSayNothingWhenAllIsWell(t *testing.T) {
	if _, logs, err := start(t, `{}`, true); err != nil || logs.Len() > 0 {
		t.Errorf("got %v, log %s", err, logs)
	}
}

func TestEveryProblemIsExplainedOnALineOfItsOwn(t *testing.T) {
	_, _, err := start(t, `{"Engine":{"PollInterval":"soon"},"AdminApi":{"Listen":"nowhere"},"Logging":{"Level":"loud"}}`, false)
	var out bytes.Buffer
	boot.Explain(&out, err)
	for _, want := range []string{"\n  Engine:PollInterval: ", "\n  AdminApi:Listen: ", "\n  Logging:Level: "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the explanation lacks %q: %s", want, out.String())
		}
	}
	out.Reset()
	boot.Explain(&out, errors.New("plain"))
	if out.String() != "error: plain\n" {
		t.Errorf("got %q", out.String())
	}
}

func TestExitCodeTellsMisuseFromFailure(t *testing.T) {
	cases := []struct {
		name string
		err  error
		code int
		said string
	}{
		{"an orderly end", nil, 0, ""},
		{"a failure", errors.New("disk full"), 1, "error: disk full\n"},
		{"a wrong command line", &boot.UsageError{Err: errors.New("no such option")}, 2, "error: no such option; see --help\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			if code := boot.Exit(&out, c.err); code != c.code || out.String() != c.said {
				t.Errorf("got %d and %q", code, out.String())
			}
		})
	}
}
