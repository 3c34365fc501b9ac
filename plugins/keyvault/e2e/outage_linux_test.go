package e2e_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// outage is a host on which no token can be had.
type outage struct {
	// set prepares the fake, and returns configuration and environment.
	set    func(*testing.T, *fakevault.Server) (config string, environment []string)
	reason fault.Reason
	// says are parts of the text that the operator gets.
	says []string
	// within bounds the call; 0 for a second less than it may take.
	within time.Duration
}

// limit is the Timeout of the configurations of outages.
const limit = 1500 * time.Millisecond

// short is a configuration with that limit that says more.
func short(more string) string {
	if more != "" {
		more = "," + more
	}
	return `{"VaultUri":"https://contoso-im.vault.azure.net","Timeout":"1500ms"` + more + `}`
}

const (
	managedByName = `"Credential":"managedIdentity"`
	cliByName     = `"Credential":"azureCli"`
	servicePrinc  = `"Credential":"environment"`
)

func suffer(t *testing.T, tests map[string]outage) {
	t.Helper()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fake := vaultOf(t)
			config, environment := tt.set(t, fake)
			s := newSite(t, fake, config, environment...)
			r := s.resolver()
			start := time.Now()
			_, err := r.Get(s.ctx(), ref, secret.Current)
			took := time.Since(start)
			if !fault.Is(err, tt.reason) {
				t.Errorf("want %s, got %v", tt.reason, err)
			}
			text := ""
			if err != nil {
				text = err.Error()
			}
			for _, want := range append(tt.says, string(ref)) {
				if !strings.Contains(text, want) {
					t.Errorf("the error does not say %q: %s", want, text)
				}
			}
			s.findNo("the error", text)
			within := tt.within
			if within == 0 {
				within = limit
			}
			// Starting the plugin is part of the first call.
			if took > within+4*time.Second {
				t.Errorf("the call took %s", took)
			}
			for _, r := range fake.Requests() {
				if r.Service == "vault" && r.HasToken {
					t.Error("the vault got a token")
				}
			}
		})
	}
}

// never answers any request for a managed identity; it hangs.
func never(f *fakevault.Server) {
	f.Fail(fakevault.Answer{Service: "identity", Hang: true, Times: 99})
}

// always answers every request to a service so.
func always(f *fakevault.Server, service string, status int, body string) {
	f.Fail(fakevault.Answer{Service: service, Path: map[string]string{"login": "/" + f.Tenant + "/oauth2"}[service], Status: status, Times: 99, Body: body})
}

// refusal is how Microsoft Entra ID says no.
func refusal(number int, text string) string {
	body, _ := json.Marshal(map[string]any{"error": "invalid_client", "error_description": text, "error_codes": []int{number}})
	return string(body)
}

func TestAManagedIdentityThatFailsIsNamed(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	only := func(config string, fail func(*fakevault.Server), environment ...string) func(*testing.T, *fakevault.Server) (string, []string) {
		return func(_ *testing.T, f *fakevault.Server) (string, []string) {
			fail(f)
			return config, environment
		}
	}
	answering := func(status int) func(*fakevault.Server) {
		return func(f *fakevault.Server) { always(f, "identity", status, `{"error":"server_error"}`) }
	}
	const where = "ManagedIdentityCredential: the metadata service (169.254.169.254) "
	suffer(t, map[string]outage{
		"the metadata service hangs": {set: only(short(managedByName), never), reason: fault.Timeout,
			says: []string{"getting an access token", where + "did not answer", "Credential"}},
		"the metadata service hangs, in a narrowed chain": {set: only(short(""), never, "AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential"), reason: fault.Timeout,
			says: []string{"getting an access token", where + "did not answer"}},
		"the metadata service hangs after the probe of the chain": {reason: fault.Timeout, says: []string{"getting an access token", where + "did not answer"},
			set: only(short(""), func(f *fakevault.Server) {
				f.Fail(fakevault.Answer{Service: "identity", Status: http.StatusBadRequest})
				never(f)
			})},
		"the metadata service is out of order": {set: only(short(managedByName), answering(http.StatusInternalServerError)), reason: fault.Timeout,
			says: []string{"getting an access token", where + "answered 500 Internal Server Error"}},
		"the metadata service is out of order, in the chain": {set: only(short(""), answering(http.StatusInternalServerError)), reason: fault.Timeout,
			says: []string{where + "answered 500 Internal Server Error"}},
		"the metadata service knows nothing": {set: only(short(managedByName), answering(http.StatusNotFound)), reason: fault.Timeout,
			says: []string{where + "answered 404 Not Found"}},
		"a proxy answers in its place": {set: only(short(managedByName), func(f *fakevault.Server) { always(f, "identity", http.StatusOK, "<html>Welcome</html>") }),
			reason: fault.AuthFailed, says: []string{where + "gave an answer that holds no token"}},
		"an answer without a token": {set: only(short(managedByName), func(f *fakevault.Server) { always(f, "identity", http.StatusOK, `{"expires_in":"3600"}`) }),
			reason: fault.AuthFailed, says: []string{where + "gave an answer that holds no token"}},
		"the host has no identity of its own": {set: only(short(managedByName), answering(http.StatusBadRequest)), reason: fault.AuthFailed,
			says: []string{where + "has none of this host's own", "ManagedIdentityClientId"}},
		"a leftover client id, in the chain": {set: only(short(""), func(*fakevault.Server) {}, "AZURE_CLIENT_ID=00000000-0000-0000-0000-00000000000b"),
			reason: fault.AuthFailed, says: []string{"no managed identity with the client id that AZURE_CLIENT_ID names"}},
		"a leftover client id, by name": {set: only(short(managedByName), func(*fakevault.Server) {}, "AZURE_CLIENT_ID=00000000-0000-0000-0000-00000000000b"),
			reason: fault.AuthFailed, says: []string{"no managed identity with the client id that AZURE_CLIENT_ID names"}},
		"a setting that names another's identity": {set: only(short(managedByName+`,"ManagedIdentityClientId":"00000000-0000-0000-0000-00000000000b"`), func(*fakevault.Server) {}),
			reason: fault.AuthFailed, says: []string{"no managed identity with the client id that ManagedIdentityClientId names"}},
		"App Service with a wrong header": {reason: fault.AuthFailed, says: []string{"the identity endpoint of App Service", "has none of this host's own"},
			set: func(_ *testing.T, f *fakevault.Server) (string, []string) {
				return short(managedByName), []string{"IDENTITY_ENDPOINT=" + f.IdentityEndpoint(), "IDENTITY_HEADER=wrong-" + passphrase}
			}},
		"Azure Arc with a key that may not be read": {reason: fault.AuthFailed, says: []string{"the Azure Arc agent", "group himds"},
			set: func(t *testing.T, f *fakevault.Server) (string, []string) {
				environment := arc(t, f)
				if err := os.Remove(fakevault.ArcKeyFile); err != nil { // root may read all that is there
					t.Fatal(err)
				}
				return short(managedByName), environment
			}},
	})
}

func TestWithoutTheMetadataServiceTheNextStepIsNamed(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	// Nothing listens at the address of the metadata service.
	fake, err := fakevault.Start(fakevault.Config{Addr: "127.0.0.1:443"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	for name, tt := range map[string]struct {
		config string
		reason fault.Reason
		says   []string
	}{
		"by name":      {short(managedByName), fault.Timeout, []string{"ManagedIdentityCredential: the metadata service (169.254.169.254) did not answer"}},
		"in the chain": {short(""), fault.AuthFailed, []string{"DefaultAzureCredential: give this host a managed identity", "AzureCLICredential"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, fake, tt.config, "PATH="+t.TempDir())
			_, err := s.resolver().Get(s.ctx(), ref, secret.Current)
			if !fault.Is(err, tt.reason) {
				t.Errorf("want %s, got %v", tt.reason, err)
			}
			for _, want := range tt.says {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
		})
	}
}

func TestAnAzureCLIThatFailsIsNamed(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	script := func(config, script string) func(*testing.T, *fakevault.Server) (string, []string) {
		return func(t *testing.T, f *fakevault.Server) (string, []string) {
			never(f)
			return config, []string{az(t, script)}
		}
	}
	const signedOut = "echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1\n"
	suffer(t, map[string]outage{
		"az hangs": {set: script(short(cliByName), "exec sleep 60\n"), reason: fault.Timeout,
			says: []string{"getting an access token", "AzureCLICredential: the command az did not answer in time", "az account get-access-token"}},
		// The metadata service takes a second of the three before.
		"az hangs, in the chain": {set: script(`{"VaultUri":"https://contoso-im.vault.azure.net","Timeout":"3s"}`, "exec sleep 60\n"),
			reason: fault.Timeout, within: 3 * time.Second,
			says: []string{"getting an access token", "Azure CLI", "AzureCLICredential"}},
		"az is signed out": {set: script(short(cliByName), signedOut), reason: fault.AuthFailed, within: time.Second,
			says: []string{"AzureCLICredential: the command az gave no token", "run az login", "Please run 'az login'"}},
		"az is signed out, in the chain": {set: script(with(`"Credential":"default"`), signedOut), reason: fault.AuthFailed,
			says: []string{"DefaultAzureCredential: give this host a managed identity", "Please run 'az login'", "managed identity timed out"}},
		"az prints something else": {set: script(short(cliByName), "echo WARNING: update available\n"), reason: fault.AuthFailed, within: time.Second,
			says: []string{"AzureCLICredential: the command az gave no token"}},
		"az is not there": {reason: fault.AuthFailed, within: time.Second, says: []string{"AzureCLICredential: the command az is not on the PATH", "install the Azure CLI"},
			set: func(t *testing.T, _ *fakevault.Server) (string, []string) {
				return short(cliByName), []string{"PATH=" + t.TempDir()}
			}},
		"az is not there, and all else that is set up is not asked": {reason: fault.AuthFailed, within: time.Second, says: []string{"the command az is not on the PATH"},
			set: func(t *testing.T, f *fakevault.Server) (string, []string) {
				return short(cliByName), append(principal(f), "PATH="+t.TempDir())
			}},
	})
}

func TestAServicePrincipalThatFailsIsNamed(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	refused := func(number int, text string) func(*testing.T, *fakevault.Server) (string, []string) {
		return func(_ *testing.T, f *fakevault.Server) (string, []string) {
			always(f, "login", http.StatusUnauthorized, refusal(number, text))
			return short(servicePrinc), principal(f)
		}
	}
	suffer(t, map[string]outage{
		"a wrong secret": {reason: fault.AuthFailed, says: []string{"EnvironmentCredential: the client secret is wrong", "AZURE_CLIENT_SECRET", "AADSTS7000215"},
			set: func(_ *testing.T, f *fakevault.Server) (string, []string) {
				return short(servicePrinc), append(principal(f), "AZURE_CLIENT_SECRET=wrong-"+passphrase)
			}},
		"a wrong secret, in a chain with a managed identity behind it": {reason: fault.AuthFailed, says: []string{"DefaultAzureCredential: the client secret is wrong", "AADSTS7000215"},
			set: func(t *testing.T, f *fakevault.Server) (string, []string) {
				return short(""), append(principal(f), "AZURE_CLIENT_SECRET=wrong-"+passphrase, az(t, signedIn(f)))
			}},
		"a secret that has expired": {reason: fault.AuthFailed, says: []string{"the client secret has expired", "AADSTS7000222"},
			set: refused(7000222, "AADSTS7000222: The provided client secret keys for app are expired.")},
		"an application that the tenant does not know": {reason: fault.AuthFailed, says: []string{"AZURE_CLIENT_ID", "AADSTS700016"},
			set: func(_ *testing.T, f *fakevault.Server) (string, []string) {
				return short(servicePrinc), append(principal(f), "AZURE_CLIENT_ID=00000000-0000-0000-0000-00000000000b")
			}},
		"a certificate that the application does not know": {reason: fault.AuthFailed, says: []string{"does not accept the certificate", "AADSTS700027"},
			set: func(t *testing.T, f *fakevault.Server) (string, []string) {
				old := certificate(t, f)
				certificate(t, f) // takes its place
				return short(""), withCertificate(f, old)
			}},
		"a federated token of somebody else": {reason: fault.AuthFailed, says: []string{"AZURE_FEDERATED_TOKEN_FILE", "AADSTS700213"},
			set: func(t *testing.T, f *fakevault.Server) (string, []string) {
				return short(`"Credential":"workloadIdentity"`), append(workload(t, f),
					"AZURE_FEDERATED_TOKEN_FILE="+write(t, "token", passphrase, 0o600))
			}},
		"a vault of another tenant": {reason: fault.AuthFailed, says: []string{"the vault belongs to another tenant", "AdditionallyAllowedTenants"},
			set: func(_ *testing.T, f *fakevault.Server) (string, []string) {
				return short(""), append(principal(f), "AZURE_TENANT_ID=00000000-0000-0000-0000-00000000000a")
			}},
		"a sign-in endpoint that hangs": {reason: fault.Timeout, says: []string{"getting an access token", "the sign-in endpoint login.microsoftonline.com did not answer"},
			set: func(_ *testing.T, f *fakevault.Server) (string, []string) {
				f.Fail(fakevault.Answer{Service: "login", Hang: true, Times: 99})
				return short(servicePrinc), principal(f)
			}},
	})
}

// TestNoOtherIdentityTakesThePlaceOfOneThatIsHalfSet: a managed identity and an
// Azure CLI that work are there, and neither is asked.
func TestNoOtherIdentityTakesThePlaceOfOneThatIsHalfSet(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	for name, tt := range map[string]struct {
		environment func(*fakevault.Server) []string
		says        []string
	}{
		"an empty client id":        {func(*fakevault.Server) []string { return []string{"AZURE_CLIENT_ID="} }, []string{"AZURE_CLIENT_ID is set but empty"}},
		"an empty choice":           {func(*fakevault.Server) []string { return []string{"AZURE_TOKEN_CREDENTIALS="} }, []string{"AZURE_TOKEN_CREDENTIALS is set but empty"}},
		"a principal without an id": {func(f *fakevault.Server) []string { return principal(f)[2:] }, []string{"set AZURE_TENANT_ID, AZURE_CLIENT_ID, or unset AZURE_CLIENT_SECRET"}},
		"a certificate that is not there": {func(f *fakevault.Server) []string { return withCertificate(f, "/"+passphrase) },
			[]string{"AZURE_CLIENT_CERTIFICATE_PATH names cannot be read"}},
		"a token file that is not there": {func(f *fakevault.Server) []string {
			return []string{"AZURE_TENANT_ID=" + f.Tenant, "AZURE_CLIENT_ID=" + f.ClientID, "AZURE_FEDERATED_TOKEN_FILE=/" + passphrase}
		}, []string{"AZURE_FEDERATED_TOKEN_FILE names cannot be read"}},
		"several of them": {func(f *fakevault.Server) []string {
			return []string{"AZURE_CLIENT_ID=", "AZURE_CLIENT_SECRET=" + f.ClientSecret, "IDENTITY_HEADER=" + f.IdentityHeader}
		}, []string{"AZURE_CLIENT_ID is set but empty", "set AZURE_TENANT_ID", "IDENTITY_HEADER"}},
	} {
		t.Run(name, func(t *testing.T) {
			fake := vaultOf(t)
			mark := filepath.Join(t.TempDir(), "az-ran")
			s := newSite(t, fake, vaultURI, append(tt.environment(fake), az(t, "touch "+mark+"\n"+signedIn(fake)))...)
			_, err := s.resolver().Get(s.ctx(), ref, secret.Current)
			if !fault.Is(err, fault.ConfigInvalid) {
				t.Fatalf("got %v", err)
			}
			for _, want := range append(tt.says, "Secrets:KeyVault:Credential") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
			s.findNo("the error", err.Error())
			if n := len(fake.Requests()); n != 0 {
				t.Errorf("%d requests were made", n)
			}
			if _, err := os.Stat(mark); err == nil {
				t.Error("az was run")
			}
		})
	}
}

// TestACallerWithLessTimeIsToldTheStepToo: the credential would have more time
// than this caller has, and knows nothing of him.
func TestACallerWithLessTimeIsToldTheStepToo(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	fake := vaultOf(t)
	never(fake)
	s := newSite(t, fake, with(managedByName))
	r := s.resolver()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	_, err := r.Get(ctx, ref, secret.Current)
	if !fault.Is(err, fault.Timeout) || !strings.Contains(err.Error(), "getting an access token from 169.254.169.254") {
		t.Errorf("got %v", err)
	}
}
