// Package settings reads the provider's configuration, the section
// Secrets:KeyVault of the product: every problem at once, each with the key it is
// about.
//
// It decides what the texts mean and touches neither network nor environment.
// Start reading at [Parse].
package settings

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/sdk/diag"
)

// Keys of the section, as the documentation spells them. They are matched
// without regard to case.
const (
	KeyVaultURI                   = "VaultUri"
	KeyCredential                 = "Credential"
	KeyManagedIdentityClientID    = "ManagedIdentityClientId"
	KeyAdditionallyAllowedTenants = "AdditionallyAllowedTenants"
	KeyAuthorityHost              = "AuthorityHost"
	KeyDisableInstanceDiscovery   = "DisableInstanceDiscovery"
	KeyAPIVersion                 = "ApiVersion"
	KeyTimeout                    = "Timeout"
)

// Credential says which source of identity to use.
type Credential string

const (
	// Default walks the chain of DefaultAzureCredential.
	Default Credential = "default"
	// Environment is a service principal in AZURE_* variables.
	Environment Credential = "environment"
	// WorkloadIdentity is a federated token in a file, as on Kubernetes.
	WorkloadIdentity Credential = "workloadIdentity"
	// ManagedIdentity is the identity that Azure gave to the host.
	ManagedIdentity Credential = "managedIdentity"
	// AzureCLI is the session of "az login".
	AzureCLI Credential = "azureCli"
)

const (
	// DefaultAPIVersion is the version of the service's interface that this
	// provider is tested with.
	DefaultAPIVersion = "2026-04-01"
	// DefaultTimeout leaves room for the waits that the service asks for when it
	// throttles (1, 2, 4, 8 and 16 seconds).
	DefaultTimeout = time.Minute

	minTimeout = time.Second
	maxTimeout = 10 * time.Minute
)

// Settings is a checked configuration.
type Settings struct {
	// VaultURL has the form https://host with a lower-case host and nothing
	// behind it.
	VaultURL string
	// Host is the host of VaultURL.
	Host       string
	Credential Credential
	// ManagedIdentityClientID selects a user-assigned identity; empty for the
	// host's own.
	ManagedIdentityClientID string
	// AdditionallyAllowedTenants are tenants besides the credential's own for
	// which tokens may be requested; "*" stands for any.
	AdditionallyAllowedTenants []string
	// AuthorityHost is the login endpoint; empty to leave it to
	// AZURE_AUTHORITY_HOST, CloudAuthority and the SDK, in this order.
	AuthorityHost string
	// CloudAuthority is the login endpoint of the cloud that the vault's name
	// belongs to; empty for the public cloud and for names we do not know.
	CloudAuthority           string
	DisableInstanceDiscovery bool
	APIVersion               string
	// Timeout is the most that one operation may take, retries included.
	Timeout time.Duration
}

var (
	apiVersionForm = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2}(-preview(\.[0-9]+)?)?|[0-9]\.[0-9])$`)
	tenantForm     = regexp.MustCompile(`^(\*|[0-9A-Za-z.-]+)$`)
	guidForm       = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
)

// Parse reads config, a JSON object. Values may be strings whatever their type,
// because that is all an environment variable can hold. The settings are only
// to be used when the list has no errors. No diagnostic repeats a value.
func Parse(config []byte) (Settings, diag.List) {
	var problems diag.List
	section := readSection(config, &problems)
	s := Settings{
		ManagedIdentityClientID:    section.text(KeyManagedIdentityClientID),
		AdditionallyAllowedTenants: section.list(KeyAdditionallyAllowedTenants),
		DisableInstanceDiscovery:   section.flag(KeyDisableInstanceDiscovery),
		APIVersion:                 section.text(KeyAPIVersion),
		Timeout:                    section.duration(KeyTimeout, DefaultTimeout),
	}
	if uri := section.text(KeyVaultURI); !section.failed[KeyVaultURI] {
		s.VaultURL, s.Host, s.CloudAuthority = vaultURL(uri, &problems)
	}
	s.Credential = credentialNamed(section.text(KeyCredential), &problems)
	s.AuthorityHost = authorityHost(section.text(KeyAuthorityHost), &problems)
	if s.ManagedIdentityClientID != "" && !guidForm.MatchString(s.ManagedIdentityClientID) {
		problems.Errorf(KeyManagedIdentityClientID, "expected the client id of a user-assigned managed identity, "+
			"which has the form 00000000-0000-0000-0000-000000000000")
	}
	if s.ManagedIdentityClientID != "" && s.Credential != Default && s.Credential != ManagedIdentity {
		problems.Warnf(KeyManagedIdentityClientID, "has no effect while %s is %s", KeyCredential, s.Credential)
	}
	for _, tenant := range s.AdditionallyAllowedTenants {
		if !tenantForm.MatchString(tenant) {
			problems.Errorf(KeyAdditionallyAllowedTenants, "expected tenant ids or domain names, or * for any tenant")
			break
		}
	}
	switch {
	case s.APIVersion == "":
		s.APIVersion = DefaultAPIVersion
	case !apiVersionForm.MatchString(s.APIVersion):
		problems.Errorf(KeyAPIVersion, "expected a version of the service such as %s or 7.6", DefaultAPIVersion)
	}
	if s.Timeout < minTimeout || s.Timeout > maxTimeout {
		problems.Errorf(KeyTimeout, "expected a time between %s and %s", minTimeout, maxTimeout)
	}
	section.warnUnknown()
	return s, problems
}

// credentialNamed also takes the names that AZURE_TOKEN_CREDENTIALS uses, which
// are ours with "Credential" behind.
func credentialNamed(text string, problems *diag.List) Credential {
	if text == "" {
		return Default
	}
	name := strings.TrimSuffix(strings.ToLower(text), "credential")
	var known []string
	for _, c := range []Credential{Default, Environment, WorkloadIdentity, ManagedIdentity, AzureCLI} {
		if name == strings.ToLower(string(c)) {
			return c
		}
		known = append(known, string(c))
	}
	problems.Errorf(KeyCredential, "expected one of %s", strings.Join(known, ", "))
	return Default
}

// knownKeys maps the lower-case form of every key to its spelling.
func knownKeys() map[string]string {
	known := map[string]string{}
	for _, key := range []string{KeyVaultURI, KeyCredential, KeyManagedIdentityClientID, KeyAdditionallyAllowedTenants,
		KeyAuthorityHost, KeyDisableInstanceDiscovery, KeyAPIVersion, KeyTimeout} {
		known[strings.ToLower(key)] = key
	}
	return known
}

func spelledKeys() string {
	return strings.Join(slices.Sorted(maps.Values(knownKeys())), ", ")
}
