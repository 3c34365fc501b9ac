package ldap_test

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/connector/ldap/ldaptest"
)

const sambaPassword = "Passw0rd!x"

// sambaDC is a real domain controller. Its ports are fixed, so it has an address
// of its own.
type sambaDC struct {
	ip, caFile, dir string
	options         []string
}

func startSamba(t *testing.T) *sambaDC {
	t.Helper()
	for _, tool := range []string{"samba-tool", "samba", "ldbmodify"} {
		_, err := exec.LookPath(tool)
		switch {
		case err != nil && os.Getenv("IDENTITYMESH_TEST_SAMBA") != "":
			t.Fatalf("IDENTITYMESH_TEST_SAMBA is set, but %s is not installed", tool)
		case err != nil:
			t.Skipf("NOT TESTED against a real domain controller: %s is not installed (Debian: samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind ldb-tools)", tool)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED against a real domain controller: Samba needs root for its ports")
	}
	var b [2]byte
	_, _ = rand.Read(b[:])
	dc := &sambaDC{ip: fmt.Sprintf("127.53.%d.%d", b[0], 1+b[1]%254), dir: t.TempDir()}
	tls := filepath.Join(dc.dir, "tls")
	for _, sub := range []string{"run", "log", "tls"} {
		if err := os.Mkdir(filepath.Join(dc.dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := ldaptest.WriteCertificates(tls, dc.ip); err != nil {
		t.Fatal(err)
	}
	dc.caFile = filepath.Join(tls, "ca.pem")
	for _, o := range []string{
		"interfaces=" + dc.ip + "/8", "bind interfaces only=yes", "server services=ldap, cldap", "disable netbios=yes", "usershare path=",
		"nsupdate command=/bin/true", "pid directory=" + dc.dir + "/run", "ncalrpc dir=" + dc.dir + "/run/ncalrpc",
		"winbindd socket directory=" + dc.dir + "/run/winbindd", "ntp signd socket directory=" + dc.dir + "/run/ntp_signd",
		"log file=" + dc.dir + "/log/samba.log", "max log size=0",
		"tls cafile=" + dc.caFile, "tls certfile=" + tls + "/cert.pem", "tls keyfile=" + tls + "/key.pem",
	} {
		dc.options = append(dc.options, "--option="+o)
	}
	dc.run(t, "", "samba-tool", append([]string{"domain", "provision", "--configfile=/dev/null", "--targetdir=" + dc.dir, "--realm=CORP.TEST",
		"--domain=CORP", "--server-role=dc", "--host-name=dc1", "--host-ip=" + dc.ip, "--adminpass=" + sambaPassword, "--dns-backend=NONE"}, dc.options...)...)
	server := exec.Command("samba", "--configfile="+dc.dir+"/etc/smb.conf", "--foreground", "--no-process-group", "--model=single")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	return dc
}

func (d *sambaDC) run(t *testing.T, input, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args[:1], err, out)
	}
}

func (d *sambaDC) ldif(t *testing.T, text string) {
	t.Helper()
	d.run(t, text, "ldbmodify", "-H", d.dir+"/private/sam.ldb")
}

func (d *sambaDC) settings() settings {
	return settings{
		"directory": "activeDirectory", "host": d.ip, "tls": settings{"caFile": d.caFile},
		"bindDn": "Administrator@corp.test", "passwordSecretRef": passwordRef, "baseDn": "CN=Users," + domainNC,
		"attributes": []string{"sAMAccountName", "objectSid", "title"}, "overlapUsn": 0, "pageSize": 10,
		"filter": "(&(objectClass=user)(objectCategory=person)(sAMAccountName=p*))",
	}
}

func TestARealDomainControllerTellsChangesAndDeletes(t *testing.T) {
	dc := startSamba(t)
	c, logs := open(t, dc.settings(), sambaPassword)
	deadline := time.Now().Add(60 * time.Second)
	for {
		report, err := c.Test(t.Context())
		if err == nil {
			t.Logf("report %+v", report)
			if !strings.Contains(report.Server, "Samba") && !strings.Contains(report.Server, "dc1.corp.test") {
				t.Errorf("server %q", report.Server)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	var users strings.Builder
	for i := range 25 {
		fmt.Fprintf(&users, "dn: CN=Person %d,CN=Users,%s\nchangetype: add\nobjectClass: user\nsAMAccountName: p%d\ntitle: Engineer\n\n", i, domainNC, i)
	}
	dc.ldif(t, users.String())
	all := &sink{}
	mark := full(t, c, all)
	if len(all.objects) != 25 {
		t.Fatalf("read %d objects", len(all.objects))
	}
	anchors := map[string]string{}
	for a, o := range all.objects {
		anchors[o.Get("sAMAccountName")[0]] = a
		if sid := o.Get("objectSid")[0]; len(a) != 36 || !strings.HasPrefix(sid, "S-1-5-21-") {
			t.Errorf("anchor %q, sid %q", a, sid)
		}
	}

	dc.ldif(t, fmt.Sprintf("dn: CN=Person 3,CN=Users,%[1]s\nchangetype: modify\nreplace: title\ntitle: Chair\n\n"+
		"dn: CN=Person 4,CN=Users,%[1]s\nchangetype: delete\n\ndn: CN=Person 5,CN=Users,%[1]s\nchangetype: moddn\nnewrdn: CN=Renamed\ndeleteoldrdn: 1\n\n", domainNC))
	changed := &sink{}
	next := delta(t, c, mark, changed)
	var names []string
	for _, o := range changed.objects {
		names = append(names, o.Get("sAMAccountName")[0])
	}
	slices.Sort(names)
	if !reflect.DeepEqual(names, []string{"p3", "p5"}) || !reflect.DeepEqual(changed.gone, []string{anchors["p4"]}) {
		t.Errorf("the delta read %v and these deletes: %v (p4 is %s)\n%s", names, changed.gone, anchors["p4"], logs)
	}
	if o := changed.objects[anchors["p5"]]; o.Get("dn") == nil || !strings.HasPrefix(o.Get("dn")[0], "CN=Renamed,") {
		t.Errorf("a renamed object lost its anchor: %+v", changed.objects)
	}
	idle := &sink{}
	delta(t, c, next, idle)
	if len(idle.objects)+len(idle.gone) != 0 {
		t.Errorf("an idle delta read %d objects and %d deletes", len(idle.objects), len(idle.gone))
	}

	wrong, _ := open(t, dc.settings(), "canary-wrong")
	out, err := wrong.FullImport(t.Context(), (&sink{}).emit)
	failed(t, out, err, "49", "data 52e", "wrong password")
}
