package e2e_test

import (
	"context"
	"encoding/base64"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	// The plugin is built by the test itself, which go test does not see: without
	// this import it would repeat an old result after the plugin changed.
	_ "github.com/identitymesh/identitymesh/plugins/keyvault"
	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/logtest"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/programtest"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const (
	ref    = secret.Ref("secret://ad/svc/password")
	canary = "Canary-e2e-55d1-Passw0rd!"
)

// vaultOf starts a fake where the real names lead to.
func vaultOf(t *testing.T) *fakevault.Server {
	t.Helper()
	s, err := fakevault.Start(fakevault.Config{Addr: "127.0.0.1:443", PlainAddr: metadataAddress + ":80"})
	if err != nil {
		t.Fatalf("start the fake vault: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// site is a machine on which the product runs.
type site struct {
	t    *testing.T
	fake *fakevault.Server
	logs *logtest.Buffer
	host host.Config
}

func newSite(t *testing.T, s *fakevault.Server, config string, environment ...string) *site {
	t.Helper()
	hash, err := launch.Hash(plugin())
	if err != nil {
		t.Fatal(err)
	}
	dir := programtest.TempDir(t)
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, s.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	logs := &logtest.Buffer{}
	site := &site{t: t, logs: logs, fake: s, host: host.Config{
		Choice: catalog.Choice{Provider: catalog.AzureKeyVault, Plugin: catalog.Plugin{
			Name: "keyvault", Path: plugin(), SHA256: hash, Pin: "the test",
			Config: secret.NewValue([]byte(config)), ConfigPath: "Secrets:KeyVault",
			Environment: append([]string{"SSL_CERT_FILE=" + ca}, environment...),
		}},
		DataFolder: dir, LogLevel: slog.LevelDebug, Tracer: tracenoop.NewTracerProvider(),
		Logger: slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}}
	t.Cleanup(func() {
		site.findNo("the log", logs.String())
		if t.Failed() {
			t.Logf("the log of the host:\n%s", logs.String())
		}
	})
	return site
}

// tokenStart is what every access token of the fake begins with.
var tokenStart = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"`))[:16]

// findNo searches a text for values and for all that proves an identity.
func (s *site) findNo(where, text string) {
	s.t.Helper()
	for _, value := range []string{canary, base64.StdEncoding.EncodeToString([]byte(canary)), tokenStart, passphrase, "PRIVATE KEY",
		s.fake.ClientSecret, s.fake.FederatedToken, s.fake.IdentityHeader, s.fake.ArcKey()} {
		if strings.Contains(text, value) {
			s.t.Errorf("%s holds a secret value", where)
		}
	}
}

func (s *site) ctx() context.Context {
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	s.t.Cleanup(cancel)
	return ctx
}

func (s *site) administrator() *host.Administrator {
	s.t.Helper()
	a, err := host.OpenAdministrator(s.host)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = a.Close() })
	return a
}

func (s *site) resolver() *host.Resolver {
	s.t.Helper()
	r, err := host.OpenResolver(s.host)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = r.Close() })
	return r
}

// roundTrip sets through one process and reads through another.
func (s *site) roundTrip(wantIdentity string) {
	s.t.Helper()
	admin := s.administrator()
	m, err := admin.Set(s.ctx(), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte(canary))})
	if err != nil {
		s.t.Fatalf("set: %v", err)
	}
	got, err := s.resolver().Get(s.ctx(), ref, secret.Current)
	if err != nil {
		s.t.Fatalf("get: %v", err)
	}
	if string(got.Value.Reveal()) != canary || got.Metadata.Version != m.Version || got.Metadata.Name != naming.Name(string(ref)) {
		s.t.Errorf("read %+v, set %+v", got.Metadata, m)
	}
	s.waitForLog(`"msg":"key vault identity proved"`, 2) // one for each process
	report, err := admin.Check(s.ctx())
	if err != nil || report.Target != fakevault.DefaultHost || !strings.HasPrefix(report.Identity, wantIdentity) {
		s.t.Errorf("check: %+v, %v", report, err)
	}
}

// waitForLog waits until the plugins' log has text, and wants it there so often:
// what a plugin writes arrives on its own time.
func (s *site) waitForLog(text string, times int) {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if n := strings.Count(s.logs.String(), text); n == times {
			return
		} else if n > times || time.Now().After(deadline) {
			s.t.Errorf("the log has %q %d times, want %d", text, n, times)
			return
		}
	}
}

const vaultURI = `{"VaultUri":"https://Contoso-IM.vault.azure.net/"}`

func TestClientSecretInTheEnvironment(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	fake := vaultOf(t)
	// The variable would make the SDK write every request to standard error.
	s := newSite(t, fake, vaultURI, append(principal(fake), "AZURE_SDK_GO_LOGGING=all")...)
	s.roundTrip("EnvironmentCredential (application " + fake.ClientID)

	var hosts []string
	for _, r := range fake.Requests() {
		hosts = append(hosts, r.Service+" "+r.Host)
		if r.Service == "identity" {
			t.Errorf("the metadata service was asked: %+v", r)
		}
	}
	for _, want := range []string{"vault contoso-im.vault.azure.net", "login login.microsoftonline.com"} {
		if !strings.Contains(strings.Join(hosts, "\n"), want) {
			t.Errorf("no request to %q among %v", want, hosts)
		}
	}
	if strings.Contains(s.logs.String(), "OUTGOING REQUEST") {
		t.Error("the SDK writes a log of its own")
	}
	for _, want := range []string{"secret written to key vault", naming.Name(string(ref)), `AZURE_CLIENT_SECRET`} {
		if !strings.Contains(s.logs.String(), want) {
			t.Errorf("the log does not say %q", want)
		}
	}
}

func TestARefusalReachesTheHostInTheVaultsOwnWords(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	fake := vaultOf(t)
	s := newSite(t, fake, vaultURI, "AZURE_TENANT_ID="+fake.Tenant, "AZURE_CLIENT_ID="+fake.ClientID, "AZURE_CLIENT_SECRET="+fake.ClientSecret)
	r := s.resolver()
	fake.Fail(fakevault.Answer{Status: 403, Body: fakevault.Refusal("Forbidden", "ForbiddenByRbac", "Caller is not authorized to perform action on resource.")})
	_, err := r.Get(s.ctx(), ref, secret.Current)
	if !fault.Is(err, fault.AccessDenied) || !strings.Contains(err.Error(), "Key Vault Secrets User") ||
		!strings.Contains(err.Error(), "Caller is not authorized to perform action on resource.") {
		t.Errorf("got %v", err)
	}
	// The vault is gone: the call ends by itself and says what it could not reach.
	fake.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_, err = r.Get(ctx, ref, secret.Current)
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
}

func TestAWrongConfigurationIsAStateOfThePlugin(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	s := newSite(t, vaultOf(t), `{"VaultUri":"http://contoso-im.vault.azure.net:8443","Timeout":"soon"}`)
	_, err := s.resolver().Get(s.ctx(), ref, secret.Current)
	for _, want := range []string{"Secrets:KeyVault:VaultUri", "https", "443", "Secrets:KeyVault:Timeout"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
}
