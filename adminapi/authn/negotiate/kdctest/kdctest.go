// Package kdctest runs real Kerberos domain controllers on this host for tests: MIT's
// KDC, and Samba as a domain controller of Active Directory. Nothing outside of the
// test's own folder is touched.
//
// No program of the product uses it. Start reading at [MIT] and [Samba].
package kdctest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Password of every account that this package makes.
const Password = "c4nary-Passw0rd"

// Host is the name under which clients address the service, and Service its
// principal.
const (
	Host    = "mesh.im.test"
	Service = "HTTP/" + Host
)

// Realm is a realm with its own domain controller.
type Realm struct {
	Name string
	// Config is the file for KRB5_CONFIG.
	Config string
	// Keytab has the keys of [Service].
	Keytab string

	t   testing.TB
	dir string
	env []string
}

// patience is long, because a domain takes a minute to be made on a busy host.
const patience = 5 * time.Minute

// tools ends the test when a tool is missing: as skipped, but on CI as failed,
// except on Windows.
func tools(t testing.TB, packages string, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			missing(t, name, packages)
		}
	}
}

func missing(t testing.TB, what, packages string) {
	t.Helper()
	// No KDC that could be started by a test exists for Windows.
	if os.Getenv("CI") == "true" && runtime.GOOS != "windows" {
		t.Fatalf("%s is not installed (Debian: %s)", what, packages)
	}
	t.Skipf("NOT TESTED against a real domain controller: %s is not installed (Debian: %s)", what, packages)
}

// configure writes the client's side.
func (r *Realm) configure(kdc string) {
	r.t.Helper()
	r.Config = r.write("krb5.conf", fmt.Sprintf(`[libdefaults]
 default_realm = %[1]s
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
 default_ccache_name = FILE:%[3]s/ccache
[realms]
 %[1]s = {
  kdc = %[2]s
 }
[domain_realm]
 im.test = %[1]s
 .im.test = %[1]s
`, r.Name, kdc, r.dir))
	r.Keytab = filepath.Join(r.dir, "service.keytab")
	r.env = append(os.Environ(), "KRB5_CONFIG="+r.Config, "KRB5_KTNAME=FILE:"+r.Keytab, "HTTP_PROXY=", "http_proxy=")
}

func (r *Realm) write(name, text string) string {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// Run runs a tool in the realm and returns what it said; it must succeed.
func (r *Realm) Run(input, name string, args ...string) string {
	r.t.Helper()
	out, err := r.Try(input, name, args...)
	if err != nil {
		r.t.Fatalf("%s %v: %v\n%s", name, args[:min(1, len(args))], err, out)
	}
	return out
}

// Try is [Realm.Run] for a tool that may fail.
func (r *Realm) Try(input, name string, args ...string) (string, error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Stdin = r.env, strings.NewReader(input)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// As returns the realm as somebody sees it who signed in with his password.
func (r *Realm) As(user string) *Realm {
	r.t.Helper()
	own := *r
	own.dir = r.t.TempDir()
	own.env = append(own.env[:len(own.env):len(own.env)], "KRB5CCNAME=FILE:"+filepath.Join(own.dir, "ccache"))
	own.Run(Password+"\n", "kinit", user)
	return &own
}

// start runs a server until the test ends.
func (r *Realm) start(name string, args ...string) {
	r.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = r.env
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
}

// await waits until something listens.
func (r *Realm) await(address string) {
	r.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(end) {
			r.t.Fatalf("the domain controller does not listen: %v", err)
		}
	}
}
