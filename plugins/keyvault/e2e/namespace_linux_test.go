package e2e_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
	"github.com/identitymesh/identitymesh/sdk/namespacetest"
	"github.com/identitymesh/identitymesh/sdk/programtest"
)

// metadataAddress is where Azure's instance metadata service lives.
const metadataAddress = "169.254.169.254"

// built has the plugin.
var built *programtest.Folder

func TestMain(m *testing.M) {
	built = programtest.Build("0.1.0", programtest.Program{Dir: "..", Package: "./cmd/identitymesh-plugin-keyvault", Plugin: "keyvault"})
	os.Exit(built.Run(m))
}

// plugin is the path of the plugin's binary.
func plugin() string { return programtest.File(built.Path, "identitymesh-plugin-keyvault") }

// inNamespace is [namespacetest.Enter], with these variables too, where the names of
// Azure lead to the fake.
func inNamespace(t *testing.T, environment ...string) bool {
	t.Helper()
	built.Need(t)
	inside := namespacetest.Enter(t, namespacetest.Config{
		Names:   []string{fakevault.DefaultHost, "login.microsoftonline.com", "login.windows.net", "login.microsoft.com"},
		Address: metadataAddress, Environ: append(programtest.Environ(), environment...), Timeout: 2 * time.Minute,
	})
	if inside {
		arcFolder(t)
	}
	return inside
}

// arcFolder makes the one folder that the identity library takes a key of Azure
// Arc from, on a file system of the namespace's own.
func arcFolder(t *testing.T) {
	t.Helper()
	if err := unix.Mount("tmpfs", "/var/opt", "tmpfs", 0, "size=1m"); err != nil {
		t.Fatalf("mount a folder for the key of azure arc: %v", err)
	}
	if err := os.MkdirAll(filepath.Dir(fakevault.ArcKeyFile), 0o755); err != nil {
		t.Fatal(err)
	}
}
