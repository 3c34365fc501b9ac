package bulk_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
)

const (
	version = "0.1.0"
	// insideKey tells the test's binary that it is inside, and where the programs are
	// that the outer one built.
	insideKey = "IDENTITYMESH_TEST_BULK_PROGRAMS"
	vaultHost = "contoso-im.vault.azure.net"
	otherHost = "fabrikam-im.vault.azure.net"
)

// built is the folder of the programs; missing says why there are none.
var built, missing string

func TestMain(m *testing.M) {
	if built = os.Getenv(insideKey); built != "" {
		if err := furnish(); err != nil {
			fmt.Fprintln(os.Stderr, "furnish the namespace:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	var err error
	if built, err = os.MkdirTemp("/tmp", "im-bulk-"); err != nil {
		panic(err)
	}
	missing = build(built)
	code := m.Run()
	_ = os.RemoveAll(built)
	os.Exit(code)
}

func build(folder string) string {
	lock := catalog.Lock{Version: 1, Plugins: map[string]catalog.LockedEntry{}}
	for _, p := range []struct{ dir, pkg, name, plugin string }{
		{"../../../plugins/dpapi", "./cmd/identitymesh-plugin-dpapi", "identitymesh-plugin-dpapi", "dpapi"},
		{"../../../plugins/keyvault", "./cmd/identitymesh-plugin-keyvault", "identitymesh-plugin-keyvault", "keyvault"},
		{"../../../plugins/keyvault", "./fakevault/cmd/fakevault", "fakevault", ""},
	} {
		if _, err := os.Stat(p.dir); err != nil {
			return fmt.Sprintf("the sources of %s are not beside this module: %v", p.name, err)
		}
		file := filepath.Join(folder, p.name)
		cmd := exec.Command("go", "build", "-ldflags", "-X main.version="+version, "-o", file, p.pkg)
		cmd.Dir, cmd.Env = p.dir, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Sprintf("build %s: %v\n%s", p.name, err, out)
		}
		if p.plugin == "" {
			continue
		}
		hash, err := launch.Hash(file)
		if err != nil {
			return err.Error()
		}
		lock.Plugins[p.plugin] = catalog.LockedEntry{File: p.name, Version: version,
			Platforms: map[string]catalog.LockedPlatform{runtime.GOOS + "/" + runtime.GOARCH: {Sha256: hash}}}
	}
	text, err := json.Marshal(lock)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, catalog.LockFile), text, 0o644)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// inNamespace runs the calling test again in a namespace, beside the others, and
// reports false; in there it reports true and the test goes on.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideKey) != "" {
		return true
	}
	switch {
	case missing != "" && os.Getenv("CI") == "true":
		t.Fatal(missing)
	case missing != "":
		t.Skip("SKIPPED: " + missing)
	case os.Geteuid() != 0:
		t.Skip("SKIPPED: a network namespace of its own needs root; run this package as root to migrate to a vault end to end")
	}
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v", "-test.timeout", "20m")
	for _, kv := range os.Environ() {
		// No identity, proxy, authority or setting of the machine reaches the test.
		name, _, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(kv, "AZURE_") && !strings.HasPrefix(kv, "IDENTITY_") && !strings.HasPrefix(kv, "MSI_") && !strings.HasPrefix(kv, "OTEL_") &&
			!strings.HasSuffix(strings.ToUpper(name), "_PROXY") && !strings.HasPrefix(kv, "SSL_CERT_") && !strings.Contains(name, "__") &&
			!strings.HasSuffix(name, "_ENVIRONMENT") && name != "RUNTIME_DIRECTORY" {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, insideKey+"="+built)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no namespace can be made: %v", err)
		}
		t.Skipf("SKIPPED: no namespace can be made here: %v", err)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("inside the namespace: %v\n%s", err, out)
	}
	t.Logf("inside the namespace:\n%s", out)
	return false
}

// furnish gives a new namespace its loopback and a hosts file with the vault's names.
func furnish() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	up, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	up.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, up); err != nil {
		return fmt.Errorf("bring loopback up: %w", err)
	}
	hosts, err := os.CreateTemp("", "im-hosts-")
	if err != nil {
		return err
	}
	defer os.Remove(hosts.Name())
	_, err = fmt.Fprintf(hosts, "127.0.0.1 localhost %s %s login.microsoftonline.com login.windows.net login.microsoft.com\n", vaultHost, otherHost)
	if err != nil {
		return err
	}
	if err := hosts.Close(); err != nil {
		return err
	}
	// Mounts of this namespace must not reach the one it was made from.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	return unix.Mount(hosts.Name(), "/etc/hosts", "", unix.MS_BIND, "")
}
