package appsettings_test

import (
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
)

func TestDefaultsWithoutAnyFile(t *testing.T) {
	s, _ := mustLoad(t, nil)
	want := appsettings.Engine{PollInterval: time.Second, HeartbeatInterval: 20 * time.Second, MaxConcurrentRuns: 4,
		RunTimeout: 12 * time.Hour, SecretTimeout: 30 * time.Second}
	switch {
	case s.Environment != "Production", len(s.Files) != 0:
		t.Errorf("environment %q, files %q", s.Environment, s.Files)
	case !s.Product.SqlConnectionString.IsZero(), s.Product.DataFolder != "/var/lib/identitymesh", s.Product.PluginFolder != "",
		s.Product.InstanceName != "IdentityMeshEngine", s.Product.HostKeyWrappedBy != "", s.Product.Retention != appsettings.Retention{ObjectAuditDays: 400}:
		t.Errorf("product %+v", s.Product)
	case s.Secrets.Provider != "", s.Secrets.Strict, string(s.Secrets.KeyVault.Reveal()) != "{}", len(s.Secrets.Plugins) != 0:
		t.Errorf("secrets %+v", s.Secrets)
	case s.AdminAPI.Listen != "127.0.0.1:5100", s.Engine != want:
		t.Errorf("admin api %+v, engine %+v", s.AdminAPI, s.Engine)
	case s.Logging != appsettings.Logging{Level: slog.LevelInfo, Format: "json", File: appsettings.LogFile{MaxSize: 20, MaxFiles: 10}}:
		t.Errorf("logging %+v", s.Logging)
	}
	for _, k := range s.Keys() {
		if k.Origin != "default" {
			t.Errorf("%+v", k)
		}
	}
	a := appsettings.Authentication{JWT: appsettings.JWT{Scopes: []string{"openid", "profile"}, RolesClaim: "roles", GroupsClaim: "groups", NameClaim: "preferred_username"},
		Sessions: appsettings.Sessions{IdleTimeout: 30 * time.Minute, AbsoluteTimeout: 12 * time.Hour}}
	if !reflect.DeepEqual(s.Authentication, a) {
		t.Errorf("authentication %+v", s.Authentication)
	}
}

func TestOperatorsSignInAsTheSectionSays(t *testing.T) {
	s, folder := mustLoad(t, base(`{"Authentication":{
		"Jwt":{"Enabled":true,"Authority":"https://sts.example.net/x/","Audience":"api://im","ClientId":"im","ClientSecretFile":"s","Scopes":["openid","offline"],
			"RolesClaim":"realm_access.roles","GroupsClaim":"g","NameClaim":"email"},
		"Negotiate":{"Enabled":true,"KeytabFile":"im.keytab","ServicePrincipal":"HTTP/im.example.net@EXAMPLE.NET"},
		"Roles":{"Admin":["S-1-5-32-544","CORP\\root"],"Viewer":[]},
		"Sessions":{"IdleTimeout":"5m","AbsoluteTimeout":"1h"}}}`), "Authentication__Roles__Operator__0=ops")
	want := appsettings.Authentication{
		JWT: appsettings.JWT{Enabled: true, Authority: "https://sts.example.net/x", Audience: "api://im", ClientID: "im", ClientSecretFile: filepath.Join(folder, "s"),
			Scopes: []string{"openid", "offline"}, RolesClaim: "realm_access.roles", GroupsClaim: "g", NameClaim: "email"},
		Negotiate: appsettings.Negotiate{Enabled: true, KeytabFile: filepath.Join(folder, "im.keytab"), ServicePrincipal: "HTTP/im.example.net@EXAMPLE.NET"},
		Roles:     appsettings.Roles{Admin: []string{"S-1-5-32-544", `CORP\root`}, Operator: []string{"ops"}, Viewer: nil},
		Sessions:  appsettings.Sessions{IdleTimeout: 5 * time.Minute, AbsoluteTimeout: time.Hour},
	}
	if !reflect.DeepEqual(s.Authentication, want) {
		t.Errorf("got  %+v\nwant %+v", s.Authentication, want)
	}
	mustLoad(t, base(`{"Authentication":{"Jwt":{"Enabled":true,"Authority":"http://127.0.0.1:9/x","Audience":"a"}}}`))
}

func TestAnEnabledWayInNeedsWhatItRestsOn(t *testing.T) {
	_, diags, _ := load(t, base(`{"Authentication":{"Jwt":{"Enabled":true,"ClientSecretFile":"s"},"Negotiate":{"Enabled":true}}}`))
	want := []string{"Authentication:Jwt:Audience", "Authentication:Jwt:Authority", "Authentication:Jwt:ClientId", "Authentication:Negotiate:KeytabFile"}
	if got := paths(diags.Errors()); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

const hash = "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff"

const everyKey = `{
  "Serilog": {"WriteTo": []}, "Relay": 1, "AllowedHosts": "*",
  "IdentityMesh": {
    "SqlConnectionString": "Server=db;Password=canary-7f3a",
    "DataFolder": "data", "PluginFolder": "../plugins", "HostKeyWrappedBy": "tpm", "InstanceName": "Branch Office 2",
    "Retention": {"RunHistoryDays": 90, "ConnectorLogDays": "30"}
  },
  "ConnectionStrings": {"IdentityMesh": "Server=db;Password=canary-7f3a", "Other": 5},
  "Secrets": {
    "Provider": "acme", "Strict": "True",
    "KeyVault": {"VaultUri": "https://canary-7f3a/", "Deep": [1, {"x": null}]},
    "Plugins": {"acme": {
      "Path": "plugins/acme", "Sha256": "` + hash + `", "Version": "1.2.0",
      "Environment": ["HTTPS_PROXY", "NO_PROXY"],
      "Config": {"Token": "canary-7f3a", "Retries": 1e2, "On": true, "Hosts": ["a", "b"]}
    }}
  },
  "AdminApi": {"Listen": "[::1]:0"},
  "Engine": {"PollInterval": "00:00:05", "HeartbeatInterval": "1.5s", "MaxConcurrentRuns": 8,
             "RunTimeout": "1.02:30:00", "SecretTimeout": "00:01"},
  "Logging": {"Level": "WARN", "Format": "Text", "LogLevel": {"Default": "Information"}, "File": {"Folder": "logs", "MaxSize": 1, "MaxFiles": "3"}}
}`

func TestEveryKeyIsRead(t *testing.T) {
	s, folder := mustLoad(t, base(everyKey))
	if got := string(s.Product.SqlConnectionString.Reveal()); got != "Server=db;Password=canary-7f3a" {
		t.Error("connection string differs")
	}
	p := s.Product
	if p.DataFolder != filepath.Join(folder, "data") || p.PluginFolder != filepath.Join(filepath.Dir(folder), "plugins") || p.InstanceName != "Branch Office 2" || p.HostKeyWrappedBy != "tpm" ||
		p.Retention != (appsettings.Retention{RunHistoryDays: 90, ConnectorLogDays: 30, ObjectAuditDays: 400}) {
		t.Errorf("product %+v", p)
	}
	if got := string(s.Secrets.KeyVault.Reveal()); got != `{"VaultUri":"https://canary-7f3a/","Deep":[1,{"x":null}]}` {
		t.Errorf("key vault section %s", got)
	}
	acme := s.Secrets.Plugins["acme"]
	if got := string(acme.Config.Reveal()); got != `{"Token":"canary-7f3a","Retries":1e2,"On":true,"Hosts":["a","b"]}` {
		t.Errorf("config %s", got)
	}
	if !s.Secrets.Strict || acme.Name != "acme" || acme.Path != filepath.Join(folder, "plugins/acme") || acme.Version != "1.2.0" ||
		acme.Sha256 != strings.ToLower(hash) || !slices.Equal(acme.Environment, []string{"HTTPS_PROXY", "NO_PROXY"}) {
		t.Errorf("plugin %+v", acme)
	}
	want := appsettings.Engine{PollInterval: 5 * time.Second, HeartbeatInterval: 1500 * time.Millisecond, MaxConcurrentRuns: 8,
		RunTimeout: 26*time.Hour + 30*time.Minute, SecretTimeout: time.Minute}
	logging := appsettings.Logging{Level: slog.LevelWarn, Format: "text",
		File: appsettings.LogFile{Folder: filepath.Join(folder, "logs"), MaxSize: 1, MaxFiles: 3}}
	if s.Engine != want || s.AdminAPI.Listen != "[::1]:0" || s.Logging != logging {
		t.Errorf("engine %+v, admin api %+v, logging %+v", s.Engine, s.AdminAPI, s.Logging)
	}
}

func TestKeysNameTheirOriginAndSensitivity(t *testing.T) {
	s, _ := mustLoad(t, base(everyKey), "Secrets__Plugins__ACME__Config__Region=north")
	var sensitive []string
	for _, k := range s.Keys() {
		if k.Sensitive {
			sensitive = append(sensitive, k.Path)
		}
		if k.Origin != s.Origin(k.Path) {
			t.Errorf("%s: origin %q in Keys, %q in Origin", k.Path, k.Origin, s.Origin(k.Path))
		}
	}
	acme := "Secrets:Plugins:acme:Config:"
	want := []string{"Audit:Head:Url", "ConnectionStrings:IdentityMesh", "IdentityMesh:SqlConnectionString",
		"Secrets:KeyVault:Deep:0", "Secrets:KeyVault:Deep:1:x", "Secrets:KeyVault:VaultUri",
		acme + "Hosts:0", acme + "Hosts:1", acme + "On", acme + "Region", acme + "Retries", acme + "Token"}
	if !slices.Equal(sensitive, want) {
		t.Errorf("sensitive keys %q", sensitive)
	}
	if got := s.Origin(acme + "region"); got != "environment variable Secrets__Plugins__ACME__Config__Region" {
		t.Errorf("origin %q", got)
	}
}

func TestVariablesReachIntoLists(t *testing.T) {
	const plugin = `{"Secrets":{"Plugins":{"acme":{"Path":"/p","Sha256":"` + hash + `",
		"Environment":["A","B"],"Config":{"Hosts":["x"],"Port":1}}}}}`
	s, _ := mustLoad(t, base(plugin),
		"Secrets__Plugins__acme__Environment__1=C", "Secrets__Plugins__acme__Environment__10=E",
		"Secrets__Plugins__acme__Environment__2=D", "Secrets__Plugins__acme__Config__Hosts__1=y",
		"Secrets__Plugins__acme__Config__Tags__0=t", "Secrets__Plugins__acme__Config__Port=2",
		"Secrets__Plugins__acme__Config__Proxy__Url=u")
	acme := s.Secrets.Plugins["acme"]
	if !slices.Equal(acme.Environment, []string{"A", "C", "D", "E"}) {
		t.Errorf("environment %q", acme.Environment)
	}
	if got := string(acme.Config.Reveal()); got != `{"Hosts":["x","y"],"Port":"2","Proxy":{"Url":"u"},"Tags":["t"]}` {
		t.Errorf("config %s", got)
	}
}

func TestAWholePluginFromVariables(t *testing.T) {
	s, folder := mustLoad(t, nil, "Secrets__Plugins__acme__Path=bin/p", "Secrets__Plugins__acme__Sha256="+hash,
		"Secrets__Strict=true", "Engine__MaxConcurrentRuns=7", "Engine__RunTimeout=3h",
		"ENGINE=podman", "SECRETS=x", "Logging=y", "=C:=C:\\", "PATH=/bin", "Other__Key=1")
	want := map[string]appsettings.Plugin{"acme": {Name: "acme", Path: filepath.Join(folder, "bin", "p"), Sha256: strings.ToLower(hash)}}
	got := s.Secrets.Plugins["acme"]
	got.Config = want["acme"].Config
	if !reflect.DeepEqual(got, want["acme"]) || !s.Secrets.Strict || s.Engine.MaxConcurrentRuns != 7 || s.Engine.RunTimeout != 3*time.Hour {
		t.Errorf("got %+v", s)
	}
}

func TestAbsolutePathsStayAsTheyAre(t *testing.T) {
	absolute := filepath.Join(t.TempDir(), "x")
	s, _ := mustLoad(t, nil, "IdentityMesh__DataFolder="+absolute+string(filepath.Separator), "IdentityMesh__PluginFolder="+absolute)
	if s.Product.DataFolder != absolute || s.Product.PluginFolder != absolute {
		t.Errorf("got %+v, want %q", s.Product, absolute)
	}
}

func TestTheOlderConnectionStringKey(t *testing.T) {
	s, _ := mustLoad(t, base(`{"ConnectionStrings":{"IdentityMesh":"Server=a"}}`))
	if string(s.Product.SqlConnectionString.Reveal()) != "Server=a" || s.Origin("IdentityMesh:SqlConnectionString") != "appsettings.json" {
		t.Errorf("got %+v", s)
	}
	_, diags, _ := load(t, base(`{"ConnectionStrings":{"IdentityMesh":"Server=a;Password=canary-7f3a"}}`), "IdentityMesh__SqlConnectionString=b")
	if len(diags) != 1 || diags[0].Path != "ConnectionStrings:IdentityMesh" || strings.Contains(diags[0].String(), "canary") {
		t.Errorf("got %v", diags)
	}
}

func TestTheDefaultDataFolder(t *testing.T) {
	tests := []struct {
		name     string
		platform appsettings.Platform
		env      []string
		want     string
	}{
		{"Windows with ProgramData", appsettings.Platform{GOOS: "windows"}, []string{`PROGRAMDATA=D:\Data`}, `D:\Data\IdentityMesh`},
		{"Windows without ProgramData", appsettings.Platform{GOOS: "windows"}, nil, `C:\ProgramData\IdentityMesh`},
		{"a systemd unit", appsettings.Platform{GOOS: "linux", Root: true}, []string{"STATE_DIRECTORY=/var/lib/im:/var/lib/x"}, "/var/lib/im"},
		{"root", appsettings.Platform{GOOS: "linux", Root: true}, []string{"HOME=/root"}, "/var/lib/identitymesh"},
		{"a user with a state folder", appsettings.Platform{GOOS: "linux"}, []string{"HOME=/h", "XDG_STATE_HOME=/s"}, "/s/identitymesh"},
		{"a relative state folder is ignored", appsettings.Platform{GOOS: "linux"}, []string{"HOME=/h", "XDG_STATE_HOME=s"}, "/h/.local/state/identitymesh"},
		{"a user", appsettings.Platform{GOOS: "darwin"}, []string{"HOME=/h"}, "/h/.local/state/identitymesh"},
		{"nobody without a home", appsettings.Platform{GOOS: "linux"}, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, diags := appsettings.Load(appsettings.Options{Folder: t.TempDir(), Environ: tt.env, Platform: &tt.platform})
			if s.Product.DataFolder != tt.want {
				t.Errorf("data folder %q, want %q", s.Product.DataFolder, tt.want)
			}
			if failed := diags.HasErrors(); failed != (tt.want == "") || failed && diags[0].Path != "IdentityMesh:DataFolder" {
				t.Errorf("diagnostics %v", diags)
			}
		})
	}
}

func TestKeysSayWhatIsInForceButNothingSensitive(t *testing.T) {
	s, _, folder := load(t, files{"appsettings.json": `{
  "IdentityMesh": {"PluginFolder": "plugins", "SqlConnectionString": "canary-1"},
  "AdminApi": {"Hosts": ["b", "a"]}, "Logging": {"Level": "WARN"},
  "Authentication": {"Jwt": {"Authority": "https://u:canary-2@sts.example.net"}},
  "Secrets": {"KeyVault": {"VaultUri": "https://canary-3/"}}
}`})
	want := map[string]string{
		"IdentityMesh:PluginFolder": filepath.Join(folder, "plugins"), "IdentityMesh:DataFolder": "/var/lib/identitymesh",
		"AdminApi:Hosts": "b, a", "Logging:Level": "warn", "Engine:RunTimeout": "12h0m0s", "Secrets:Strict": "false",
		"IdentityMesh:SqlConnectionString": "", "Secrets:KeyVault:VaultUri": "", "IdentityMesh:InstanceName": "IdentityMeshEngine",
	}
	for _, k := range s.Keys() {
		if text, listed := want[k.Path]; listed && (k.Text != text || k.IsDefault() != (k.Origin == "default")) {
			t.Errorf("%+v", k)
		}
		delete(want, k.Path)
		if strings.Contains(k.Text, "canary") {
			t.Errorf("a credential is shown: %+v", k)
		}
		if k.Path == "Logging:Level" && k.Line != 3 {
			t.Errorf("%+v", k)
		}
	}
	if len(want) != 0 {
		t.Errorf("without %v", want)
	}
}

func TestOnlyTheSectionSecretsIsTakenOn(t *testing.T) {
	from := func(text string) *appsettings.Settings {
		s, _, _ := load(t, files{"appsettings.json": text})
		return s
	}
	s := from(`{"Secrets": {"Provider": "a"}, "Engine": {"MaxConcurrentRuns": 2}}`).WithSecrets(from(`{"Secrets": {"Provider": "b"}, "Engine": {"MaxConcurrentRuns": 3}}`))
	if s.Secrets.Provider != "b" || s.Engine.MaxConcurrentRuns != 2 {
		t.Errorf("%+v", s)
	}
	for _, k := range s.Keys() {
		if k.Path == "Secrets:Provider" && k.Text != "b" || k.Path == "Engine:MaxConcurrentRuns" && k.Text != "2" {
			t.Errorf("%+v", k)
		}
	}
}
