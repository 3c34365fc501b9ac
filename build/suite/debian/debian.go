// Package debian sees to it that the servers and tools that the tests run are
// there, from Debian's own packages.
//
// It installs only what is missing, and only as root on a system with apt-get;
// elsewhere it says what is missing. Start reading at [Ensure].
package debian

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/build/command"
)

// Need is a package and how to see that what it brings is already there.
type Need struct {
	// Package is its name at Debian.
	Package string
	// Any of these makes it present: a program in PATH, or a file pattern when it
	// holds a slash.
	Any []string
	// For says what it is good for.
	For string
}

// Needs returns what the tests use.
func Needs() []Need {
	return []Need{
		{Package: "gcc", Any: []string{"gcc", "cc"}, For: "the race detector"},
		{Package: "libc6-dev", Any: []string{"/usr/include/stdlib.h"}, For: "the race detector"},
		{Package: "git", Any: []string{"git"}, For: "the commit in the binaries"},
		{Package: "slapd", Any: []string{"slapd", "/usr/sbin/slapd"}, For: "the LDAP connector's tests"},
		{Package: "ldap-utils", Any: []string{"ldapsearch"}, For: "the LDAP connector's tests"},
		{Package: "samba", Any: []string{"samba", "/usr/sbin/samba"}, For: "the Active Directory dialect's tests"},
		{Package: "samba-ad-provision", Any: []string{"/usr/share/samba/setup/provision.ldif"}, For: "the Active Directory dialect's tests"},
		{Package: "samba-dsdb-modules", Any: []string{"/usr/lib/*/samba/ldb/acl.so"}, For: "the Active Directory dialect's tests"},
		{Package: "samba-vfs-modules", Any: []string{"/usr/lib/*/samba/vfs/acl_xattr.so"}, For: "the Active Directory dialect's tests"},
		{Package: "winbind", Any: []string{"winbindd", "/usr/sbin/winbindd"}, For: "the Active Directory dialect's tests"},
		{Package: "krb5-kdc", Any: []string{"krb5kdc", "/usr/sbin/krb5kdc"}, For: "the tests of the sign-in by Kerberos"},
		{Package: "krb5-admin-server", Any: []string{"kadmin.local", "/usr/sbin/kadmin.local"}, For: "the tests of the sign-in by Kerberos"},
		{Package: "krb5-user", Any: []string{"kinit"}, For: "the tests of the sign-in by Kerberos"},
		{Package: "python3-gssapi", Any: []string{"/usr/lib/python3/dist-packages/gssapi"}, For: "the tests of the sign-in by Kerberos"},
		{Package: "curl", Any: []string{"curl"}, For: "the tests of the sign-in by Kerberos"},
		{Package: "ldb-tools", Any: []string{"ldbmodify"}, For: "the Active Directory dialect's tests"},
		{Package: "postgresql", Any: []string{"/usr/lib/postgresql/*/bin/initdb"}, For: "the SQL connector's tests"},
		{Package: "mariadb-server", Any: []string{"mariadbd", "/usr/sbin/mariadbd"}, For: "the SQL connector's tests"},
		{Package: "util-linux", Any: []string{"setpriv"}, For: "running database servers without root's rights"},
		{Package: "swtpm", Any: []string{"swtpm"}, For: "the tests of the key that a TPM wraps"},
		{Package: "iproute2", Any: []string{"ip", "/usr/sbin/ip"}, For: "tests that cut the network"},
		{Package: "python3-grpcio", Any: []string{"/usr/lib/python3/dist-packages/grpc"}, For: "the provider in Python"},
		{Package: "protobuf-compiler", Any: []string{"protoc"}, For: "the provider in Python"},
		{Package: "libprotobuf-dev", Any: []string{"/usr/include/google/protobuf/any.proto"}, For: "the provider in Python"},
		{Package: "python3-protobuf", Any: []string{"/usr/lib/python3/dist-packages/google/protobuf"}, For: "the provider in Python"},
		{Package: "python3-cryptography", Any: []string{"/usr/lib/python3/dist-packages/cryptography"}, For: "the provider in Python"},
		{Package: "python3-venv", Any: []string{"/usr/lib/python3.*/ensurepip"}, For: "the parser of T-SQL"},
		{Package: "nodejs", Any: []string{"node"}, For: "the Admin UI and the second client of the fake vault"},
		{Package: "npm", Any: []string{"npm"}, For: "the Admin UI and the second client of the fake vault"},
		{Package: "chromium", Any: []string{"chromium"}, For: "the tests of the Admin UI in a browser"},
		{Package: "fonts-dejavu-core", Any: []string{"/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"}, For: "the tests of the Admin UI in a browser"},
		{Package: "systemd", Any: []string{"systemd-analyze"}, For: "the tests of the units"},
		{Package: "wine64", Any: []string{"wine64", "/usr/lib/wine/wine64"}, For: "the tests of the Windows build"},
		{Package: "gcc-mingw-w64-x86-64", Any: []string{"x86_64-w64-mingw32-gcc"}, For: "the tests of the Windows build"},
		{Package: "wixl", Any: []string{"wixl"}, For: "the installers for Windows"},
		{Package: "msitools", Any: []string{"msibuild"}, For: "the installers for Windows"},
		{Package: "osslsigncode", Any: []string{"osslsigncode"}, For: "the signatures of programs and installers"},
		{Package: "rpm", Any: []string{"rpm"}, For: "the tests of the rpm packages"},
	}
}

// Present reports whether what the package brings is there.
func (n Need) Present() bool {
	for _, what := range n.Any {
		if strings.Contains(what, "/") {
			if found, err := filepath.Glob(what); err == nil && len(found) > 0 {
				return true
			}
		} else if _, err := exec.LookPath(what); err == nil {
			return true
		}
	}
	return false
}

// Missing returns those that are not present.
func Missing(needs []Need) []Need {
	var out []Need
	for _, n := range needs {
		if !n.Present() {
			out = append(out, n)
		}
	}
	return out
}

// installTime bounds the whole installation.
const installTime = 10 * time.Minute

// Ensure installs what is missing if it can and returns what is still missing
// after that. It never fails: tests without their server say so themselves.
func Ensure(ctx context.Context, needs []Need, out io.Writer) []Need {
	missing := Missing(needs)
	if len(missing) == 0 || runtime.GOOS != "linux" {
		return missing
	}
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		fmt.Fprintln(out, "not installed, because that takes root and apt-get")
		return missing
	}
	ctx, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	apt := func(args ...string) error {
		args = append([]string{"apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"}, args...)
		fmt.Fprintln(out, strings.Join(args, " "))
		_, err := command.Run(ctx, command.Spec{Env: []string{"DEBIAN_FRONTEND=noninteractive"}, Args: args})
		if err != nil {
			fmt.Fprintln(out, "WARNING:", err)
		}
		return err
	}
	// An old list may still do.
	_ = apt("update")
	install := []string{"install", "-y", "--no-install-recommends"}
	var names []string
	for _, n := range missing {
		names = append(names, n.Package)
	}
	if apt(append(install, names...)...) == nil {
		return Missing(missing)
	}
	// One name that this release does not have spoils the whole call.
	for _, name := range names {
		_ = apt(append(install, name)...)
	}
	return Missing(missing)
}
