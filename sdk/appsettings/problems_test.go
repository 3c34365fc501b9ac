package appsettings_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/diag"
)

// plugin is a good plugin entry with one key replaced or added.
func plugin(key, value string) string {
	keys := map[string]string{"Path": `"/p"`, "Sha256": `"` + hash + `"`}
	keys[key] = value
	var parts []string
	for k, v := range keys {
		parts = append(parts, `"`+k+`":`+v)
	}
	return `{"Secrets":{"Plugins":{"acme":{` + strings.Join(parts, ",") + `}}}}`
}

// Each key of the configuration with each kind of bad input.
func TestBadInputIsAnErrorThatNamesTheKey(t *testing.T) {
	product := func(key, value string) string { return `{"IdentityMesh":{"` + key + `":` + value + `}}` }
	retention := func(key, value string) string { return product("Retention", `{"`+key+`":`+value+`}`) }
	engine := func(key, value string) string { return `{"Engine":{"` + key + `":` + value + `}}` }
	logging := func(key, value string) string { return `{"Logging":{"` + key + `":` + value + `}}` }
	logFile := func(key, value string) string { return `{"Logging":{"File":{"` + key + `":` + value + `}}}` }
	secrets := func(key, value string) string { return `{"Secrets":{"` + key + `":` + value + `}}` }
	listen := func(_, value string) string { return `{"AdminApi":{"Listen":` + value + `}}` }
	section := func(key, value string) string { return `{"` + key + `":` + value + `}` }
	authentication := func(key, value string) string { return section("Authentication", `{"`+key+`":`+value+`}`) }
	with := func(keys map[string]string, key, value string) string {
		keys[key] = value
		var parts []string
		for k, v := range keys {
			parts = append(parts, `"`+k+`":`+v)
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	jwt := func(key, value string) string {
		return authentication("Jwt", with(map[string]string{"Enabled": `true`, "Authority": `"https://sts.example.net/"`, "Audience": `"api://im"`, "ClientId": `"c"`}, key, value))
	}
	negotiate := func(key, value string) string {
		return authentication("Negotiate", with(map[string]string{"Enabled": `true`, "KeytabFile": `"/k"`}, key, value))
	}
	roles := func(key, value string) string { return authentication("Roles", `{"`+key+`":`+value+`}`) }
	long := `"` + strings.Repeat("x", 129) + `"`

	tests := []struct {
		path    string
		content func(key, value string) string
		bad     []string
	}{
		{"IdentityMesh", section, []string{`1`, `"x"`, `[]`, `true`}},
		{"ConnectionStrings", section, []string{`1`, `"x"`, `[]`}},
		{"Secrets", section, []string{`1`, `"x"`, `[]`}},
		{"AdminApi", section, []string{`1`, `"x"`, `[]`}},
		{"Engine", section, []string{`1`, `"x"`, `[]`}},
		{"Logging", section, []string{`1`, `"x"`, `[]`}},
		{"IdentityMesh:SqlConnectionString", product, []string{`1`, `true`, `{}`, `["x"]`, `"a\nb"`}},
		{"ConnectionStrings:IdentityMesh", func(key, value string) string { return section("ConnectionStrings", `{"`+key+`":`+value+`}`) },
			[]string{`1`, `{}`, `["x"]`, `"a\u0000b"`}},
		{"IdentityMesh:DataFolder", product, []string{`1`, `false`, `{}`, `[]`, `"C:\temp"`}},
		{"IdentityMesh:PluginFolder", product, []string{`1`, `false`, `{}`, `[]`, `"a\u0000b"`}},
		{"IdentityMesh:InstanceName", product, []string{`1`, `{}`, `"a/b"`, `"a\\b"`, `" a"`, `"a "`, long, `"a\tb"`}},
		{"IdentityMesh:Retention", product, []string{`90`, `"90"`, `[]`}},
		{"IdentityMesh:Retention:RunHistoryDays", retention, []string{`-1`, `1.5`, `"many"`, `true`, `{}`, `[]`, `36501`, `99999999999999999999`}},
		{"IdentityMesh:Retention:ConnectorLogDays", retention, []string{`-1`, `1.5`, `"many"`, `true`, `{}`, `[]`, `36501`}},
		{"Secrets:Provider", secrets, []string{`1`, `true`, `{}`, `[]`, `"a\nb"`}},
		{"Secrets:Strict", secrets, []string{`1`, `"yes"`, `{}`, `[]`}},
		{"Secrets:Plugins", secrets, []string{`1`, `"x"`, `["acme"]`}},
		{"Secrets:Plugins:acme", func(_, value string) string { return secrets("Plugins", `{"acme":`+value+`}`) }, []string{`1`, `"x"`, `[]`}},
		{"Secrets:Plugins:a:b", func(_, value string) string { return secrets("Plugins", `{"a:b":`+value+`}`) }, []string{`{}`}},
		{"Secrets:Plugins:acme:Path", plugin, []string{`1`, `""`, `null`, `{}`, `["x"]`, `"a\u0000b"`}},
		{"Secrets:Plugins:acme:Sha256", plugin, []string{`1`, `[]`, `"abc"`, `"` + hash + `0"`, `"` + hash[1:] + `g"`}},
		{"Secrets:Plugins:acme:Version", plugin, []string{`1.2`, `{}`, `[]`}},
		{"Secrets:Plugins:acme:Environment", plugin, []string{`1`, `"PATH"`, `{"PATH":"x"}`}},
		{"Secrets:Plugins:acme:Config", plugin, []string{`1`, `"x"`, `[]`, `true`}},
		{"AdminApi:Listen", listen, []string{`5100`, `"5100"`, `"localhost"`, `"127.0.0.1:http"`, `"127.0.0.1:65536"`, `":5100"`,
			`"0.0.0.0:5100"`, `"[::]:5100"`, `"192.0.2.1:5100"`, `"host.example:5100"`, `"::1:5100"`, `{}`, `[]`}},
		{"Engine:PollInterval", engine, []string{`1`, `"1"`, `"0"`, `"soon"`, `"9ms"`, `"61m"`, `"-1s"`, `"24:00:00"`, `"00:60"`, `{}`, `true`}},
		{"Engine:HeartbeatInterval", engine, []string{`20`, `"1ms"`, `"00:01:01"`, `"x"`, `[]`}},
		{"Engine:MaxConcurrentRuns", engine, []string{`0`, `257`, `-4`, `4.5`, `1e1`, `"four"`, `true`, `{}`, `[]`}},
		{"Engine:RunTimeout", engine, []string{`12`, `"999ms"`, `"31.00:00:00"`, `"99999.00:00:00"`, `"x"`, `{}`}},
		{"Engine:SecretTimeout", engine, []string{`30`, `"99ms"`, `"11m"`, `"x"`, `[]`}},
		{"Logging:Level", logging, []string{`1`, `"verbose"`, `{}`, `[]`}},
		{"Logging:Format", logging, []string{`1`, `"xml"`, `{}`, `[]`}},
		{"Logging:File", logging, []string{`1`, `"x"`, `[]`}},
		{"Logging:File:Folder", logFile, []string{`1`, `{}`, `[]`}},
		{"Logging:File:MaxSize", logFile, []string{`0`, `1025`, `"20MB"`, `{}`}},
		{"Authentication", section, []string{`1`, `"x"`, `[]`}},
		{"Authentication:Jwt", authentication, []string{`1`, `"x"`, `[]`}},
		{"Authentication:Jwt:Enabled", jwt, []string{`1`, `"on"`, `{}`}},
		{"Authentication:Jwt:Authority", jwt, []string{`1`, `""`, `"sts.example.net"`, `"http://sts.example.net"`, `"https://u@sts.example.net"`,
			`"https://sts.example.net?x=1"`, `"https://sts.example.net#x"`, `"ftp://127.0.0.1"`, `"https://"`, `"https:sts.example.net"`, `"https://[x"`,
			`"https://login.microsoftonline.com/common/v2.0"`, `"https://login.microsoftonline.com/Organizations"`}},
		{"Authentication:Jwt:Audience", jwt, []string{`1`, `""`, `null`, `["x"]`}},
		{"Authentication:Jwt:ClientId", jwt, []string{`1`, `{}`}},
		{"Authentication:Jwt:ClientSecretFile", jwt, []string{`1`, `[]`}},
		{"Authentication:Jwt:Scopes", jwt, []string{`"openid"`, `1`, `{"a":"x"}`}},
		{"Authentication:Jwt:RolesClaim", jwt, []string{`1`, `[]`}},
		{"Authentication:Jwt:GroupsClaim", jwt, []string{`1`, `[]`}},
		{"Authentication:Jwt:NameClaim", jwt, []string{`1`, `[]`}},
		{"Authentication:Negotiate", authentication, []string{`1`, `"x"`, `[]`}},
		{"Authentication:Negotiate:Enabled", negotiate, []string{`1`, `"on"`, `{}`}},
		{"Authentication:Negotiate:KeytabFile", negotiate, []string{`1`, `""`, `null`, `[]`}},
		{"Authentication:Negotiate:ServicePrincipal", negotiate, []string{`1`, `"HTTP"`, `"HTTP/"`, `"/x"`, `"HTTP/a b"`, `"HTTP/x@"`, `"HTTP/x@R@S"`}},
		{"Authentication:Roles", authentication, []string{`1`, `"x"`, `[]`}},
		{"Authentication:Roles:Admin", roles, []string{`1`, `"x"`, `{"a":"x"}`}},
		{"Authentication:Roles:Operator", roles, []string{`1`, `"x"`}},
		{"Authentication:Roles:Viewer", roles, []string{`1`, `"x"`}},
		{"Logging:File:MaxFiles", logFile, []string{`0`, `1001`, `-1`, `[]`}},
	}
	for _, tt := range tests {
		key := tt.path[strings.LastIndex(tt.path, ":")+1:]
		for _, value := range tt.bad {
			t.Run(tt.path+" = "+value, func(t *testing.T) {
				_, diags, _ := load(t, base(tt.content(key, value)))
				if len(diags) != 1 || diags[0].Severity != diag.Error || diags[0].Path != tt.path {
					t.Errorf("got %q, want one error about %s", diags, tt.path)
				}
			})
		}
	}
	for _, value := range []string{`[1]`, `[""]`, `["A=b"]`, `["A\nB"]`, `[{}]`} {
		t.Run("Secrets:Plugins:acme:Environment:0 in "+value, func(t *testing.T) {
			_, diags, _ := load(t, base(plugin("Environment", value)))
			if len(diags) != 1 || diags[0].Path != "Secrets:Plugins:acme:Environment:0" {
				t.Errorf("got %q", diags)
			}
		})
	}
}

func paths(l diag.List) []string {
	var all []string
	for _, d := range l {
		all = append(all, d.Path)
	}
	slices.Sort(all)
	return all
}

func TestAllProblemsComeAtOnce(t *testing.T) {
	_, diags, _ := load(t, base(`{
		"IdentityMesh": {"DataFolder": 1, "InstanceName": "a/b", "Retention": {"RunHistoryDays": -1}},
		"Secrets": {"Provider": [], "Strict": 2, "Plugins": {"a": {}, "b": {"Path": 1, "Sha256": "x"}}},
		"AdminApi": {"Listen": "x"},
		"Engine": {"PollInterval": "x", "MaxConcurrentRuns": 0},
		"Logging": {"Level": "x"}
	}`), "Engine__RunTimeout=soon")
	want := []string{"AdminApi:Listen", "Engine:MaxConcurrentRuns", "Engine:PollInterval", "Engine:RunTimeout",
		"IdentityMesh:DataFolder", "IdentityMesh:InstanceName", "IdentityMesh:Retention:RunHistoryDays", "Logging:Level",
		"Secrets:Plugins:a:Path", "Secrets:Plugins:b:Path", "Secrets:Plugins:b:Sha256",
		"Secrets:Provider", "Secrets:Strict"}
	if got := paths(diags.Errors()); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestProblemsSayWhereTheValueWasSet(t *testing.T) {
	_, diags, _ := load(t, base("{\n\"Engine\": {\n\"MaxConcurrentRuns\": 0}}"), "Logging__Level=loud")
	if len(diags) != 2 || diags[0].Detail != "set in appsettings.json, line 3" ||
		diags[1].Detail != "set by environment variable Logging__Level" {
		t.Errorf("got %q", diags)
	}
}

func TestAKeyTwiceIsAnError(t *testing.T) {
	tests := []struct {
		name, content, path string
		env                 []string
	}{
		{"in different case", "{\"Secrets\":{\"Provider\":\"a\",\n\"provider\":\"b\"}}", "Secrets:Provider", nil},
		{"in the same case", `{"Engine":{"RunTimeout":"1h","RunTimeout":"2h"}}`, "Engine:RunTimeout", nil},
		{"a whole section", `{"Secrets":{},"secrets":{}}`, "Secrets", nil},
		{"inside a plugin's own configuration", plugin("Config", `{"a":{"K":1,"k":2}}`), "Secrets:Plugins:acme:Config:a:k", nil},
		{"in two variables", `{}`, "Secrets:Provider", []string{"Secrets__Provider=a", "SECRETS__PROVIDER=b"}},
		{"in two variables of a list", plugin("Environment", `["A"]`), "Secrets:Plugins:acme:Environment:0",
			[]string{"Secrets__Plugins__acme__Environment__0=a", "SECRETS__PLUGINS__ACME__ENVIRONMENT__0=b"}},
		{"even when a stronger source sets it", `{"Secrets":{"Provider":"a","provider":"b"}}`, "Secrets:Provider", []string{"Secrets__Provider=c"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, diags, _ := load(t, base(tt.content), tt.env...)
			if len(diags) != 1 || !diags.HasErrors() || diags[0].Path != tt.path || !strings.Contains(diags[0].Summary, "twice") {
				t.Errorf("got %q, want one error about %s", diags, tt.path)
			}
		})
	}
}

func TestABrokenKeyVaultSectionDoesNotMatterHere(t *testing.T) {
	for _, section := range []string{`5`, `"junk"`, `[]`, `[{}]`, `true`, `{"VaultUri":{"a":[1]},"Unknown":1}`, `{"A":1,"a":2}`} {
		t.Run(section, func(t *testing.T) {
			s, _ := mustLoad(t, base(`{"Secrets":{"KeyVault":`+section+`}}`), "Secrets__Strict=true")
			if got := string(s.Secrets.KeyVault.Reveal()); got != section && section != `{"A":1,"a":2}` {
				t.Errorf("the section became %s", got)
			}
		})
	}
	s, _ := mustLoad(t, base(`{"Secrets":{"KeyVault":{"A":1,"a":2},"keyvault":{"VaultUri":"x","vaultURI":"y"}}}`))
	want := []string{"Secrets:KeyVault", "Secrets:KeyVault:vaultURI"}
	if got := paths(s.Secrets.KeyVaultProblems); !slices.Equal(got, want) {
		t.Errorf("problems kept for when Key Vault is in force: %q, want %q", got, want)
	}
}

func TestUnknownKeysAreWarnings(t *testing.T) {
	tests := []struct{ name, content, path, like string }{
		{"a misspelt key", `{"Secrets":{"Provder":"x"}}`, "Secrets:Provder", "Secrets:Provider"},
		{"two letters swapped", `{"Engine":{"PollItnerval":"1s"}}`, "Engine:PollItnerval", "Engine:PollInterval"},
		{"a misspelt section", `{"Secret":{"Provider":"x"}}`, "Secret", "Secrets"},
		{"a key like none of ours", `{"AdminApi":{"Certificate":"x"}}`, "AdminApi:Certificate", ""},
		{"in a plugin", plugin("Sha265", `"x"`), "Secrets:Plugins:acme:Sha265", "Secrets:Plugins:acme:Sha256"},
		{"in the retention", `{"IdentityMesh":{"Retention":{"RunHistoryDay":1}}}`, "IdentityMesh:Retention:RunHistoryDay",
			"IdentityMesh:Retention:RunHistoryDays"},
		{"in the product", `{"IdentityMesh":{"SqlConectionString":"canary-7f3a"}}`, "IdentityMesh:SqlConectionString",
			"IdentityMesh:SqlConnectionString"},
		{"in the sign-in by tokens", `{"Authentication":{"Jwt":{"Autority":"x"}}}`, "Authentication:Jwt:Autority", "Authentication:Jwt:Authority"},
		{"a way to sign in that there is not", `{"Authentication":{"Saml":{}}}`, "Authentication:Saml", ""},
		{"in the logging", `{"Logging":{"Colour":1}}`, "Logging:Colour", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, diags, _ := load(t, base(tt.content))
			if len(diags) != 1 || diags.HasErrors() || diags[0].Path != tt.path || strings.Contains(diags[0].String(), "canary") {
				t.Fatalf("got %q, want one warning about %s", diags, tt.path)
			}
			if got := strings.Contains(diags[0].Summary, "did you mean "+tt.like+"?"); got != (tt.like != "") {
				t.Errorf("got %q, want a hint at %q", diags[0], tt.like)
			}
		})
	}
}

func TestSectionsOfOthersAreLeftAlone(t *testing.T) {
	mustLoad(t, base(`{"Serilog":{"A":1,"a":2},"Relay":[],"Authentication":{"Jwt":{"Authority":"<to be set>"},"DefaultScheme":"x","Schemes":{"Bearer":{}}},"Kestrel":1,"AllowedHosts":"*",
		"ConnectionStrings":{"Other":1,"other":2},"Logging":{"LogLevel":{"Default":"x"},"EventLog":{}},"Login":{},"a:b":1}`))
}

func TestAKeyWithColonsIsRefusedWhereItWouldBeMissed(t *testing.T) {
	_, diags, _ := load(t, base(`{"secrets:Provider":"AzureKeyVault"}`))
	if len(diags) != 1 || !diags.HasErrors() || diags[0].Path != "secrets:Provider" {
		t.Errorf("got %q", diags)
	}
}
