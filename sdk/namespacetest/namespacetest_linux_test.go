package namespacetest_test

import (
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/namespacetest"
)

const (
	name    = "api.example.com"
	address = "169.254.169.254"
)

func enter(t *testing.T, more ...string) bool {
	t.Helper()
	return namespacetest.Enter(t, namespacetest.Config{
		Names: []string{name, "login.example.com"}, Address: address, Timeout: time.Minute, Environ: append([]string{"PATH=" + os.Getenv("PATH")}, more...),
	})
}

func TestNamesLeadToLoopbackAndNothingLeadsOffTheMachine(t *testing.T) {
	if !enter(t) {
		if text, err := os.ReadFile("/etc/hosts"); err != nil || strings.Contains(string(text), name) {
			t.Errorf("%v, the hosts file outside is now %s", err, text)
		}
		return
	}
	for _, host := range []string{name, "login.example.com", "localhost"} {
		if found, err := net.LookupHost(host); err != nil || !slices.Equal(found, []string{"127.0.0.1"}) {
			t.Errorf("%s leads to %v, %v", host, found, err)
		}
	}
	if found, err := net.LookupHost("other.example.com"); err == nil {
		t.Errorf("another name leads to %v", found)
	}
	for _, at := range []string{"127.0.0.1:443", address + ":80"} {
		listener, err := net.Listen("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		connection, err := net.DialTimeout("tcp", at, 5*time.Second)
		if err != nil {
			t.Error(err)
		} else {
			_ = connection.Close()
		}
		_ = listener.Close()
	}
	if connection, err := net.DialTimeout("tcp", "192.0.2.1:443", time.Second); err == nil || !strings.Contains(err.Error(), "unreachable") {
		t.Errorf("connected to %v, %v", connection, err)
	}
	if environ := os.Environ(); len(environ) != 2 {
		t.Errorf("%d variables reached the test, where it was given one", len(environ))
	}
}

// failKey makes the next test fail, when it is there.
const failKey = "IDENTITYMESH_TEST_FAIL"

func TestThatFailsOnDemand(t *testing.T) {
	if enter(t, failKey+"="+os.Getenv(failKey)) && os.Getenv(failKey) != "" {
		t.Error("as it was asked to")
	}
}

func TestWhatFailsInsideFailsOutside(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: a network namespace of its own needs root; run this package as root")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestThatFailsOnDemand$", "-test.timeout", "1m")
	cmd.Env = append(os.Environ(), failKey+"=yes")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "as it was asked to") {
		t.Errorf("%v\n%s", err, out)
	}
}
