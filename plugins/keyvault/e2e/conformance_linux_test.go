package e2e_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/conformance"
)

func TestConformance(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	fake := vaultOf(t)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, fake.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	report := conformance.Test(t, conformance.Config{
		Binary: plugin(),
		Config: []byte(vaultURI),
		Environment: []string{
			"SSL_CERT_FILE=" + ca,
			"AZURE_TENANT_ID=" + fake.Tenant, "AZURE_CLIENT_ID=" + fake.ClientID, "AZURE_CLIENT_SECRET=" + fake.ClientSecret,
		},
		// Nothing in the namespace knows the name.
		Unreachable: []byte(`{"VaultUri":"https://contoso-away.vault.azure.net","Timeout":"3s"}`),
		Canaries:    []string{fake.ClientSecret},
	})
	if report.Level() != conformance.Versioned {
		t.Errorf("the level is %s", report.Level())
	}
}
