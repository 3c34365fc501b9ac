package e2e_test

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// proxy is an HTTP proxy that notes what it is asked for.
type proxy struct {
	addr string
	// refuse makes it want credentials.
	refuse bool

	mu    sync.Mutex
	asked []string
}

func newProxy(t *testing.T) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String()}
	server := &http.Server{Handler: p}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return p
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.Method+" "+r.Host)
	p.mu.Unlock()
	if p.refuse || r.Method != http.MethodConnect {
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	out, err := net.Dial("tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer out.Close()
	w.WriteHeader(http.StatusOK)
	in, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer in.Close()
	go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
	_, _ = io.Copy(in, out)
}

// hosts returns for what the proxy was asked, each once.
func (p *proxy) hosts() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Compact(slices.Sorted(slices.Values(p.asked)))
}

func TestProxiesAreForTheVaultAndTheSignInOnly(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	const vault, login = "CONNECT contoso-im.vault.azure.net:443", "CONNECT login.microsoftonline.com:443"
	for name, tt := range map[string]struct {
		environment func(*fakevault.Server) []string
		want        []string
		winner      string
	}{
		"a service principal signs in by the proxy":           {environment: principal, want: []string{vault, login}, winner: environmentWins},
		"the metadata service is asked directly":              {want: []string{vault}, winner: managedWins},
		"and also where it is an exception":                   {environment: func(*fakevault.Server) []string { return []string{"NO_PROXY=169.254.169.254"} }, want: []string{vault}, winner: managedWins},
		"what NO_PROXY names is asked directly":               {environment: func(*fakevault.Server) []string { return []string{"NO_PROXY=.vault.azure.net"} }, winner: managedWins},
		"the endpoint of App Service is asked directly":       {environment: appService, want: []string{vault}, winner: managedWins},
		"a service principal whose sign-in goes past a proxy": {environment: func(f *fakevault.Server) []string { return append(principal(f), "NO_PROXY=login.microsoftonline.com") }, want: []string{vault}, winner: environmentWins},
	} {
		t.Run(name, func(t *testing.T) {
			fake, p := vaultOf(t), newProxy(t)
			environment := []string{"HTTPS_PROXY=http://user:" + passphrase + "@" + p.addr, "HTTP_PROXY=http://" + p.addr}
			if tt.environment != nil {
				environment = append(environment, tt.environment(fake)...)
			}
			newSite(t, fake, vaultURI, environment...).roundTrip(tt.winner)
			if got := p.hosts(); !slices.Equal(got, tt.want) {
				t.Errorf("the proxy was asked for %v, want %v", got, tt.want)
			}
		})
	}
}

func TestAProxyThatRefusesIsNamed(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	fake, p := vaultOf(t), newProxy(t)
	p.refuse = true
	s := newSite(t, fake, short(""), "HTTPS_PROXY=http://user:"+passphrase+"@"+p.addr)
	_, err := s.resolver().Get(s.ctx(), ref, secret.Current)
	if !fault.Is(err, fault.Unavailable, fault.Timeout) || !strings.Contains(err.Error(), "HTTPS_PROXY") {
		t.Fatalf("got %v", err)
	}
	s.findNo("the error", err.Error())
}

func TestTheSignInEndpointCanBeNamed(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	const other = "https://login.microsoft.com/"
	for name, tt := range map[string]struct {
		config, variable string
		// wellKnown is true when the endpoint is looked up where Microsoft keeps them.
		wellKnown bool
	}{
		"by the setting":                      {config: with(`"AuthorityHost":"` + other + `"`), wellKnown: true},
		"by the setting, in a private cloud":  {config: with(`"AuthorityHost":"` + other + `","DisableInstanceDiscovery":true`)},
		"by the variable, in a private cloud": {config: with(`"DisableInstanceDiscovery":true`), variable: other},
		"by the setting before the variable":  {config: with(`"AuthorityHost":"` + other + `","DisableInstanceDiscovery":true`), variable: "http://login.example"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := vaultOf(t)
			environment := principal(fake)
			if tt.variable != "" {
				environment = append(environment, "AZURE_AUTHORITY_HOST="+tt.variable)
			}
			newSite(t, fake, tt.config, environment...).roundTrip(environmentWins)
			named := 0
			for _, r := range fake.Requests() {
				switch {
				case r.Service != "login":
				case r.Host == "login.microsoft.com" && !strings.HasPrefix(r.Path, "/common/discovery"):
					named++
				case !tt.wellKnown || !strings.HasPrefix(r.Path, "/common/discovery"):
					t.Errorf("%s was asked for %s", r.Host, r.Path)
				}
			}
			if named == 0 {
				t.Error("the named endpoint was not asked")
			}
		})
	}
}
