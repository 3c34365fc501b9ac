// Package namespacetest runs a test in a network of its own, where the real names of
// hosts lead to loopback and nothing leads off the machine. A program under test finds
// a fake there under a service's real name, on its real port, and needs no switch for
// tests.
//
// It takes Linux and root: keep such tests in files that end with _linux_test.go. What
// serves in there, and the programs, are the test's own; see package programtest. Start
// reading at [Enter].
package namespacetest

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// insideKey tells the test binary, started again by itself, that it is inside.
const insideKey = "IDENTITYMESH_TEST_INSIDE"

// Config says what is in the network.
type Config struct {
	// Names of hosts, which lead to 127.0.0.1; so does localhost, and no other name is
	// known.
	Names []string
	// Address is one more IPv4 address that can be listened on, such as that of a
	// metadata service; none when it is empty.
	Address string
	// Environ is the environment of the test inside, as of os.Environ.
	Environ []string
	// Timeout ends the test inside; zero means that only the one outside ends it.
	Timeout time.Duration
}

// Enter runs the calling test again, in a process with network and mounts of its own,
// beside the other tests of the package, and reports false when it passed there. In
// there it reports true, and the test goes on. Call it first:
//
//	func TestTheServiceIsFound(t *testing.T) {
//		if !namespacetest.Enter(t, namespacetest.Config{Names: []string{"api.example.com"}, Environ: os.Environ()}) {
//			return
//		}
//		...
//
// The test is skipped where nobody may make a namespace; with CI=true it then fails,
// unless it lacks no more than to be run as root.
func Enter(t *testing.T, c Config) bool {
	t.Helper()
	if os.Getenv(insideKey) == t.Name() {
		if err := c.furnish(); err != nil {
			t.Fatalf("furnish the namespace: %v", err)
		}
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: a network namespace of its own needs root; run this package as root")
	}
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v", "-test.timeout", c.Timeout.String())
	cmd.Env = append(slices.Clip(c.Environ), insideKey+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	switch {
	case cmd.ProcessState == nil && os.Getenv("CI") == "true":
		t.Fatalf("no namespace can be made: %v", err)
	case cmd.ProcessState == nil:
		t.Skipf("SKIPPED: no namespace can be made here: %v", err)
	case err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()):
		t.Fatalf("inside the namespace: %v\n%s", err, out)
	}
	t.Logf("inside the namespace:\n%s", out)
	return false
}

// furnish gives a new namespace its loopback, the address, and the hosts file.
func (c Config) furnish() error {
	if err := c.loopback(); err != nil {
		return err
	}
	hosts, err := os.CreateTemp("", "im-hosts-")
	if err != nil {
		return err
	}
	defer os.Remove(hosts.Name()) // the mount keeps it
	_, err = fmt.Fprintln(hosts, "127.0.0.1 localhost", strings.Join(c.Names, " "))
	if err := errors.Join(err, hosts.Chmod(0o644), hosts.Close()); err != nil {
		return err
	}
	// Mounts of this namespace must not reach the one it was made from.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount(hosts.Name(), "/etc/hosts", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount the hosts file: %w", err)
	}
	return nil
}

func (c Config) loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("bring loopback up: %w", err)
	}
	if c.Address == "" {
		return nil
	}
	address, err := netip.ParseAddr(c.Address)
	if err != nil {
		return err
	}
	more, err := unix.NewIfreq("lo:0")
	if err != nil {
		return err
	}
	if err := more.SetInet4Addr(address.AsSlice()); err != nil {
		return fmt.Errorf("add %s: %w", address, err)
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFADDR, more); err != nil {
		return fmt.Errorf("add %s: %w", address, err)
	}
	return nil
}
