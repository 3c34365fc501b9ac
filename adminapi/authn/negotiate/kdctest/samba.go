package kdctest

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const sambaPackages = "samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind krb5-user curl"

// Domain is the short name of Samba's domain.
const Domain = "CORP"

// Samba starts a domain controller of Active Directory with those users, and with the
// service's keytab. It needs root for its ports.
func Samba(t testing.TB, users ...string) *Realm {
	t.Helper()
	tools(t, sambaPackages, "samba-tool", "samba", "kinit", "curl")
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED against a real domain controller of Active Directory: Samba needs root for its ports")
	}
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails
	ip := fmt.Sprintf("127.54.%d.%d", b[0], 1+b[1]%254)
	// Its sockets' names must be short.
	dir, err := os.MkdirTemp("", "dc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := &Realm{Name: "CORP.TEST", t: t, dir: dir}
	r.configure(ip)
	for _, sub := range []string{"run", "log"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var options []string
	for _, o := range []string{
		"interfaces=" + ip + "/8", "bind interfaces only=yes", "server services=kdc", "disable netbios=yes", "usershare path=",
		"nsupdate command=/bin/true", "pid directory=" + dir + "/run", "ncalrpc dir=" + dir + "/run/ncalrpc",
		"winbindd socket directory=" + dir + "/run/winbindd", "ntp signd socket directory=" + dir + "/run/ntp_signd",
		"log file=" + dir + "/log/samba.log", "max log size=0", "tls enabled=no",
	} {
		options = append(options, "--option="+o)
	}
	r.Run("", "samba-tool", append([]string{"domain", "provision", "--configfile=/dev/null", "--targetdir=" + dir, "--realm=" + r.Name, "--domain=" + Domain,
		"--server-role=dc", "--host-name=dc1", "--host-ip=" + ip, "--adminpass=" + Password, "--dns-backend=NONE"}, options...)...)
	conf := "--configfile=" + dir + "/etc/smb.conf"
	for _, user := range users {
		r.Run("", "samba-tool", "user", "create", user, Password, conf)
	}
	r.Run("", "samba-tool", "user", "create", "svc-mesh", "--random-password", conf)
	r.Run("", "samba-tool", "spn", "add", Service, "svc-mesh", conf)
	r.Run("", "samba-tool", "domain", "exportkeytab", r.Keytab, "--principal="+Service, conf)
	if err := os.Chmod(r.Keytab, 0o600); err != nil {
		t.Fatal(err)
	}
	r.start("samba", conf, "--foreground", "--no-process-group", "--model=single")
	r.await(net.JoinHostPort(ip, "88"))
	return r
}

// Group makes a group with members in Samba's domain and returns its SID.
func (r *Realm) Group(name string, members ...string) string {
	r.t.Helper()
	conf := "--configfile=" + r.dir + "/etc/smb.conf"
	r.Run("", "samba-tool", "group", "add", name, conf)
	if len(members) > 0 {
		r.Run("", "samba-tool", "group", "addmembers", name, strings.Join(members, ","), conf)
	}
	for line := range strings.Lines(r.Run("", "samba-tool", "group", "show", name, "--attributes=objectSid", conf)) {
		if sid, found := strings.CutPrefix(strings.TrimSpace(line), "objectSid: "); found {
			return sid
		}
	}
	r.t.Fatalf("the group %s has no SID", name)
	return ""
}
