package kdctest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/loopbacktest"
)

const mitPackages = "krb5-kdc krb5-admin-server krb5-user curl python3-gssapi"

// MIT starts a KDC of MIT with those users, and with the service's keytab.
func MIT(t testing.TB, users ...string) *Realm {
	t.Helper()
	tools(t, mitPackages, "krb5kdc", "kdb5_util", "kadmin.local", "kinit", "curl", "/usr/bin/python3")
	if err := exec.Command("/usr/bin/python3", "-c", "import gssapi").Run(); err != nil {
		missing(t, "GSS-API for Python", mitPackages)
	}
	r := &Realm{Name: "IM.TEST", t: t, dir: t.TempDir()}
	address := loopbacktest.Address(t)
	r.configure(address)
	profile := r.write("kdc.conf", `[kdcdefaults]
 kdc_listen = ""
 kdc_tcp_listen = `+address+`
[realms]
 IM.TEST = {
  database_name = `+filepath.Join(r.dir, "principal")+`
  key_stash_file = `+filepath.Join(r.dir, "stash")+`
  acl_file = `+filepath.Join(r.dir, "acl")+`
  supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha256-128:normal
 }
[logging]
 kdc = FILE:`+filepath.Join(r.dir, "kdc.log")+`
 default = FILE:`+filepath.Join(r.dir, "default.log")+`
`)
	r.env = append(r.env, "KRB5_KDC_PROFILE="+profile)
	r.Run("", "kdb5_util", "create", "-s", "-r", r.Name, "-P", Password)
	for _, user := range users {
		r.Admin("addprinc -pw " + Password + " " + user)
	}
	r.Admin("addprinc -randkey " + Service)
	r.Admin("ktadd -k " + r.Keytab + " " + Service)
	r.start("krb5kdc", "-n", "-r", r.Name)
	r.await(address)
	return r
}

// Admin runs a command of kadmin.
func (r *Realm) Admin(command string) string {
	r.t.Helper()
	return r.Run("", "kadmin.local", "-r", r.Name, "-q", command)
}

// AddKeytab adds the present keys of a principal of MIT's KDC to the file, as new
// ones: the version of the key grows.
func (r *Realm) AddKeytab(file, principal string) {
	r.t.Helper()
	r.Admin("ktadd -k " + file + " " + principal)
}

// CopyKeytab returns a copy of the service's keytab as it is now.
func (r *Realm) CopyKeytab() string {
	r.t.Helper()
	content, err := os.ReadFile(r.Keytab)
	if err != nil {
		r.t.Fatal(err)
	}
	path := filepath.Join(r.t.TempDir(), "copy.keytab")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}
