package e2e_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
)

// secondClientKey tells the inner test where the second client was installed.
const secondClientKey = "IDENTITYMESH_TEST_SECOND_CLIENT"

// The fake must please a client that was not written with it in mind: the Azure
// SDK for JavaScript.
func TestAClientThatNobodyHereWroteFindsTheServiceInTheFake(t *testing.T) {
	var installed string
	if os.Getenv(secondClientKey) == "" && os.Geteuid() == 0 {
		installed = installSecondClient(t) // there is no network inside
	}
	if !inNamespace(t, secondClientKey+"="+installed) {
		return
	}
	s := vaultOf(t)
	dir := os.Getenv(secondClientKey)
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, s.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "--test", "--test-reporter=tap", "secondclient.test.js")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+ca, "FAKEVAULT_URL=https://"+fakevault.DefaultHost,
		"FAKEVAULT_CONTROL=http://"+metadataAddress+"/control", "FAKEVAULT_TENANT="+s.Tenant,
		"FAKEVAULT_CLIENT_ID="+s.ClientID, "FAKEVAULT_CLIENT_SECRET="+s.ClientSecret)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// A file in which node finds no test passes as well.
	const least = 16
	passed := regexp.MustCompile(`(?m)^# pass (\d+)$`).FindStringSubmatch(string(out))
	if len(passed) == 0 {
		t.Fatalf("node counted no tests:\n%s", out)
	}
	if n, err := strconv.Atoi(passed[1]); err != nil || n < least {
		t.Fatalf("node passed %d tests, want at least %d:\n%s", n, least, out)
	}
}

// installSecondClient copies the second client to a folder and installs there
// what its lock file names.
func installSecondClient(t *testing.T) string {
	t.Helper()
	missing := t.Skipf
	if os.Getenv("CI") == "true" {
		missing = t.Fatalf
	}
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing("SKIPPED: the second client needs Node.js: %v; install the packages nodejs and npm", err)
		}
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "fakevault", "secondclient"))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		missing("SKIPPED: npm cannot install the second client: %v\n%s", err, strings.TrimSpace(string(out)))
	}
	return dir
}
