// Package credential proves to Microsoft Entra ID who we are: it makes the
// configured source of tokens from the Azure SDK and can say afterwards which
// identity that turned out to be.
//
// It knows nothing of vaults. Start reading at [New].
package credential

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/identitymesh/identitymesh/plugins/keyvault/settings"
	"github.com/identitymesh/identitymesh/sdk/diag"
)

// Config of a [Credential].
type Config struct {
	Settings settings.Settings
	// Client is used for every request to a token endpoint. It must not set an
	// API version: the identity library refuses that on first use.
	Client azcore.ClientOptions
	// Watch tells which member of the default chain won; may be nil.
	Watch *Watch
}

// Credential is one source of tokens for the life of the process. It is safe for
// concurrent use.
type Credential struct {
	source azcore.TokenCredential
	name   string
	watch  *Watch

	mu     sync.Mutex
	claims claims
	proved bool
}

// New makes the credential that the settings ask for, without a request.
func New(c Config) (*Credential, diag.List) {
	var problems diag.List
	s := c.Settings
	client := c.Client
	if host := authority(s); host != "" {
		client.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: host}
	}
	var source azcore.TokenCredential
	var err error
	name := ""
	switch s.Credential {
	case settings.Environment:
		name = "EnvironmentCredential"
		// The SDK takes extra tenants for this one only from the environment.
		err = withEnvironment("AZURE_ADDITIONALLY_ALLOWED_TENANTS", strings.Join(s.AdditionallyAllowedTenants, ";"), func() (err error) {
			source, err = azidentity.NewEnvironmentCredential(&azidentity.EnvironmentCredentialOptions{
				ClientOptions: client, DisableInstanceDiscovery: s.DisableInstanceDiscovery})
			return err
		})
	case settings.WorkloadIdentity:
		name = "WorkloadIdentityCredential"
		source, err = azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: client, DisableInstanceDiscovery: s.DisableInstanceDiscovery,
			AdditionallyAllowedTenants: s.AdditionallyAllowedTenants})
	case settings.ManagedIdentity:
		name = "ManagedIdentityCredential"
		options := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: client}
		if id := managedIdentityClientID(s); id != "" {
			options.ID = azidentity.ClientID(id)
		}
		source, err = azidentity.NewManagedIdentityCredential(options)
	case settings.AzureCLI:
		name = "AzureCLICredential"
		source, err = azidentity.NewAzureCLICredential(&azidentity.AzureCLICredentialOptions{
			AdditionallyAllowedTenants: s.AdditionallyAllowedTenants})
	default:
		name = "DefaultAzureCredential"
		source, err = newDefault(s, client, &problems)
	}
	if err != nil {
		problems = append(problems, diag.Diagnostic{Path: settings.KeyCredential, Detail: err.Error(),
			Summary: fmt.Sprintf("%s cannot be used with the environment of this process; %s, or choose another credential", name, needs(s.Credential))})
	}
	return &Credential{source: source, name: name, watch: c.Watch}, problems
}

// needs says what a credential reads from the environment.
func needs(c settings.Credential) string {
	switch c {
	case settings.Environment:
		return "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH"
	case settings.WorkloadIdentity:
		return "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE"
	}
	return "check the AZURE_ variables that the log names at the start"
}

// newDefault makes the chain. Its managed identity takes a client id only from
// AZURE_CLIENT_ID, which the service principal of the chain reads as well, so a
// different one there cannot be reconciled.
func newDefault(s settings.Settings, client azcore.ClientOptions, problems *diag.List) (source azcore.TokenCredential, err error) {
	id := s.ManagedIdentityClientID
	if set := os.Getenv("AZURE_CLIENT_ID"); id != "" && set != "" && !strings.EqualFold(set, id) {
		problems.Errorf(settings.KeyManagedIdentityClientID, "differs from the variable AZURE_CLIENT_ID; "+
			"remove one of them, or set %s to %s", settings.KeyCredential, settings.ManagedIdentity)
	}
	err = withEnvironment("AZURE_CLIENT_ID", id, func() (err error) {
		source, err = azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
			ClientOptions: client, DisableInstanceDiscovery: s.DisableInstanceDiscovery,
			AdditionallyAllowedTenants: s.AdditionallyAllowedTenants})
		return err
	})
	return source, err
}

// authority returns the login endpoint to use, empty for the SDK's own choice.
func authority(s settings.Settings) string {
	if s.AuthorityHost == "" && os.Getenv("AZURE_AUTHORITY_HOST") == "" {
		return s.CloudAuthority
	}
	return s.AuthorityHost
}

// managedIdentityClientID falls back to the variable that the default chain
// reads, so that naming the credential does not change the identity.
func managedIdentityClientID(s settings.Settings) string {
	if s.ManagedIdentityClientID != "" {
		return s.ManagedIdentityClientID
	}
	return os.Getenv("AZURE_CLIENT_ID")
}

// Name of the credential as the SDK's documentation calls it.
func (c *Credential) Name() string { return c.name }

// GetToken asks the source for a token. Errors are the SDK's own.
func (c *Credential) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := c.source.GetToken(ctx, options)
	if err == nil {
		claims := claimsOf(token.Token)
		c.mu.Lock()
		c.claims, c.proved = claims, true
		c.mu.Unlock()
	}
	return token, err
}

// Identity says who we turned out to be, in words for operators: the member of
// the chain that won, and the ids under which roles are assigned. Empty before
// the first token.
func (c *Credential) Identity() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.proved {
		return ""
	}
	name := c.name
	if winner := c.watch.winner(c.name); winner != "" {
		name = winner
	}
	if ids := c.claims.String(); ids != "" {
		return name + " (" + ids + ")"
	}
	return name
}
