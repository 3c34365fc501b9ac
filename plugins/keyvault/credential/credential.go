// Package credential proves to Microsoft Entra ID who we are: it makes the
// configured source of tokens from the Azure SDK and can say afterwards which
// identity that turned out to be.
//
// It knows nothing of vaults. Start reading at [New].
package credential

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

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
	// managed is where a managed identity is asked for, clientIDFrom the setting
	// or variable that selects one, empty for the host's own.
	managed      endpoint
	clientIDFrom string
	// home is the tenant that the environment names, tenants are those besides.
	home    string
	tenants []string

	mu     sync.Mutex
	claims claims
	proved bool
}

// Names of the sources, as the identity library and its documentation call them.
const (
	nameDefault     = "DefaultAzureCredential"
	nameEnvironment = "EnvironmentCredential"
	nameWorkload    = "WorkloadIdentityCredential"
	nameManaged     = "ManagedIdentityCredential"
	nameCLI         = "AzureCLICredential"
)

// New makes the credential that the settings ask for, without a request. It
// reports every problem of the environment at once: what it lets pass, the
// identity library would take for "not set up" and go on to another identity.
func New(c Config) (*Credential, diag.List) {
	s := c.Settings
	examined := examine(s)
	problems := examined.problems
	if problems.HasErrors() {
		return nil, problems
	}
	m := maker{settings: s, client: c.Client}
	m.client.PerRetryPolicies = append(slices.Clone(m.client.PerRetryPolicies), footprintPolicy{})
	if host := authority(s); host != "" {
		m.client.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: host}
	}
	out := &Credential{watch: c.Watch, managed: managedEndpoint(), tenants: tenants(s)}
	if examined.environment || examined.workload {
		out.home = os.Getenv(varTenant)
	}
	var err error
	switch s.Credential {
	case settings.Environment:
		out.name = nameEnvironment
		out.source, err = m.environment()
	case settings.WorkloadIdentity:
		out.name = nameWorkload
		out.source, err = m.workload()
	case settings.ManagedIdentity:
		out.name = nameManaged
		out.source, err = m.managed()
	case settings.AzureCLI:
		out.name = nameCLI
		out.source, err = azidentity.NewAzureCLICredential(&azidentity.AzureCLICredentialOptions{AdditionallyAllowedTenants: out.tenants})
	default:
		out.name = nameDefault
		out.source, err = m.chain(examined.managed)
	}
	if err != nil {
		problems = append(problems, diag.Diagnostic{Path: settings.KeyCredential, Detail: err.Error(),
			Summary: out.name + " cannot be used with the environment of this process; correct that, or choose another credential"})
		return nil, problems
	}
	switch {
	case s.ManagedIdentityClientID != "":
		out.clientIDFrom = settings.KeyManagedIdentityClientID
	case isSet(varClient):
		out.clientIDFrom = varClient
	}
	return out, problems
}

// maker makes sources.
type maker struct {
	settings settings.Settings
	client   azcore.ClientOptions
}

func (m maker) environment() (source azcore.TokenCredential, err error) {
	// The SDK takes extra tenants for this one only from the environment.
	err = withEnvironment(varTenants, strings.Join(m.settings.AdditionallyAllowedTenants, ";"), func() (err error) {
		source, err = azidentity.NewEnvironmentCredential(&azidentity.EnvironmentCredentialOptions{
			ClientOptions: m.client, DisableInstanceDiscovery: m.settings.DisableInstanceDiscovery})
		return err
	})
	return source, err
}

func (m maker) workload() (azcore.TokenCredential, error) {
	return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: m.client, DisableInstanceDiscovery: m.settings.DisableInstanceDiscovery,
		AdditionallyAllowedTenants: tenants(m.settings)})
}

func (m maker) managed() (azcore.TokenCredential, error) {
	options := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: m.client}
	if id := managedIdentityClientID(m.settings); id != "" {
		options.ID = azidentity.ClientID(id)
	}
	return azidentity.NewManagedIdentityCredential(options)
}

// chain makes DefaultAzureCredential. It passes over a managed identity that
// cannot be made, so that is tried first; see [examine] for the others.
func (m maker) chain(managed bool) (source azcore.TokenCredential, err error) {
	if managed {
		if _, err := m.managed(); err != nil {
			return nil, err
		}
	}
	err = withEnvironment(varClient, m.settings.ManagedIdentityClientID, func() (err error) {
		source, err = azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
			ClientOptions: m.client, DisableInstanceDiscovery: m.settings.DisableInstanceDiscovery,
			AdditionallyAllowedTenants: m.settings.AdditionallyAllowedTenants})
		return err
	})
	return source, err
}

// tenants falls back to the variable that the default chain reads, so that
// naming the credential does not change what it may do.
func tenants(s settings.Settings) []string {
	if len(s.AdditionallyAllowedTenants) > 0 || !isSet(varTenants) {
		return s.AdditionallyAllowedTenants
	}
	return strings.Split(os.Getenv(varTenants), ";")
}

// authority returns the login endpoint to use, empty for the SDK's own choice.
func authority(s settings.Settings) string {
	if s.AuthorityHost == "" && os.Getenv(varAuthority) == "" {
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
	return os.Getenv(varClient)
}

// Name of the credential as the SDK's documentation calls it.
func (c *Credential) Name() string { return c.name }

// GetToken asks the source for a token. A failure is an [*Error], with the
// SDK's own in its chain; it comes a little before the deadline of ctx.
func (c *Credential) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	ctx, cancel := early(ctx)
	defer cancel()
	prints := &footprint{over: ctx.Err}
	token, err := c.source.GetToken(context.WithValue(ctx, footprintKey{}, prints), options)
	if err == nil && token.Token == "" {
		err = errNoToken
	}
	if err != nil {
		return azcore.AccessToken{}, c.explain(ctx, options.TenantID, prints.read(), err)
	}
	claims := claimsOf(token.Token)
	c.mu.Lock()
	c.claims, c.proved = claims, true
	c.mu.Unlock()
	return token, nil
}

// early leaves of the deadline what it takes to tell what failed. The identity
// library gives a command that it kills 100 ms to let go of its output.
func early(ctx context.Context) (context.Context, context.CancelFunc) {
	const margin = 500 * time.Millisecond
	deadline, has := ctx.Deadline()
	if !has {
		return ctx, func() {}
	}
	left := time.Until(deadline)
	return context.WithTimeout(ctx, left-min(margin, left/4))
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
