// Package settings describes the provider's configuration, the section
// Secrets:KeyVault of the product, and turns it into what the provider needs.
//
// It decides what the texts mean and touches neither network nor environment.
// Start reading at [Schema] and [From].
package settings

import (
	"regexp"
	"time"

	"github.com/identitymesh/identitymesh/sdk/configschema"
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

// DefaultAPIVersion is the version of the service's interface that this provider
// is tested with.
const DefaultAPIVersion = "2026-04-01"

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

// Schema describes the section. Its checks see to everything that one key alone
// can have wrong, and repeat no value.
func Schema() configschema.Schema {
	var credentials []string
	synonyms := map[string]string{}
	for _, c := range []Credential{Default, Environment, WorkloadIdentity, ManagedIdentity, AzureCLI} {
		credentials = append(credentials, string(c))
		// The names that AZURE_TOKEN_CREDENTIALS uses.
		synonyms[string(c)+"Credential"] = string(c)
	}
	return configschema.Schema{Fields: []configschema.Field{
		{Key: KeyVaultURI, Type: configschema.Text, Required: true, Example: exampleVault,
			Check: func(text string, problems *diag.List) { vaultURL(text, problems) },
			About: "The vault's address: `https`, the host, nothing behind it. Capitals, blanks around it, a trailing slash and `:443` " +
				"do no harm. Other ports, IP addresses, managed HSMs and `privatelink` names are refused"},
		{Key: KeyCredential, Type: configschema.Enum, Default: string(Default), Values: credentials, Synonyms: synonyms,
			About: "Which identity to use"},
		{Key: KeyManagedIdentityClientID, Type: configschema.Text, Check: form(guidForm,
			"the client id of a user-assigned managed identity, which has the form 00000000-0000-0000-0000-000000000000"),
			About: "Client id of a user-assigned managed identity; the host's own identity when left out"},
		{Key: KeyAdditionallyAllowedTenants, Type: configschema.List, Check: form(tenantForm,
			"tenant ids or domain names, or * for any tenant"),
			About: "Tenants besides the identity's own that it may get tokens for: an array, or one text with `;` between. `*` for any"},
		{Key: KeyAuthorityHost, Type: configschema.Text, Check: checkAuthority,
			About: "Sign-in endpoint. Known for vaults under `.vault.azure.net`, `.vault.azure.cn` and `.vault.usgovcloudapi.net`; " +
				"set it for other clouds. `AZURE_AUTHORITY_HOST` is used when this is unset"},
		{Key: KeyDisableInstanceDiscovery, Type: configschema.Bool, Default: "false",
			About: "`true` only for a private cloud whose sign-in endpoint Microsoft does not know"},
		{Key: KeyAPIVersion, Type: configschema.Text, Default: DefaultAPIVersion, Check: form(apiVersionForm,
			"a version of the service such as "+DefaultAPIVersion+" or 7.6"),
			About: "Version of the service's interface, for a cloud that lags behind"},
		// The default leaves room for the waits that the service asks for when it
		// throttles (1, 2, 4, 8 and 16 seconds).
		{Key: KeyTimeout, Type: configschema.Duration, Default: "60s", Min: "1s", Max: "10m",
			About: "The most one operation may take, waits and repetitions included: seconds, `30s` or `00:00:30`. " +
				"A change that waits for the vault to delete or recover has 120 seconds more"},
	}}
}

func form(form *regexp.Regexp, expected string) func(string, *diag.List) {
	return func(text string, problems *diag.List) {
		if !form.MatchString(text) {
			problems.Errorf("", "expected %s", expected)
		}
	}
}

// From returns the settings that v, read by [Schema], says, and warnings about
// keys that have no effect together.
func From(v *configschema.Values) (Settings, diag.List) {
	s := Settings{
		Credential:                 Credential(v.Text(KeyCredential)),
		ManagedIdentityClientID:    v.Text(KeyManagedIdentityClientID),
		AdditionallyAllowedTenants: v.List(KeyAdditionallyAllowedTenants),
		AuthorityHost:              v.Text(KeyAuthorityHost),
		DisableInstanceDiscovery:   v.Bool(KeyDisableInstanceDiscovery),
		APIVersion:                 v.Text(KeyAPIVersion),
		Timeout:                    v.Duration(KeyTimeout),
	}
	s.VaultURL, s.Host, s.CloudAuthority = vaultURL(v.Text(KeyVaultURI), new(diag.List))
	var problems diag.List
	if s.ManagedIdentityClientID != "" && s.Credential != Default && s.Credential != ManagedIdentity {
		problems.Warnf(KeyManagedIdentityClientID, "has no effect while %s is %s", KeyCredential, s.Credential)
	}
	return s, problems
}
