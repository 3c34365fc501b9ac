package appsettings_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/diag"
)

// Whatever stands in the files and the environment: no panic, every problem names
// a file or a key, and nothing sensitive is repeated.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(everyKey), []byte(`{"Secrets":null}`), "Secrets__Plugins__acme__Environment__1=X")
	f.Add([]byte("{\"Secrets\":{\"Provider\":\"a\",\"provider\":1,},}"), []byte("[1"), "Engine__PollInterval=1s")
	f.Add([]byte("\xef\xbb\xbf{}"), []byte(`{"Secrets":{"KeyVault":[[{}]]}}`), "Secrets__KeyVault__0__1=\xff")
	f.Add([]byte(`{"Engine":{"RunTimeout":"9999.23:59:59.9999999"}}`), []byte(`{"":{"":""}}`), "Secrets__=x")
	f.Add([]byte(`{"Secrets:Provider":1,"Logging":{"\ud800":"\ud800"}}`), []byte("// only a comment"), "=")

	const canary = "q7Zk-canary-0Vw3"
	f.Fuzz(func(t *testing.T, base, overlay []byte, variable string) {
		if strings.Contains(string(base)+string(overlay)+variable, canary) {
			t.Skip("the canary stands where it may be repeated")
		}
		folder := t.TempDir()
		for name, content := range map[string][]byte{"appsettings.json": base, "appsettings.Production.json": overlay} {
			if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, diags := appsettings.Load(appsettings.Options{
			Folder: folder,
			Environ: []string{"IdentityMesh__SqlConnectionString=" + canary, "Secrets__KeyVault__Canary=" + canary,
				"Secrets__Plugins__canary__Config__Token=" + canary, variable},
			Platform: &appsettings.Platform{GOOS: "linux", Root: true},
		})
		for _, d := range append(diags, s.Secrets.KeyVaultProblems...) {
			if d.Severity == diag.Error && d.Path == "" && !strings.Contains(d.Summary, folder) && !strings.Contains(d.Summary, "_ENVIRONMENT") {
				t.Errorf("neither a file nor a key is named: %q", d)
			}
		}
		if printed := fmt.Sprintf("%v %v %+v %+v", diags, s.Secrets.KeyVaultProblems, s, s.Keys()); strings.Contains(printed, canary) {
			t.Errorf("a sensitive value was repeated: %s", printed)
		}
	})
}
