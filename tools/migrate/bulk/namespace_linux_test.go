package bulk_test

import (
	"os"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/namespacetest"
	"github.com/identitymesh/identitymesh/sdk/programtest"
)

const (
	version   = "0.1.0"
	vaultHost = "contoso-im.vault.azure.net"
	otherHost = "fabrikam-im.vault.azure.net"
)

// built has both plugins and the fake vault.
var built *programtest.Folder

func TestMain(m *testing.M) {
	built = programtest.Build(version,
		programtest.Program{Dir: "../../../plugins/dpapi", Package: "./cmd/identitymesh-plugin-dpapi", Plugin: "dpapi"},
		programtest.Program{Dir: "../../../plugins/keyvault", Package: "./cmd/identitymesh-plugin-keyvault", Plugin: "keyvault"},
		programtest.Program{Dir: "../../../plugins/keyvault", Package: "./fakevault/cmd/fakevault"})
	os.Exit(built.Run(m))
}

// inNamespace is [namespacetest.Enter] where the vaults' names lead to the fake.
func inNamespace(t *testing.T) bool {
	t.Helper()
	built.Need(t)
	return namespacetest.Enter(t, namespacetest.Config{
		Names:   []string{vaultHost, otherHost, "login.microsoftonline.com", "login.windows.net", "login.microsoft.com"},
		Environ: programtest.Environ(), Timeout: 20 * time.Minute,
	})
}
