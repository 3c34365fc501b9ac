package credential_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/identitymesh/identitymesh/plugins/keyvault/credential"
	"github.com/identitymesh/identitymesh/plugins/keyvault/settings"
)

// network answers in the place of every token endpoint.
type network func(*http.Request) (*http.Response, error)

func (n network) Do(r *http.Request) (*http.Response, error) { return n(r) }

func answering(status int, body string) network {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{}, Request: r,
			Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func hanging(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// entra answers as Microsoft Entra ID, and refuses with an AADSTS number.
func entra(number string) network {
	return func(r *http.Request) (*http.Response, error) {
		base := "https://" + r.URL.Host + "/" + tenant
		switch {
		case strings.HasPrefix(r.URL.Path, "/common/discovery"):
			return answering(http.StatusOK, `{"tenant_discovery_endpoint":"`+base+`/v2.0/.well-known/openid-configuration","metadata":[
				{"preferred_network":"login.microsoftonline.com","preferred_cache":"login.windows.net","aliases":["login.microsoftonline.com"]}]}`)(r)
		case strings.HasSuffix(r.URL.Path, "/openid-configuration"):
			return answering(http.StatusOK, `{"issuer":"`+base+`/v2.0","token_endpoint":"`+base+`/oauth2/v2.0/token","authorization_endpoint":"`+base+`/authorize"}`)(r)
		}
		return answering(http.StatusBadRequest, `{"error":"invalid_client","error_description":"AADSTS`+number+`: no.","error_codes":[`+number+`]}`)(r)
	}
}

func TestAFailureNamesTheStepAndWhatToDo(t *testing.T) {
	chain, managed := settings.Settings{Credential: settings.Default}, settings.Settings{Credential: settings.ManagedIdentity}
	assigned := settings.Settings{Credential: settings.ManagedIdentity, ManagedIdentityClientID: otherID}
	principal := settings.Settings{Credential: settings.Environment}
	inEnvironment := env{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": clientID, "AZURE_CLIENT_SECRET": canary}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
	federated := env{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": clientID, "AZURE_FEDERATED_TOKEN_FILE": token}
	federatedFar := env{"AZURE_ADDITIONALLY_ALLOWED_TENANTS": "x;" + otherID}
	maps.Copy(federatedFar, federated)
	workload := settings.Settings{Credential: settings.WorkloadIdentity}
	appService := env{"IDENTITY_ENDPOINT": "http://127.0.0.1:41/msi/token", "IDENTITY_HEADER": canary}
	tests := map[string]struct {
		settings settings.Settings
		env      env
		network  network
		tenant   string // of the challenge
		says     string
	}{
		"the metadata service hangs":      {settings: managed, network: hanging, says: "ManagedIdentityCredential: the metadata service (169.254.169.254) did not answer"},
		"the metadata service is broken":  {settings: managed, network: answering(500, "{}"), says: "the metadata service (169.254.169.254) answered 500 Internal Server Error"},
		"the metadata service is missing": {settings: managed, network: answering(404, ""), says: "the metadata service (169.254.169.254) answered 404 Not Found"},
		"the metadata service is a page":  {settings: managed, network: answering(200, "<html>"), says: "gave an answer that holds no token"},
		"an answer without a token":       {settings: managed, network: answering(200, `{"expires_in":"60"}`), says: "gave an answer that holds no token"},
		"no identity of the host":         {settings: managed, network: answering(400, "{}"), says: "has none of this host's own"},
		"no such identity":                {settings: assigned, network: answering(400, "{}"), says: "no managed identity with the client id that ManagedIdentityClientId names"},
		"no such identity in the chain":   {settings: chain, env: env{"AZURE_CLIENT_ID": clientID}, network: answering(400, "{}"), says: "no managed identity with the client id that AZURE_CLIENT_ID names"},
		"App Service hangs":               {settings: managed, env: appService, network: hanging, says: "the identity endpoint of App Service (127.0.0.1:41) did not answer"},
		"the sign-in endpoint hangs":      {settings: principal, env: inEnvironment, network: hanging, says: "EnvironmentCredential: the sign-in endpoint login.microsoftonline.com did not answer"},
		"a wrong secret":                  {settings: principal, env: inEnvironment, network: entra("7000215"), says: "the client secret is wrong; set AZURE_CLIENT_SECRET"},
		"a wrong secret in the chain":     {settings: chain, env: inEnvironment, network: entra("7000215"), says: "DefaultAzureCredential: the client secret is wrong"},
		"an expired secret":               {settings: principal, env: inEnvironment, network: entra("7000222"), says: "the client secret has expired"},
		"an unknown application":          {settings: principal, env: inEnvironment, network: entra("700016"), says: "check AZURE_CLIENT_ID and AZURE_TENANT_ID"},
		"an unknown tenant":               {settings: principal, env: inEnvironment, network: entra("90002"), says: "there is no such tenant"},
		"an unknown certificate or clock": {settings: principal, env: inEnvironment, network: entra("700024"), says: "check its dates and this host's clock"},
		"an unknown federated token":      {settings: principal, env: inEnvironment, network: entra("700213"), says: "compare issuer, subject and audience"},
		"a policy":                        {settings: principal, env: inEnvironment, network: entra("53003"), says: "a conditional access policy forbids"},
		"a number that we do not know":    {settings: principal, env: inEnvironment, network: entra("1"), says: "the sign-in endpoint login.microsoftonline.com answered 400 Bad Request"},
		"another tenant": {settings: principal, env: inEnvironment, network: entra("1"), tenant: otherID,
			says: "the vault belongs to another tenant than this identity; if the application is known there, name that tenant in AdditionallyAllowedTenants"},
		"another tenant that is allowed": {settings: settings.Settings{Credential: settings.Environment, AdditionallyAllowedTenants: []string{otherID}},
			env: inEnvironment, network: entra("90002"), tenant: otherID, says: "there is no such tenant"},
		"another tenant, of workload identity": {settings: workload, env: federated, network: entra("90002"), tenant: otherID,
			says: "the vault belongs to another tenant"},
		"another tenant that a variable allows": {settings: workload, env: federatedFar, network: entra("90002"), tenant: otherID, says: "there is no such tenant"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			clearVariables(t, tt.env)
			cred, problems := credential.New(credential.Config{Settings: tt.settings, Client: azcore.ClientOptions{Transport: tt.network}})
			if problems.HasErrors() {
				t.Fatal(problems)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
			defer cancel()
			_, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://vault.azure.net/.default"}, TenantID: tt.tenant})
			if ctx.Err() != nil {
				t.Error("it came too late for the call to tell it")
			}
			var ours *credential.Error
			if !errors.As(err, &ours) || !strings.Contains(ours.Advice, tt.says) {
				t.Fatalf("got %v, want advice that says %q", err, tt.says)
			}
			if !strings.HasPrefix(err.Error(), ours.Advice+": ") || strings.Contains(err.Error(), canary) || cred.Identity() != "" {
				t.Errorf("got %v as %q", err, cred.Identity())
			}
		})
	}
}
