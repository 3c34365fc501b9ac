// Package vault calls one Azure Key Vault through the Azure SDK and turns every
// outcome into a typed fault. It stands between us and what the SDK does not
// guard against: foreign hosts and challenges, redirects, blind repetition of
// writes, panics, answers that are not what was asked for or have no end, and many
// callers who begin at once or want the same.
//
// It speaks of names in the vault; mapping refs to names and values to text is
// left to the provider. Start reading at [Client].
package vault

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/Azure/azure-sdk-for-go/sdk/tracing/azotel"
	"go.opentelemetry.io/otel/trace"
)

// Config of a [Client]. All fields but RetryDelay are required.
type Config struct {
	// URL is https:// and Host, nothing behind it.
	URL, Host  string
	APIVersion string
	// Timeout is the most one request may take, repetitions included.
	Timeout    time.Duration
	Credential azcore.TokenCredential
	HTTP       *http.Client
	Tracer     trace.TracerProvider
	Logger     *slog.Logger
	// Application names us in the vault's own log; at most 24 characters.
	Application string
	// RetryDelay is the unit of the waits between tries, 0 for the SDK's 0.8 seconds.
	RetryDelay time.Duration
}

// Client is one vault for the life of the process. It is safe for concurrent use.
type Client struct {
	secrets    *azsecrets.Client
	url, host  string
	timeout    time.Duration
	retryDelay time.Duration
	tracer     trace.Tracer
	logger     *slog.Logger
	gate       gate
	reads      reads
}

// ClientOptions are what every Azure SDK client of this provider has in common.
// The API version is not among them: credentials refuse one.
func ClientOptions(client *http.Client, tracer trace.TracerProvider, application string) azcore.ClientOptions {
	return azcore.ClientOptions{
		Transport:        client,
		TracingProvider:  onlySampled(azotel.NewTracingProvider(tracer, nil)),
		Telemetry:        policy.TelemetryOptions{ApplicationID: application},
		PerRetryPolicies: []policy.Policy{certificatePolicy{}},
	}
}

// New returns a client, without a request.
func New(c Config) (*Client, error) {
	if c.RetryDelay == 0 {
		c.RetryDelay = defaultRetryDelay
	}
	client := &Client{
		url: c.URL, host: c.Host, timeout: c.Timeout, retryDelay: c.RetryDelay, logger: c.Logger,
		tracer: c.Tracer.Tracer("github.com/identitymesh/identitymesh/plugins/keyvault"),
	}
	options := ClientOptions(c.HTTP, c.Tracer, c.Application)
	options.APIVersion = c.APIVersion
	options.PerCallPolicies = []policy.Policy{hostPolicy{c.Host}}
	options.PerRetryPolicies = append(options.PerRetryPolicies, newPacePolicy(), tryPolicy{host: c.Host, gate: &client.gate})
	var err error
	client.secrets, err = azsecrets.NewClient(c.URL, tracedCredential{c.Credential}, &azsecrets.ClientOptions{ClientOptions: options})
	if err != nil {
		return nil, err
	}
	return client, nil
}

// Host of the vault.
func (c *Client) Host() string { return c.host }
