// Package keyvault is the secret provider for Azure Key Vault: it maps refs to
// names, values to Base64, and the vault's tags and attributes to metadata.
//
// Settings, credential and the guarded client are rooms of their own below it;
// the plugin machinery is the SDK's. Start reading at [Define] and [Provider].
package keyvault

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/credential"
	"github.com/identitymesh/identitymesh/plugins/keyvault/settings"
	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

// MaxValueBytes is the largest value: the service takes 25 KB of text, and that
// many Base64 characters hold this many bytes.
const MaxValueBytes = 19_200

// setsPerSecond is what the service allows for setting, 300 in ten seconds. Other calls
// may be 4,000, and package vault keeps to both.
const setsPerSecond = 30

// Options of the provider that no configuration sets.
type Options struct {
	// Version of this build, for the vault's logs too.
	Version string
	// Watch tells which credential of a chain won; may be nil.
	Watch *credential.Watch
	// Network is the real one when zero.
	Network vault.Network
	// Now is the clock of the tags; nil for time.Now.
	Now func() time.Time
	// RetryDelay is the unit of the waits between tries; 0 for the SDK's 0.8 seconds.
	RetryDelay time.Duration
	// Sleep waits for the vault to finish what it does with a secret, or until the
	// context ends; nil for a timer.
	Sleep func(context.Context, time.Duration) error
}

// Define returns the definition that a plugin's main serves.
func Define(o Options) provider.Definition[*Provider] {
	return provider.Definition[*Provider]{
		Name: "keyvault", Version: o.Version,
		Traits: provider.Traits{ListComplete: true, SoftDelete: true, Expiry: true, Tags: true},
		Schema: settings.Schema(),
		Limits: provider.Limits{MaxValueBytes: MaxValueBytes, CallsPerSecond: setsPerSecond},
		Open: func(ctx context.Context, env provider.Environment) (*Provider, diag.List) {
			return open(ctx, o, env)
		},
	}
}

// Provider serves the secrets of one vault. It is safe for concurrent use.
type Provider struct {
	vault      *vault.Client
	credential *credential.Credential
	timeout    time.Duration
	instance   string
	now        func() time.Time
	logger     *slog.Logger
	sleep      func(context.Context, time.Duration) error
	close      func()
	identified atomic.Bool
	warned     warnings

	stampLock sync.Mutex
	stamped   time.Time
}

func open(ctx context.Context, o Options, env provider.Environment) (*Provider, diag.List) {
	s, problems := settings.From(env.Settings)
	application := "identitymesh/" + o.Version
	http := vault.NewHTTPClient(o.Network)
	cred, more := credential.New(credential.Config{
		Settings: s, Watch: o.Watch, Client: vault.SignInOptions(http, env.Tracer, application),
	})
	problems.Append("", more)
	if problems.HasErrors() {
		return nil, problems
	}
	client, err := vault.New(vault.Config{
		URL: s.VaultURL, Host: s.Host, APIVersion: s.APIVersion, Timeout: s.Timeout, Credential: cred, HTTP: http,
		Tracer: env.Tracer, Logger: env.Logger, Application: application, RetryDelay: o.RetryDelay,
	})
	if err != nil {
		problems.Errorf(settings.KeyVaultURI, "the Azure SDK refuses the settings: %v", err)
		return nil, problems
	}
	p := &Provider{
		vault: client, credential: cred, timeout: s.Timeout, instance: instance(), now: o.Now, sleep: o.Sleep, logger: env.Logger,
		close: http.CloseIdleConnections,
	}
	if p.now == nil {
		p.now = time.Now
	}
	if p.sleep == nil {
		p.sleep = sleep
	}
	env.Logger.InfoContext(ctx, "key vault provider opened", keyVault, s.Host, keyCredential, cred.Name(),
		keyAPIVersion, s.APIVersion, keyVariables, credential.Variables(os.Environ()))
	return p, problems
}

// Keys of our own log lines, beside those of the SDK's telemetry package.
const (
	keyVault      = "vault"
	keyCredential = "credential"
	keyAPIVersion = "api_version"
	keyVariables  = "environment_variables"
	keyIdentity   = "identity"
)

// instance names this host in the tags of what it writes, empty when it has no
// name.
func instance() string {
	name, err := os.Hostname()
	if err != nil || len(name) > maxTag {
		return ""
	}
	return name
}

// Close drops idle connections. Calls under way are not affected.
func (p *Provider) Close() error {
	p.close()
	return nil
}

// bounded gives an operation of several requests the configured time.
func (p *Provider) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, p.timeout)
}

// identify logs, once, who we turned out to be.
func (p *Provider) identify(ctx context.Context) {
	if p.identified.Load() {
		return
	}
	if id := p.credential.Identity(); id != "" && p.identified.CompareAndSwap(false, true) {
		p.logger.InfoContext(ctx, "key vault identity proved", keyVault, p.vault.Host(), keyIdentity, id)
	}
}

var (
	_ provider.Provider  = (*Provider)(nil)
	_ provider.Lister    = (*Provider)(nil)
	_ provider.Versioner = (*Provider)(nil)
	_ provider.Writer    = (*Provider)(nil)
	_ provider.Recoverer = (*Provider)(nil)
	_ provider.Checker   = (*Provider)(nil)
)
