package catalog_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
)

var someHash = strings.Repeat("ab", 32)

// choose loads the settings text from a folder that has a lock file, unless lock
// is empty, and chooses.
func choose(t *testing.T, settings, lock string, environ ...string) (catalog.Choice, diag.List) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("appsettings.json", settings)
	if lock != "" {
		write(catalog.LockFile, lock)
	}
	s, problems := appsettings.Load(appsettings.Options{Folder: dir, Environ: environ})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return catalog.Choose(s, catalog.Options{Executable: filepath.Join(dir, "program"), Environ: environ})
}

func goodLock() string {
	platform := runtime.GOOS + "/" + runtime.GOARCH
	return fmt.Sprintf(`{"version":1,"plugins":{
		"dpapi":{"file":"plugin-dpapi","version":"1.2.3","platforms":{%q:{"sha256":%q}}},
		"keyvault":{"file":"plugin-keyvault","version":"1.2.3","platforms":{%q:{"sha256":%q}}}}}`, platform, someHash, platform, someHash)
}

func TestProviderInForce(t *testing.T) {
	acme := fmt.Sprintf(`,"Plugins":{"Acme":{"Path":"acme","Sha256":%q,"Version":"2.0.0","Config":{"Region":"eu"}}}`, someHash)
	cases := []struct {
		name, secrets, provider, plugin string
		fallback                        bool
	}{
		{"unset means DPAPI", `{}`, "DPAPI", "dpapi", false},
		{"blank means DPAPI", `{"Provider":"  "}`, "DPAPI", "dpapi", false},
		{"DPAPI in any case", `{"Provider":"dpapi"}`, "DPAPI", "dpapi", false},
		{"Key Vault in any case", `{"Provider":"azurekeyVAULT"}`, "AzureKeyVault", "keyvault", false},
		{"a configured plugin in any case", `{"Provider":"ACME"` + acme + `}`, "Acme", "", false},
		{"an unknown name falls back to DPAPI", `{"Provider":"Acmee"` + acme + `}`, "DPAPI", "dpapi", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, problems := choose(t, `{"Secrets":`+c.secrets+`}`, goodLock())
			if problems.HasErrors() || got.Problem != nil {
				t.Fatalf("got %v, %v", problems, got.Problem)
			}
			if got.Provider != c.provider || got.Plugin.Name != c.plugin || got.Fallback != c.fallback || got.Plugin.SHA256 != someHash {
				t.Errorf("got %+v", got)
			}
			if warned := len(problems.Warnings()) > 0; warned != c.fallback {
				t.Errorf("warnings: %v", problems)
			}
		})
	}
}

func TestUnknownProviderNamesWhatThereIs(t *testing.T) {
	settings := fmt.Sprintf(`{"Secrets":{"Provider":"Acmee","Plugins":{"Acme":{"Path":"acme","Sha256":%q}}}}`, someHash)
	got, problems := choose(t, settings, goodLock())
	for _, want := range []string{"Secrets:Provider", `"Acmee"`, "appsettings.json", "Acme", "DPAPI"} {
		if !strings.Contains(problems[0].String(), want) {
			t.Errorf("the warning lacks %q: %v", want, problems[0])
		}
	}
	if !strings.Contains(got.Why, `"Acmee"`) {
		t.Errorf("why: %s", got.Why)
	}
}

func TestStrictRefusesAnUnknownProvider(t *testing.T) {
	_, problems := choose(t, `{"Secrets":{"Provider":"Vault","Strict":true}}`, goodLock())
	if err := problems.Err(); err == nil || !strings.Contains(err.Error(), "Secrets:Strict") {
		t.Errorf("got %v", err)
	}
}

func TestDPAPIGetsTheDatabaseAndTheDataFolder(t *testing.T) {
	got, _ := choose(t, `{"IdentityMesh":{"SqlConnectionString":"sqlserver://u:p@h/?database=d","DataFolder":"data","HostKeyWrappedBy":"tpm"}}`, goodLock())
	var config map[string]string
	if err := json.Unmarshal(got.Plugin.Config.Reveal(), &config); err != nil {
		t.Fatal(err)
	}
	if config["SqlConnectionString"] != "sqlserver://u:p@h/?database=d" || filepath.Base(config["DataFolder"]) != "data" ||
		config["HostKeyWrappedBy"] != "tpm" {
		t.Errorf("got %v", config)
	}
	if text := fmt.Sprintf("%+v", got); strings.Contains(text, "u:p@h") {
		t.Errorf("the choice prints the connection string: %s", text)
	}
}

func TestPluginSeesOnlyWhatItsListAllows(t *testing.T) {
	environ := []string{"AZURE_CLIENT_ID=1", "OTEL_SERVICE_NAME=x", "PATH=/bin", "CREDENTIALS_DIRECTORY=/c", "SECRET_TOKEN=no", "TZ=UTC", "MINE=yes", "Secrets__Strict=false"}
	keyVault, _ := choose(t, `{"Secrets":{"Provider":"AzureKeyVault"}}`, goodLock(), environ...)
	if got, want := keyVault.Plugin.Environment, []string{"AZURE_CLIENT_ID=1", "OTEL_SERVICE_NAME=x", "PATH=/bin", "TZ=UTC"}; !slices.Equal(got, want) {
		t.Errorf("Key Vault sees %v, want %v", got, want)
	}
	dpapi, _ := choose(t, `{}`, goodLock(), environ...)
	if got, want := dpapi.Plugin.Environment, []string{"CREDENTIALS_DIRECTORY=/c", "OTEL_SERVICE_NAME=x", "TZ=UTC"}; !slices.Equal(got, want) {
		t.Errorf("DPAPI sees %v, want %v", got, want)
	}
	acme, _ := choose(t, fmt.Sprintf(`{"Secrets":{"Provider":"acme","Plugins":{"acme":{"Path":"a","Sha256":%q,"Environment":["MINE"]}}}}`, someHash), goodLock(), environ...)
	if got, want := acme.Plugin.Environment, []string{"MINE=yes", "OTEL_SERVICE_NAME=x", "TZ=UTC"}; !slices.Equal(got, want) {
		t.Errorf("acme sees %v, want %v", got, want)
	}
}

func TestKeyVaultSeesWhatDecidesItsIdentityAndNothingElse(t *testing.T) {
	var seen, hidden []string
	for _, name := range []string{"APPDATA", "AZURE_ADDITIONALLY_ALLOWED_TENANTS", "AZURE_AUTHORITY_HOST", "AZURE_CLIENT_CERTIFICATE_PASSWORD",
		"AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", "AZURE_CONFIG_DIR",
		"AZURE_FEDERATED_TOKEN_FILE", "AZURE_PASSWORD", "AZURE_REGIONAL_AUTHORITY_NAME", "AZURE_TENANT_ID", "AZURE_TOKEN_CREDENTIALS",
		"AZURE_USERNAME", "DEFAULT_IDENTITY_CLIENT_ID", "HOME", "HTTPS_PROXY", "HTTP_PROXY", "IDENTITY_ENDPOINT", "IDENTITY_HEADER",
		"IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET", "NO_PROXY", "PATH", "ProgramData", "REQUESTS_CA_BUNDLE",
		"SSL_CERT_DIR", "SSL_CERT_FILE", "USERPROFILE", "http_proxy", "https_proxy", "no_proxy"} {
		seen = append(seen, name+"=")
	}
	// Of the product, of other clouds, of loaders, and names that only begin alike.
	for _, name := range []string{"AWS_SECRET_ACCESS_KEY", "AZUREISH", "DEFAULT_IDENTITY", "GODEBUG", "IDENTITYMESH_MARK", "IDENTITY_ENDPOINT_OLD",
		"LD_PRELOAD", "MSI_SECRET_2", "PATH_INFO", "Secrets__KeyVault__VaultUri", "XAZURE_CLIENT_ID", "ConnectionStrings__IdentityMesh"} {
		hidden = append(hidden, name+"=")
	}
	slices.Sort(seen)
	got, _ := choose(t, `{"Secrets":{"Provider":"AzureKeyVault"}}`, goodLock(), append(hidden, seen...)...)
	if !slices.Equal(got.Plugin.Environment, seen) {
		t.Errorf("got  %v\nwant %v", got.Plugin.Environment, seen)
	}
	dpapi, _ := choose(t, `{}`, goodLock(), "AZURE_CLIENT_SECRET=x", "IDENTITY_HEADER=x", "HTTPS_PROXY=x")
	if len(dpapi.Plugin.Environment) != 0 {
		t.Errorf("DPAPI sees %v", dpapi.Plugin.Environment)
	}
	dpapi, _ = choose(t, `{"IdentityMesh":{"SqlConnectionString":"Server=s;Authentication=Active Directory Managed Identity"}}`, goodLock(),
		"AZURE_CLIENT_ID=x", "IDENTITY_HEADER=x", "PATH=x")
	if want := []string{"AZURE_CLIENT_ID=x", "IDENTITY_HEADER=x"}; !slices.Equal(dpapi.Plugin.Environment, want) {
		t.Errorf("DPAPI on a SQL Server with Entra sees %v, want %v", dpapi.Plugin.Environment, want)
	}
}

func TestLockFileThatCannotBeUsedIsAProblemOfThePlugin(t *testing.T) {
	cases := []struct{ name, lock, text string }{
		{"none", "", "does not exist"},
		{"no JSON", "{", "not a lock file"},
		{"another layout", `{"version":2}`, "layout version 2"},
		{"without the plugin", `{"version":1,"plugins":{}}`, "does not list the plugin dpapi"},
		{"without the platform", `{"version":1,"plugins":{"dpapi":{"file":"x","platforms":{}}}}`, runtime.GOOS + "/" + runtime.GOARCH},
		{"a file elsewhere", `{"version":1,"plugins":{"dpapi":{"file":"../x","platforms":{}}}}`, "name without a folder"},
		{"a hash that is none", `{"version":1,"plugins":{"dpapi":{"file":"x","platforms":{"linux/amd64":{"sha256":"abc"}}}}}`, "64 lower-case"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, problems := choose(t, `{}`, c.lock)
			if problems.HasErrors() || got.Problem == nil || !strings.Contains(got.Problem.Error(), c.text) {
				t.Errorf("got %v, problems %v", got.Problem, problems)
			}
		})
	}
}
