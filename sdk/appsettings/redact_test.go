package appsettings_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSettingsCanBePrintedAndLogged(t *testing.T) {
	const canary = "canary-7f3a"
	s, _ := mustLoad(t, base(everyKey), "Secrets__KeyVault__Credential="+canary)
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb, s)
		fmt.Fprintf(&out, verb, *s)
		fmt.Fprintf(&out, verb, s.Secrets)
	}
	text, structured := slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))
	for _, log := range []*slog.Logger{text, structured} {
		log.Info("pointer", "settings", s)
		log.Info("value", "settings", *s)
	}
	if err := json.NewEncoder(&out).Encode(s); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(&out, s.Keys())

	printed := out.String()
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprint([]byte(canary))} {
		if strings.Contains(printed, strings.Trim(form, "[]")) {
			t.Errorf("the value of a sensitive key was printed as %q", form)
		}
	}
	if !strings.Contains(printed, "secrets_provider=acme") && !strings.Contains(printed, "settings.secrets_provider=acme") {
		t.Error("the log line does not say which provider was asked for")
	}
}
