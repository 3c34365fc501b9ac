package cloud

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	hostsFile = "/etc/hosts"
	// enteredKey tells the program that it was started anew by Enter.
	enteredKey = "IDENTITYMESH_DEMO_CLOUD"
)

// Enter makes the cloud's names lead to the address of loopback for this process
// and those that it starts, and for no others: it starts the program anew, with
// the same arguments, where a hosts file of its own lies over the system's. Call
// it before anything else is done. Only the files' view changes, and the network
// stays as it is: a browser outside reaches what the demo listens on.
func Enter(address string) error {
	if os.Getenv(enteredKey) == address {
		return nil
	}
	ip, err := netip.ParseAddr(address)
	if err != nil || !ip.IsLoopback() {
		return fmt.Errorf("the cloud's address %q is none of loopback, such as 127.75.86.1", address)
	}
	if os.Geteuid() != 0 {
		return errors.New("the demo with Azure Key Vault needs root, to give real names to a fake vault on port 443: " +
			"run \"sudo make up PROVIDER=AzureKeyVault\", or \"make up\" for the provider that needs nothing")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// What is unshared is this thread's; exec makes it the whole process's.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("the demo with Azure Key Vault needs a mount namespace of its own, which this system or container does not allow: %w", err)
	}
	if err := overlay(address); err != nil {
		return fmt.Errorf("give the cloud's names a meaning: %w", err)
	}
	return unix.Exec(self, os.Args, append(os.Environ(), enteredKey+"="+address))
}

// overlay lays a copy of the hosts file with the names over it, in this mount
// namespace alone.
func overlay(address string) error {
	hosts, err := os.ReadFile(hostsFile)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "identitymesh-hosts-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // the mount keeps it
	_, err = fmt.Fprintf(file, "%s %s\n%s", address, strings.Join(names(), " "), hosts)
	if err := errors.Join(err, file.Chmod(0o644), file.Close()); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	return unix.Mount(file.Name(), hostsFile, "", unix.MS_BIND, "")
}
