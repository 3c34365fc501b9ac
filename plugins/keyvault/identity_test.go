package keyvault_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/identitymesh/identitymesh/plugins/keyvault/credential"
	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func TestEverySourceOfIdentityThatNeedsNoCloudWorks(t *testing.T) {
	principal := map[string]string{"AZURE_TENANT_ID": "{tenant}", "AZURE_CLIENT_ID": "{client}", "AZURE_CLIENT_SECRET": "{secret}"}
	appService := map[string]string{"IDENTITY_ENDPOINT": "{identity}", "IDENTITY_HEADER": "{header}"}
	tests := map[string]struct {
		credential string
		env        map[string]string
		winner     string
	}{
		"a service principal by name":      {"environment", principal, "EnvironmentCredential"},
		"a service principal in the chain": {"default", principal, "EnvironmentCredential"},
		"a managed identity by name":       {"managedIdentity", appService, "ManagedIdentityCredential"},
		"a managed identity in the chain":  {"", appService, "ManagedIdentityCredential"},
		"the chain narrowed by a variable": {"default", map[string]string{"AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
			"IDENTITY_ENDPOINT": "{identity}", "IDENTITY_HEADER": "{header}"}, "ManagedIdentityCredential"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{config: map[string]any{"Credential": tt.credential}, env: tt.env,
				fake: fakevault.Config{Tenant: "00000000-0000-0000-0000-00000000000f", TokenKey: []byte("of every case")}})
			w.mustSet(ref, canary)
			report, err := w.Check(w.ctx())
			if err != nil || !strings.HasPrefix(report.Identity, tt.winner+" (application ") {
				t.Errorf("identity %q, %v", report.Identity, err)
			}
			if strings.Count(w.logs.String(), `"msg":"key vault identity proved"`) != 1 || !strings.Contains(w.logs.String(), tt.winner) {
				t.Errorf("the log does not say once who we are:\n%s", w.logs)
			}
		})
	}
}

func TestWorkloadIdentitySignsInWithTheTokenOfAFile(t *testing.T) {
	// The right content is known only once the fake runs; the SDK reads the file
	// at the first use.
	file := t.TempDir() + "/token"
	if err := os.WriteFile(file, []byte("not yet"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, setting{config: map[string]any{"Credential": "workloadIdentity"}, env: map[string]string{
		"AZURE_TENANT_ID": "{tenant}", "AZURE_CLIENT_ID": "{client}", "AZURE_FEDERATED_TOKEN_FILE": file}})
	if err := os.WriteFile(file, []byte(w.fake.FederatedToken), 0o600); err != nil {
		t.Fatal(err)
	}
	w.mustSet(ref, canary)
}

func TestAUserAssignedIdentityIsAskedForByItsClientID(t *testing.T) {
	const other = "00000000-0000-0000-0000-000000000001"
	for _, credential := range []string{"managedIdentity", "default"} {
		w := newWorld(t, setting{config: map[string]any{"Credential": credential, "ManagedIdentityClientId": other},
			env: map[string]string{"IDENTITY_ENDPOINT": "{identity}", "IDENTITY_HEADER": "{header}"}})
		_, err := w.get(ref)
		wantReason(t, err, fault.AuthFailed, "Identity not found", "no managed identity with the client id that ManagedIdentityClientId names")
		if _, set := os.LookupEnv("AZURE_CLIENT_ID"); set {
			t.Error("AZURE_CLIENT_ID stayed behind")
		}
	}
}

func TestProblemsOfTheEnvironmentAreDiagnostics(t *testing.T) {
	_, problems := tryWorld(t, setting{config: map[string]any{"Credential": "default"}, env: map[string]string{
		"AZURE_CLIENT_ID": "", "AZURE_TENANT_ID": "{tenant}", "AZURE_CLIENT_CERTIFICATE_PATH": "/none.pem", "AZURE_TOKEN_CREDENTIALS": ""}})
	for _, name := range []string{"AZURE_CLIENT_ID", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_TOKEN_CREDENTIALS"} {
		if !slices.ContainsFunc(problems.Errors(), func(p diag.Diagnostic) bool {
			return p.Path == "Credential" && strings.Contains(p.Summary, name) && !strings.Contains(p.String(), "/none.pem")
		}) {
			t.Errorf("no error names %s: %v", name, problems)
		}
	}
}

func TestAWrongClientSecretIsToldInTheWordsOfEntra(t *testing.T) {
	w := newWorld(t, setting{env: map[string]string{"AZURE_TENANT_ID": "{tenant}", "AZURE_CLIENT_ID": "{client}", "AZURE_CLIENT_SECRET": "wrong-" + canary}})
	_, err := w.get(ref)
	f := wantReason(t, err, fault.AuthFailed, "AADSTS7000215", "the client secret is wrong", string(ref))
	if strings.ContainsAny(f.Message, "\r\n\t") || strings.Contains(f.Message, "----") {
		t.Errorf("the message is not one line: %q", f.Message)
	}
	var sdk *azidentity.AuthenticationFailedError
	var ours *credential.Error
	if !errors.As(err, &sdk) || !errors.As(err, &ours) {
		t.Errorf("the chain lacks the error of the SDK or ours: %v", err)
	}
}

func TestASignInServiceThatIsOutOfOrderMayRecover(t *testing.T) {
	w := newWorld(t, setting{})
	w.fake.Fail(fakevault.Answer{Service: "login", Path: "/" + w.fake.Tenant + "/oauth2", Status: 503, Times: 4, Body: `{"error":"temporarily_unavailable"}`,
		Header: map[string]string{"retry-after-ms": "5"}})
	_, err := w.get(ref)
	wantReason(t, err, fault.Unavailable, "access tokens")
}

func TestSigningInIsRepeatedAlsoForAWriteThatIsNot(t *testing.T) {
	w := newWorld(t, setting{})
	w.fake.Fail(fakevault.Answer{Service: "login", Path: "/" + w.fake.Tenant + "/oauth2", Status: 503, Body: `{"error":"temporarily_unavailable"}`,
		Header: map[string]string{"retry-after-ms": "5"}})
	w.mustSet(ref, canary)
}

func TestAVaultOfAnotherTenantNeedsThatTenantToBeAllowed(t *testing.T) {
	const home = "00000000-0000-0000-0000-00000000000a"
	env := map[string]string{"AZURE_TENANT_ID": home, "AZURE_CLIENT_ID": "{client}", "AZURE_CLIENT_SECRET": "{secret}"}
	w := newWorld(t, setting{env: env})
	_, err := w.get(ref)
	wantReason(t, err, fault.AuthFailed, "AdditionallyAllowedTenants", "the vault belongs to another tenant")
	for _, credential := range []string{"environment", "default"} {
		w = newWorld(t, setting{env: env, config: map[string]any{"Credential": credential, "AdditionallyAllowedTenants": "*"}})
		w.mustSet(ref, canary)
	}
}

func TestTheStartSaysWhichVariablesAreSetAndNotWhatTheyHold(t *testing.T) {
	w := newWorld(t, setting{})
	want := `"msg":"key vault provider opened","vault":"contoso-im.vault.azure.net","credential":"EnvironmentCredential","api_version":"2026-04-01",` +
		`"environment_variables":["AZURE_CLIENT_ID","AZURE_CLIENT_SECRET","AZURE_TENANT_ID"]`
	if !strings.Contains(w.logs.String(), want) {
		t.Errorf("no %s in\n%s", want, w.logs)
	}
	w.findNo(w.fake.Tenant, w.fake.ClientID)
}

// TestASignInThatTookTheTimeOfOneCallFailsNobodyElse: the credential gives up
// before its call does, which is no statement about calls with more time.
func TestASignInThatTookTheTimeOfOneCallFailsNobodyElse(t *testing.T) {
	w := newWorld(t, setting{})
	w.fake.Put(fakevault.DefaultHost, nameOf(ref), "dmFsdWU=")
	w.fake.Put(fakevault.DefaultHost, nameOf(ref+"/2"), "dmFsdWU=")
	w.fake.Fail(fakevault.Answer{Service: "login", Path: "/" + w.fake.Tenant + "/oauth2", Hang: true})
	first := make(chan error, 1)
	go func() {
		_, err := w.Get(within(t, time.Second), ref, secret.Current)
		first <- err
	}()
	for len(w.fake.Requests()) < 3 { // the challenge and the way to the token
		time.Sleep(time.Millisecond)
	}
	if _, err := w.Get(w.ctx(), ref+"/2", secret.Current); err != nil {
		t.Errorf("a call with more time: %v", err)
	}
	wantReason(t, w.note(<-first), fault.Timeout, "getting an access token from login.microsoftonline.com")
}
