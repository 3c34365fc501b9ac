package vault

import (
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"go.opentelemetry.io/otel/trace"
)

// SignInOptions are those of the clients that ask for tokens. Beside what all
// have in common they put on the trail who is asked, for callers whose time is
// over before the credential itself can tell.
func SignInOptions(client *http.Client, tracer trace.TracerProvider, application string) azcore.ClientOptions {
	options := ClientOptions(client, tracer, application)
	options.PerRetryPolicies = append(options.PerRetryPolicies, signInPolicy{})
	return options
}

type signInPolicy struct{}

func (signInPolicy) Do(r *policy.Request) (*http.Response, error) {
	trailOf(r.Raw().Context()).at(stepToken + " from " + r.Raw().URL.Host)
	return r.Next()
}
