package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
)

// passphrase protects the certificate of the tests.
const passphrase = "canary-e2e-passphrase"

// with returns a configuration of the vault that says more.
func with(more string) string {
	return `{"VaultUri":"https://contoso-im.vault.azure.net","Timeout":"20s",` + more + `}`
}

func principal(f *fakevault.Server) []string {
	return []string{"AZURE_TENANT_ID=" + f.Tenant, "AZURE_CLIENT_ID=" + f.ClientID, "AZURE_CLIENT_SECRET=" + f.ClientSecret}
}

// write puts a file into a folder of the test's own.
func write(t *testing.T, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// az puts a command az that runs a script before everything else on the PATH.
func az(t *testing.T, script string) string {
	t.Helper()
	return "PATH=" + filepath.Dir(write(t, "az", "#!/bin/sh\n"+script, 0o700)) + ":/usr/bin:/bin"
}

// signedIn is what az prints after az login.
func signedIn(f *fakevault.Server) string {
	return fmt.Sprintf("printf '%%s' '{\"accessToken\":\"%s\",\"expires_on\":%d,\"tokenType\":\"Bearer\"}'\n", f.CLIToken(), time.Now().Add(time.Hour).Unix())
}

func certificate(t *testing.T, f *fakevault.Server) string {
	t.Helper()
	content, err := f.IssueCertificate(f.ClientID)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "certificate.pem", string(content), 0o600)
}

func withCertificate(f *fakevault.Server, path string) []string {
	return []string{"AZURE_TENANT_ID=" + f.Tenant, "AZURE_CLIENT_ID=" + f.ClientID, "AZURE_CLIENT_CERTIFICATE_PATH=" + path}
}

// pkcs12 makes a file as the openssl of today does when it is asked for the old
// algorithms; see docs/operate/secrets-keyvault.md.
func pkcs12(t *testing.T, pem string) string {
	t.Helper()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("openssl is missing")
		}
		t.Skip("SKIPPED: openssl, which makes the PKCS #12 file, is not on the PATH")
	}
	out := filepath.Join(t.TempDir(), "certificate.pfx")
	cmd := exec.Command(openssl, "pkcs12", "-export", "-in", pem, "-out", out, "-passout", "pass:"+passphrase,
		"-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl: %v\n%s", err, text)
	}
	return out
}

func workload(t *testing.T, f *fakevault.Server) []string {
	return []string{"AZURE_TENANT_ID=" + f.Tenant, "AZURE_CLIENT_ID=" + f.ClientID,
		"AZURE_FEDERATED_TOKEN_FILE=" + write(t, "token", f.FederatedToken, 0o600)}
}

func appService(f *fakevault.Server) []string {
	return []string{"IDENTITY_ENDPOINT=" + f.IdentityEndpoint(), "IDENTITY_HEADER=" + f.IdentityHeader}
}

func arc(t *testing.T, f *fakevault.Server) []string {
	t.Helper()
	if err := os.WriteFile(fakevault.ArcKeyFile, []byte(f.ArcKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"IDENTITY_ENDPOINT=" + f.ArcEndpoint(), "IMDS_ENDPOINT=http://169.254.169.254"}
}

// userAssigned gives the host a second identity.
func userAssigned(f *fakevault.Server) string {
	id, _ := f.Register(fakevault.Officer()...)
	f.AssignIdentity(id)
	return id
}

// cases of this type say how a host is set up, and who it must turn out to be.
type identityCase struct {
	// set returns configuration, environment and the client id of the winner.
	set    func(*testing.T, *fakevault.Server) (config string, environment []string, id string)
	winner string
	// asked is the only service besides the vault that may see a request.
	asked string
}

const (
	environmentWins = "EnvironmentCredential"
	workloadWins    = "WorkloadIdentityCredential"
	managedWins     = "ManagedIdentityCredential"
	cliWins         = "AzureCLICredential"
)

func prove(t *testing.T, tests map[string]identityCase) {
	t.Helper()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fake := vaultOf(t)
			config, environment, id := tt.set(t, fake)
			newSite(t, fake, config, environment...).roundTrip(tt.winner + " (application " + id + ", ")
			for _, r := range fake.Requests() {
				if r.Service != "vault" && r.Service != tt.asked {
					t.Errorf("the %s service was asked too: %s %s", r.Service, r.Host, r.Path)
				}
			}
		})
	}
}

func TestEveryServicePrincipalProvesItself(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	type set = func(*testing.T, *fakevault.Server) (string, []string, string)
	of := func(config string, environment func(*testing.T, *fakevault.Server) []string) set {
		return func(t *testing.T, f *fakevault.Server) (string, []string, string) {
			return config, environment(t, f), f.ClientID
		}
	}
	inPEM := func(t *testing.T, f *fakevault.Server) []string { return withCertificate(f, certificate(t, f)) }
	prove(t, map[string]identityCase{
		"a client secret by name": {set: of(with(`"Credential":"environment"`), func(_ *testing.T, f *fakevault.Server) []string { return principal(f) }),
			winner: environmentWins, asked: "login"},
		"a certificate in PEM, in the chain": {set: of(vaultURI, inPEM), winner: environmentWins, asked: "login"},
		"a certificate in PEM by name":       {set: of(with(`"Credential":"environment"`), inPEM), winner: environmentWins, asked: "login"},
		"a certificate in PKCS 12 with a password": {set: of(vaultURI, func(t *testing.T, f *fakevault.Server) []string {
			return append(withCertificate(f, pkcs12(t, certificate(t, f))), "AZURE_CLIENT_CERTIFICATE_PASSWORD="+passphrase)
		}), winner: environmentWins, asked: "login"},
		"workload identity in the chain": {set: of(vaultURI, workload), winner: workloadWins, asked: "login"},
		"workload identity by name":      {set: of(with(`"Credential":"workloadIdentity"`), workload), winner: workloadWins, asked: "login"},
		"workload identity by name, beside a secret": {set: of(with(`"Credential":"workloadIdentity"`), func(t *testing.T, f *fakevault.Server) []string {
			return append(workload(t, f), "AZURE_CLIENT_SECRET=wrong-"+passphrase)
		}), winner: workloadWins, asked: "login"},
		"a tenant of the vault that is allowed besides its own": {set: of(with(`"AdditionallyAllowedTenants":"*"`), func(_ *testing.T, f *fakevault.Server) []string {
			return append(principal(f), "AZURE_TENANT_ID=00000000-0000-0000-0000-00000000000a")
		}), winner: environmentWins, asked: "login"},
	})
}

func TestEveryManagedIdentityProvesItself(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	// own is a case of the host's own identity, theOther of a user-assigned one.
	own := func(config string, environment func(*testing.T, *fakevault.Server) []string) identityCase {
		return identityCase{winner: managedWins, asked: "identity", set: func(t *testing.T, f *fakevault.Server) (string, []string, string) {
			return config, environment(t, f), f.ManagedClientID
		}}
	}
	theOther := func(config string, environment func(*testing.T, *fakevault.Server, string) []string) identityCase {
		return identityCase{winner: managedWins, asked: "identity", set: func(t *testing.T, f *fakevault.Server) (string, []string, string) {
			id := userAssigned(f)
			return strings.ReplaceAll(config, "{id}", id), environment(t, f, id), id
		}}
	}
	nothing := func(*testing.T, *fakevault.Server) []string { return nil }
	named := with(`"Credential":"managedIdentity"`)
	prove(t, map[string]identityCase{
		"the virtual machine's own, in the chain": own(vaultURI, nothing),
		"the virtual machine's own, by name":      own(named, nothing),
		"by name, beside a service principal": own(named, func(_ *testing.T, f *fakevault.Server) []string {
			return []string{"AZURE_TENANT_ID=" + f.Tenant, "AZURE_CLIENT_SECRET=" + f.ClientSecret}
		}),
		"in a chain that a variable narrows": own(vaultURI, func(_ *testing.T, f *fakevault.Server) []string {
			return []string{"AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential", "AZURE_TENANT_ID=" + f.Tenant, "AZURE_CLIENT_SECRET=" + f.ClientSecret}
		}),
		"user-assigned, by the setting": theOther(with(`"Credential":"managedIdentity","ManagedIdentityClientId":"{id}"`),
			func(*testing.T, *fakevault.Server, string) []string { return nil }),
		"user-assigned, by the setting in the chain": theOther(with(`"ManagedIdentityClientId":"{id}"`),
			func(*testing.T, *fakevault.Server, string) []string { return nil }),
		"user-assigned, by the variable": theOther(vaultURI,
			func(_ *testing.T, _ *fakevault.Server, id string) []string { return []string{"AZURE_CLIENT_ID=" + id} }),
		"user-assigned, by the variable beside the name": theOther(named,
			func(_ *testing.T, _ *fakevault.Server, id string) []string { return []string{"AZURE_CLIENT_ID=" + id} }),
		"App Service's": own(vaultURI, func(_ *testing.T, f *fakevault.Server) []string { return appService(f) }),
		"App Service's, user-assigned": theOther(with(`"Credential":"managedIdentity","ManagedIdentityClientId":"{id}"`),
			func(_ *testing.T, f *fakevault.Server, _ string) []string { return appService(f) }),
		"Azure Arc's":          own(vaultURI, arc),
		"Azure Arc's, by name": own(named, arc),
		"Azure Arc's, user-assigned": theOther(with(`"Credential":"managedIdentity","ManagedIdentityClientId":"{id}"`),
			func(t *testing.T, f *fakevault.Server, _ string) []string { return arc(t, f) }),
	})
}

func TestTheAzureCLIProvesItself(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	prove(t, map[string]identityCase{
		"by name, beside everything else": {winner: cliWins, set: func(t *testing.T, f *fakevault.Server) (string, []string, string) {
			return with(`"Credential":"azureCli"`), append(principal(f), az(t, signedIn(f))), f.ClientID
		}},
		"in a chain that a variable narrows": {winner: cliWins, set: func(t *testing.T, f *fakevault.Server) (string, []string, string) {
			return vaultURI, append(principal(f), "AZURE_TOKEN_CREDENTIALS=dev", az(t, signedIn(f))), f.ClientID
		}},
		"in the chain, where the metadata service is silent": {winner: cliWins, asked: "identity", set: func(t *testing.T, f *fakevault.Server) (string, []string, string) {
			f.Fail(fakevault.Answer{Service: "identity", Hang: true, Times: 9})
			return vaultURI, []string{az(t, signedIn(f))}, f.ClientID
		}},
	})
}
