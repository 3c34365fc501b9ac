package credential

import (
	"net/http"
	"net/url"
	"os"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/managedidentity"
)

// footprint is the last request that was made for a token. When a deadline ends
// a call the identity library often returns a bare context error; this is what
// lets us name the step.
type footprint struct {
	// over is the call's own context error.
	over func() error

	mu   sync.Mutex
	last step
}

type step struct {
	host string // empty: no request was made
	// status of the answer, 0 for none.
	status int
	// abandoned: it failed without an answer while the call had time left. A chain
	// goes on to its next member then.
	abandoned bool
}

type footprintKey struct{}

func (f *footprint) read() step {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// footprintPolicy writes the footprint. It must see every try.
type footprintPolicy struct{}

func (footprintPolicy) Do(r *policy.Request) (*http.Response, error) {
	raw := r.Raw()
	f, ok := raw.Context().Value(footprintKey{}).(*footprint)
	if !ok {
		return r.Next()
	}
	f.mu.Lock()
	f.last = step{host: raw.URL.Host}
	f.mu.Unlock()
	response, err := r.Next()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.last.abandoned = f.over() == nil
		return nil, err
	}
	f.last.status = response.StatusCode
	return response, nil
}

// endpoint is where a managed identity is asked for.
type endpoint struct{ name, host string }

// managedEndpoint is what the identity library chooses by the environment.
func managedEndpoint() endpoint {
	source, err := managedidentity.GetSource()
	if err != nil {
		return endpoint{}
	}
	host := func(variable string) string {
		u, err := url.Parse(os.Getenv(variable))
		if err != nil {
			return ""
		}
		return u.Host
	}
	switch source {
	case managedidentity.AppService:
		return endpoint{"the identity endpoint of App Service", host(varIdentity)}
	case managedidentity.ServiceFabric:
		return endpoint{"the identity endpoint of Service Fabric", host(varIdentity)}
	case managedidentity.AzureArc:
		if isSet(varIdentity) {
			return endpoint{"the Azure Arc agent", host(varIdentity)}
		}
		return endpoint{"the Azure Arc agent", "127.0.0.1:40342"}
	case managedidentity.AzureML, managedidentity.CloudShell:
		return endpoint{"the identity endpoint of " + varLegacy, host(varLegacy)}
	}
	return endpoint{"the metadata service", "169.254.169.254"}
}
