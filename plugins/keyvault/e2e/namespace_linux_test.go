package e2e_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
)

// The test binary runs itself again inside the namespace. These variables tell
// it so, and where the plugin is that the outer one built.
const (
	insideKey = "IDENTITYMESH_TEST_NAMESPACE_PLUGIN"
	hashKey   = "IDENTITYMESH_TEST_NAMESPACE_HASH"
)

// metadataAddress is where Azure's instance metadata service lives.
const metadataAddress = "169.254.169.254"

func TestMain(m *testing.M) {
	if os.Getenv(insideKey) != "" {
		if err := furnish(); err != nil {
			fmt.Fprintln(os.Stderr, "furnish the namespace:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "im-keyvault-")
	if err != nil {
		panic(err)
	}
	plugin := filepath.Join(dir, "identitymesh-plugin-keyvault")
	build := exec.Command("go", "build", "-o", plugin, "../cmd/identitymesh-plugin-keyvault")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build the plugin: %v\n%s", err, out))
	}
	hash, err := launch.Hash(plugin)
	if err != nil {
		panic(err)
	}
	outer = []string{insideKey + "=" + plugin, hashKey + "=" + hash}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// outer is what the inner binary is told; empty in the inner one.
var outer []string

// inNamespace runs the calling test again in a namespace, beside the others and
// with these variables too, and reports false; in there it reports true and the
// test goes on.
func inNamespace(t *testing.T, environment ...string) bool {
	t.Helper()
	if len(outer) == 0 {
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: a network namespace of its own needs root; run this package as root to test the plugin binary end to end")
	}
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v", "-test.timeout", "2m")
	for _, kv := range os.Environ() {
		// No identity, proxy or authority of the machine reaches the test.
		if !strings.HasPrefix(kv, "AZURE_") && !strings.HasPrefix(kv, "IDENTITY_") && !strings.HasPrefix(kv, "MSI_") &&
			!strings.Contains(strings.ToUpper(kv), "_PROXY=") && !strings.HasPrefix(kv, "SSL_CERT_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(append(cmd.Env, outer...), environment...)
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
	return false
}

// furnish gives a new namespace its loopback, the address of the metadata
// service, and a hosts file.
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
	metadata, err := unix.NewIfreq("lo:0")
	if err != nil {
		return err
	}
	if err := metadata.SetInet4Addr(net.ParseIP(metadataAddress).To4()); err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFADDR, metadata); err != nil {
		return fmt.Errorf("add %s: %w", metadataAddress, err)
	}
	hosts, err := os.CreateTemp("", "im-hosts-")
	if err != nil {
		return err
	}
	defer os.Remove(hosts.Name())
	_, err = fmt.Fprintf(hosts, "127.0.0.1 localhost %s login.microsoftonline.com login.windows.net login.microsoft.com\n", fakevault.DefaultHost)
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
	if err := unix.Mount(hosts.Name(), "/etc/hosts", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount the hosts file: %w", err)
	}
	return arcFolder()
}

// arcFolder makes the one folder that the identity library takes a key of Azure
// Arc from, on a file system of the namespace's own.
func arcFolder() error {
	if err := unix.Mount("tmpfs", "/var/opt", "tmpfs", 0, "size=1m"); err != nil {
		return fmt.Errorf("mount a folder for the key of azure arc: %w", err)
	}
	return os.MkdirAll(filepath.Dir(fakevault.ArcKeyFile), 0o755)
}
