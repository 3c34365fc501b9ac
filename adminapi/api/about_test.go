package api_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/adminapi/api"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/appsettings"
)

func TestTheSettingsInForceSayWhereTheyComeFromAndHideWhatMayBeSecret(t *testing.T) {
	const canary = "canary-0b17"
	w := newWorld(t)
	folder := t.TempDir()
	file := filepath.Join(folder, "appsettings.json")
	if err := os.WriteFile(file, []byte(`{
  "IdentityMesh": {"DataFolder": "/data", "SqlConnectionString": "sqlserver://u:`+canary+`@db"},
  "Secrets": {"KeyVault": {"VaultUri": "https://`+canary+`/"}}
}`), 0o600); err != nil {
		t.Fatal(err)
	}
	settings, problems := appsettings.Load(appsettings.Options{Folder: folder, Environ: []string{"Engine__PollInterval=5s", "HOME=/nowhere"}})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	w.settings = settings
	admin := self
	admin.Provider, admin.ProviderTarget = "DPAPI", "here"
	w.registered(admin, "DPAPI", "Ready", store.PluginDocument{})
	w.registered(engine, "acme", "Ready", store.PluginDocument{})
	var got api.Settings
	w.send("GET", "/api/settings", "").is(t, http.StatusOK, &got)
	by := map[string]api.Setting{}
	for _, s := range got.Items {
		by[s.Key] = s
	}
	for _, want := range []api.Setting{
		{Key: "IdentityMesh:DataFolder", Text: "/data", Source: "appsettings.json", Line: 2},
		{Key: "IdentityMesh:SqlConnectionString", Masked: true, Source: "appsettings.json", Line: 2},
		{Key: "Secrets:KeyVault:VaultUri", Masked: true, Source: "appsettings.json", Line: 3},
		{Key: "Engine:PollInterval", Text: "5s", Source: "environment variable Engine__PollInterval"},
		{Key: "Engine:MaxConcurrentRuns", Text: "4", Default: true, Source: "default"},
		{Key: "AdminApi:Listen", Text: "127.0.0.1:5100", Default: true, Source: "default"},
		{Key: "Secrets:Strict", Text: "false", Default: true, Source: "default"},
		{Key: "Logging:Level", Text: "info", Default: true, Source: "default"},
	} {
		if by[want.Key] != want {
			t.Errorf("%s: %+v", want.Key, by[want.Key])
		}
	}
	if len(got.Files) != 1 || got.Files[0] != file || got.Environment != "Production" {
		t.Errorf("%+v", got)
	}
	if len(got.Differences) != 3 || got.Differences[1] != (api.Difference{Role: "engine", Name: "One", What: "target", Here: "here", There: "the vault"}) {
		t.Errorf("differences %+v", got.Differences)
	}
	if strings.Contains(w.replies.String(), canary) {
		t.Error("a credential was shown")
	}
}

func TestEveryPartHasItsVersion(t *testing.T) {
	w := newWorld(t)
	w.registered(self, "DPAPI", "Ready", store.PluginDocument{Version: "0.9.0", Commit: "eeee"})
	w.registered(engine, "acme", "Ready", store.PluginDocument{Version: "2.0.0"})
	w.registered(gone, "acme", "Ready", store.PluginDocument{})
	w.silent(gone)
	var about api.About
	w.send("GET", "/api/about", "").is(t, http.StatusOK, &about)
	found := map[string]api.Part{}
	for _, p := range about.Items {
		found[p.Part+" "+p.Name+" "+p.Instance] = p
	}
	for key, version := range map[string]string{
		"adminapi identitymesh-adminapi Admin": "1.2.3", "ui Admin UI ": "1.2.3", "engine identitymesh-engine One": "1.2.2",
		"plugin DPAPI adminapi Admin": "0.9.0", "plugin acme engine One": "2.0.0", "go Go ": "1.26.0",
	} {
		if p, ok := found[key]; !ok || p.Version != version || !p.Alive {
			t.Errorf("%s: %+v", key, p)
		}
	}
	if p := found["engine identitymesh-engine One"]; p.Commit != "ffff" || p.CommitDate == "" || p.Platform != "windows/amd64" {
		t.Errorf("the engine %+v", p)
	}
	if p := found["engine identitymesh-engine Gone"]; p.Alive || p.Version != "1.2.2" {
		t.Errorf("one that is gone %+v", p)
	}
	for _, key := range []string{"database SQLite ", "schema Engine ", "schema Audit ", "system Test OS 1 "} {
		if p := found[key]; p.Name == "" || p.Version == "" && p.Part != "system" {
			t.Errorf("%s: %+v of %v", key, p, about.Items)
		}
	}
	if about.Licenses != "/licenses.md" {
		t.Errorf("licences at %q", about.Licenses)
	}
}

func TestMetricsAreForThoseWhoMaySeeTheStatus(t *testing.T) {
	w := newWorld(t)
	if a := w.send("GET", "/metrics", "").is(t, http.StatusOK, nil); string(a.body) != "metric 1\n" || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s %v", a.body, a.Header)
	}
	w.send("GET", "/metrics", "", "Authorization", "").problem(t, http.StatusUnauthorized, "sign-in-required")
}
