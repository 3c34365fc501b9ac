package settings_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/identitymesh/identitymesh/plugins/keyvault/settings"
	"github.com/identitymesh/identitymesh/sdk/diag"
)

// parse reads config as the SDK does before it opens the provider.
func parse(config []byte) (settings.Settings, diag.List) {
	v, problems := settings.Schema().ReadSettings(config)
	if v == nil {
		return settings.Settings{}, problems
	}
	s, more := settings.From(v)
	return s, append(problems, more...)
}

func TestParseReadsEverySettingInEveryForm(t *testing.T) {
	want := settings.Settings{
		VaultURL:                   "https://contoso-im.vault.azure.net",
		Host:                       "contoso-im.vault.azure.net",
		Credential:                 settings.ManagedIdentity,
		ManagedIdentityClientID:    "11111111-2222-3333-4444-555555555555",
		AdditionallyAllowedTenants: []string{"a.example", "b.example"},
		AuthorityHost:              "https://login.example/",
		DisableInstanceDiscovery:   true,
		APIVersion:                 "7.6",
		Timeout:                    45 * time.Second,
	}
	tests := map[string]string{
		"as JSON types": `{"VaultUri":"https://contoso-im.vault.azure.net/","Credential":"managedIdentity",
			"ManagedIdentityClientId":"11111111-2222-3333-4444-555555555555","AdditionallyAllowedTenants":["a.example","b.example"],
			"AuthorityHost":"https://login.example/","DisableInstanceDiscovery":true,"ApiVersion":"7.6","Timeout":45}`,
		"as texts of environment variables, keys in capitals": `{"VAULTURI":" https://contoso-im.vault.azure.net ","CREDENTIAL":"ManagedIdentityCredential",
			"MANAGEDIDENTITYCLIENTID":"11111111-2222-3333-4444-555555555555","ADDITIONALLYALLOWEDTENANTS":"a.example; b.example;",
			"AUTHORITYHOST":"https://login.example/","DISABLEINSTANCEDISCOVERY":"True","APIVERSION":"7.6","TIMEOUT":"45"}`,
		"with an array made of numbered variables and a .NET time span": `{"VaultUri":"https://contoso-im.vault.azure.net","Credential":"managedidentity",
			"ManagedIdentityClientId":"11111111-2222-3333-4444-555555555555","AdditionallyAllowedTenants":{"1":"b.example","0":"a.example"},
			"AuthorityHost":"https://login.example/","DisableInstanceDiscovery":"1","ApiVersion":"7.6","Timeout":"00:00:45"}`,
	}
	for name, config := range tests {
		t.Run(name, func(t *testing.T) {
			got, problems := parse([]byte(config))
			if len(problems) != 0 {
				t.Fatalf("unexpected diagnostics: %v", problems)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("settings differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseFillsInDefaults(t *testing.T) {
	got, problems := parse([]byte(`{"VaultUri":"https://contoso-im.vault.azure.net","Credential":"","Timeout":null}`))
	if len(problems) != 0 {
		t.Fatalf("unexpected diagnostics: %v", problems)
	}
	want := settings.Settings{VaultURL: "https://contoso-im.vault.azure.net", Host: "contoso-im.vault.azure.net",
		Credential: settings.Default, APIVersion: settings.DefaultAPIVersion, Timeout: time.Minute}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings differ (-want +got):\n%s", diff)
	}
}

func TestVaultUriIsNormalised(t *testing.T) {
	const want = "https://contoso-im.vault.azure.net"
	for name, uri := range map[string]string{
		"with a trailing slash":       "https://contoso-im.vault.azure.net/",
		"with two trailing slashes":   "https://contoso-im.vault.azure.net//",
		"with capitals":               "HTTPS://Contoso-IM.VAULT.azure.net/",
		"with the port of https":      "https://contoso-im.vault.azure.net:443/",
		"with blanks around":          "\t https://contoso-im.vault.azure.net/ ",
		"with a dot that ends a name": "https://contoso-im.vault.azure.net./",
		"with that dot and the port":  "https://contoso-im.vault.azure.net.:443//",
		"with an empty port":          "https://contoso-im.vault.azure.net:/",
	} {
		t.Run(name, func(t *testing.T) {
			got, problems := parse([]byte(`{"VaultUri":` + quote(uri) + `}`))
			if len(problems) != 0 || got.VaultURL != want {
				t.Errorf("got %q with %v, want %q", got.VaultURL, problems, want)
			}
		})
	}
}

func TestSovereignVaultsSignInAtTheirOwnCloud(t *testing.T) {
	for uri, want := range map[string]string{
		"https://contoso.vault.azure.cn":          "https://login.chinacloudapi.cn/",
		"https://contoso.vault.usgovcloudapi.net": "https://login.microsoftonline.us/",
		"https://contoso.vault.azure.net":         "",
	} {
		got, problems := parse([]byte(`{"VaultUri":` + quote(uri) + `}`))
		if len(problems) != 0 || got.CloudAuthority != want {
			t.Errorf("%s: got %q with %v, want %q", uri, got.CloudAuthority, problems, want)
		}
	}
}

func TestEachProblemNamesItsKeyAndWhatIsExpected(t *testing.T) {
	uri := func(u string) string { return `{"VaultUri":` + quote(u) + `}` }
	with := func(rest string) string { return `{"VaultUri":"https://contoso.vault.azure.net",` + rest + `}` }
	tests := map[string]struct {
		config, path, says string
		severity           diag.Severity
	}{
		"no vault":                           {config: `{}`, path: "VaultUri", says: "required"},
		"a null config":                      {config: `null`, path: "", says: "JSON object"},
		"a blank vault":                      {config: uri(" \t"), path: "VaultUri", says: "required"},
		"a vault that is no text":            {config: `{"VaultUri":5}`, path: "VaultUri", says: "expected a text"},
		"plain http":                         {config: uri("http://contoso.vault.azure.net"), path: "VaultUri", says: "https"},
		"no scheme":                          {config: uri("contoso.vault.azure.net"), path: "VaultUri", says: "complete address"},
		"user information":                   {config: uri("https://me:pw@contoso.vault.azure.net"), path: "VaultUri", says: "user name"},
		"a path":                             {config: uri("https://contoso.vault.azure.net/secrets/"), path: "VaultUri", says: "end after the host"},
		"a query":                            {config: uri("https://contoso.vault.azure.net/?a=b"), path: "VaultUri", says: "query"},
		"a fragment":                         {config: uri("https://contoso.vault.azure.net/#"), path: "VaultUri", says: "fragment"},
		"another port":                       {config: uri("https://contoso.vault.azure.net:8443"), path: "VaultUri", says: "443"},
		"an address instead of a name":       {config: uri("https://[::1]/"), path: "VaultUri", says: "IP address"},
		"an IPv4 address":                    {config: uri("https://10.0.0.5/"), path: "VaultUri", says: "IP address"},
		"an address in another notation":     {config: uri("https://0x7f.0.1/"), path: "VaultUri", says: "full name"},
		"an address and the port of https":   {config: uri("https://127.0.0.1:443/"), path: "VaultUri", says: "IP address"},
		"a host in a path's place":           {config: uri("https:///contoso.vault.azure.net"), path: "VaultUri", says: "complete address"},
		"two dots at the end":                {config: uri("https://contoso.vault.azure.net.."), path: "VaultUri", says: "full name"},
		"letters that only look Latin":       {config: uri("https://\u212aontoso.vault.azure.net"), path: "VaultUri", says: "full name"},
		"a host with an escape":              {config: uri("https://contoso%2eevil.vault.example.org"), path: "VaultUri", says: "complete address"},
		"a host that is too long":            {config: uri("https://" + strings.Repeat("a.", 130) + "vault.example.org"), path: "VaultUri", says: "full name"},
		"a single label":                     {config: uri("https://contoso"), path: "VaultUri", says: "full name"},
		"the cloud without a vault":          {config: uri("https://vault.azure.net"), path: "VaultUri", says: "vault name"},
		"two labels before the suffix":       {config: uri("https://a.bcd.vault.azure.net"), path: "VaultUri", says: "vault name"},
		"a managed HSM":                      {config: uri("https://contoso.managedhsm.azure.net"), path: "VaultUri", says: "managed HSM"},
		"a privatelink name":                 {config: uri("https://contoso.privatelink.vaultcore.azure.net"), path: "VaultUri", says: "public name"},
		"a managed HSM of another cloud":     {config: uri("https://contoso.managedhsm.azure.cn:443/"), path: "VaultUri", says: "managed HSM"},
		"the cloud of managed HSMs":          {config: uri("https://managedhsm.azure.net"), path: "VaultUri", says: "managed HSM"},
		"an alias of the private endpoint":   {config: uri("https://contoso.vaultcore.azure.net"), path: "VaultUri", says: "public name"},
		"a privatelink name in capitals":     {config: uri("https://Contoso.PrivateLink.vaultcore.usgovcloudapi.net"), path: "VaultUri", says: "public name"},
		"an unknown cloud":                   {config: uri("https://contoso.vault.example.org"), path: "VaultUri", says: "AuthorityHost", severity: diag.Warning},
		"a key given twice":                  {config: `{"VaultUri":"https://contoso.vault.azure.net","vaulturi":"https://contoso.vault.azure.net"}`, path: "VaultUri", says: "more than once"},
		"an unknown key":                     {config: with(`"VaultUrl":"x"`), path: "VaultUrl", says: "VaultUri", severity: diag.Warning},
		"an unknown credential":              {config: with(`"Credential":"msi"`), path: "Credential", says: "managedIdentity"},
		"a client id that is none":           {config: with(`"ManagedIdentityClientId":"me"`), path: "ManagedIdentityClientId", says: "client id"},
		"a client id without use":            {config: with(`"Credential":"azureCli","ManagedIdentityClientId":"11111111-2222-3333-4444-555555555555"`), path: "ManagedIdentityClientId", says: "no effect", severity: diag.Warning},
		"tenants that are none":              {config: with(`"AdditionallyAllowedTenants":["a b"]`), path: "AdditionallyAllowedTenants", says: "tenant"},
		"tenants of a wrong type":            {config: with(`"AdditionallyAllowedTenants":7`), path: "AdditionallyAllowedTenants", says: "array"},
		"tenants under names":                {config: with(`"AdditionallyAllowedTenants":{"x":"y"}`), path: "AdditionallyAllowedTenants", says: "array"},
		"an authority without https":         {config: with(`"AuthorityHost":"http://login.example"`), path: "AuthorityHost", says: "https"},
		"a flag that is none":                {config: with(`"DisableInstanceDiscovery":"maybe"`), path: "DisableInstanceDiscovery", says: "true or false"},
		"a flag that is an object":           {config: with(`"DisableInstanceDiscovery":{}`), path: "DisableInstanceDiscovery", says: "true or false"},
		"a version that is none":             {config: with(`"ApiVersion":"latest"`), path: "ApiVersion", says: "7.6"},
		"a timeout that is none":             {config: with(`"Timeout":"soon"`), path: "Timeout", says: "30s"},
		"a timeout below the least":          {config: with(`"Timeout":"0s"`), path: "Timeout", says: "from 1s to 10m"},
		"a config that is not a JSON object": {config: `"https://contoso.vault.azure.net"`, path: "", says: "JSON object"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, problems := parse([]byte(tt.config))
			for _, p := range problems {
				if p.Path == tt.path && strings.Contains(p.Summary, tt.says) && p.Severity == tt.severity {
					return
				}
			}
			t.Errorf("no %s at %q that says %q among %v", tt.severity, tt.path, tt.says, problems)
		})
	}
}

func TestAllProblemsAreReportedAtOnceAndNoneRepeatsAValue(t *testing.T) {
	_, problems := parse([]byte(`{"VaultUri":"http://canary-4711:canary-4711@contoso.vault.azure.net:8443/canary-4711?canary-4711",
		"Credential":"canary-4711","Timeout":"canary-4711","ApiVersion":"canary-4711","AuthorityHost":"canary-4711","ManagedIdentityClientId":"canary-4711"}`))
	if got := len(problems.Errors()); got != 10 {
		t.Errorf("got %d errors, want 10: %v", got, problems)
	}
	if strings.Contains(problems.Err().Error(), "canary-4711") {
		t.Errorf("a value is repeated: %v", problems)
	}
}

func FuzzParseNeverPanicsAndNeverAcceptsAnUnsafeAddress(f *testing.F) {
	f.Add(`{"VaultUri":"https://contoso.vault.azure.net/"}`)
	f.Add(`{"VaultUri":"https://a@b:1/?#","AdditionallyAllowedTenants":{"0":"x"},"Timeout":"1:2:3"}`)
	f.Fuzz(func(t *testing.T, config string) {
		s, problems := parse([]byte(config))
		if problems.HasErrors() {
			return
		}
		if s.VaultURL != "https://"+s.Host || strings.ContainsAny(s.Host, "/?#@: ") || s.Host != strings.ToLower(s.Host) {
			t.Errorf("accepted %q as %q", config, s.VaultURL)
		}
	})
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, "\t", `\t`) + `"` }
