//go:build linux

package main_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// Each test has an address of its own, that of a demo left to people.
const (
	smokeCloud = "127.75.86.2"
	upCloud    = "127.75.86.3"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: to give a fake vault its real name takes root")
	}
}

func TestSmokeWithAPlayedCloud(t *testing.T) {
	needPrograms(t)
	needRoot(t)
	t.Setenv("TMPDIR", t.TempDir())
	out, err := exec.CommandContext(t.Context(), filepath.Join(bin, "demo"), "smoke", "--bin", bin,
		"--provider", "AzureKeyVault", "--cloud-address", smokeCloud).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "smoke: ok, 1000+1000 people") {
		t.Fatalf("%v\n%s", err, out)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestUpWithAPlayedCloudKeepsThePasswordThere(t *testing.T) {
	t.Parallel()
	needPrograms(t)
	needRoot(t)
	folder := t.TempDir()
	d := up(t, folder, "--provider", "AzureKeyVault", "--cloud-address", upCloud)
	said := d.said(t)
	expect(t, said, `secrets +Azure Key Vault at https://contoso-im\.vault\.azure\.net/`, `Demo HR +full +1000 +0 +0 +0 `, `Demo directory +full +1000 +0 +0 +0 `)

	// The names are the demo's own; what it serves is everybody's.
	if hosts, err := os.ReadFile("/etc/hosts"); err != nil || strings.Contains(string(hosts), "contoso-im") {
		t.Errorf("the system's hosts file has changed, or %v", err)
	}
	address := regexp.MustCompile(`Admin API +(http://\S+)`).FindStringSubmatch(said)
	if len(address) == 0 {
		t.Fatalf("no address in %s", said)
	}
	answer, err := http.Get(address[1] + "/docs")
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("the Admin API answers %s", answer.Status)
	}

	// The real chain signed in, and wrote what the engine then read.
	log, err := os.ReadFile(filepath.Join(folder, "log", "identitymesh-adminapi.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"secret written to key vault", "secret://demo/directory/password", "contoso-im.vault.azure.net"} {
		if !strings.Contains(string(log), want) {
			t.Errorf("the Admin API's log does not say %q", want)
		}
	}
	if err := syscall.Kill(-d.PID(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-d.Exited()
	d.gone(t)
	expect(t, d.Err().Error(), "exit status 0", "Stopped. The next start continues")
}

func TestAPlayedCloudThatCannotBeSaysWhy(t *testing.T) {
	t.Parallel()
	needPrograms(t)
	for name, c := range map[string]struct {
		args []string
		says string
		user uint32
	}{
		"a provider that is none": {[]string{"--provider", "Vault"}, "choose DPAPI or AzureKeyVault", 0},
		"an address of others":    {[]string{"--provider", "AzureKeyVault", "--cloud-address", "192.0.2.1"}, "none of loopback", 0},
		"a user who is not root":  {[]string{"--provider", "AzureKeyVault"}, "needs root", 65534},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "demo"), append([]string{"up", "--bin", bin, "--folder", t.TempDir()}, c.args...)...)
			if c.user != 0 {
				needRoot(t)
				// Where the programs lie, nobody else may look.
				copied := filepath.Join("/tmp", "im-demo-"+filepath.Base(bin))
				text, err := os.ReadFile(filepath.Join(bin, "demo"))
				if err == nil {
					err = os.WriteFile(copied, text, 0o755)
				}
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = os.Remove(copied) })
				cmd.Path, cmd.Dir = copied, "/"
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.user, Gid: c.user}}
			}
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), c.says) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
