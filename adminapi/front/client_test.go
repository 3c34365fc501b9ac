package front_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/adminapi/front"
)

func TestTheClientIsWhomTrustedProxiesSaw(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("2001:db8:1::/64"), netip.MustParsePrefix("fe80::1/128")}
	for _, c := range []struct {
		name, peer string
		header     []string
		want       string
	}{
		{"no header", "10.0.0.1:7", nil, "10.0.0.1:7"},
		{"a peer that is not trusted", "192.0.2.1:7", []string{"198.51.100.1"}, "192.0.2.1:7"},
		{"loopback, which nobody named", "127.0.0.1:7", []string{"198.51.100.1"}, "127.0.0.1:7"},
		{"one proxy", "10.0.0.1:7", []string{"198.51.100.1"}, "198.51.100.1:0"},
		{"a chain of two proxies", "10.0.0.1:7", []string{"198.51.100.1, 10.0.0.2"}, "198.51.100.1:0"},
		{"a chain in two lines", "10.0.0.1:7", []string{"198.51.100.1", "10.0.0.2"}, "198.51.100.1:0"},
		{"what the client wrote itself", "10.0.0.1:7", []string{"203.0.113.9, 198.51.100.1,10.0.0.2"}, "198.51.100.1:0"},
		{"a line that the client wrote itself", "10.0.0.1:7", []string{"203.0.113.9", "198.51.100.1"}, "198.51.100.1:0"},
		{"nonsense that the client wrote itself", "10.0.0.1:7", []string{"c4nary, 198.51.100.1"}, "198.51.100.1:0"},
		{"a proxy before a stranger's", "10.0.0.1:7", []string{"10.0.0.9, 198.51.100.1"}, "198.51.100.1:0"},
		{"only proxies", "10.0.0.1:7", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.1:7"},
		{"an IPv4 address with a port", "10.0.0.1:7", []string{"198.51.100.1:4711"}, "198.51.100.1:4711"},
		{"an IPv4 address as IPv6", "[::ffff:10.0.0.1]:7", []string{"::ffff:198.51.100.1"}, "198.51.100.1:0"},
		{"IPv6", "[2001:db8:1::5]:7", []string{"2001:db8::1"}, "[2001:db8::1]:0"},
		{"IPv6 in brackets", "10.0.0.1:7", []string{"[2001:db8::1]"}, "[2001:db8::1]:0"},
		{"IPv6 in brackets with a port", "10.0.0.1:7", []string{"[2001:db8::1]:4711"}, "[2001:db8::1]:4711"},
		{"IPv6 with a zone", "[fe80::1%eth0]:7", []string{"fe80::2%eth1"}, "[fe80::2]:0"},
		{"IPv6 with a zone and a port", "10.0.0.1:7", []string{"[fe80::2%eth1]:4711"}, "[fe80::2]:4711"},
		{"a trusted IPv6 proxy with a port", "10.0.0.1:7", []string{"198.51.100.1, [2001:db8:1::6]:80"}, "198.51.100.1:0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := remoteOf(t, trusted, c.peer, c.header...); got != c.want {
				t.Errorf("the client is %s, not %s", got, c.want)
			}
		})
	}
	for _, entry := range []string{"", "unknown", "_hidden", "198.51.100.1.example", "198.51.100.1:", "198.51.100.1:x", "198.51.100.1:65536", "198.51.100.1:-1",
		"[198.51.100.1]", "[2001:db8::1", "2001:db8::1]", "[2001:db8::1]x", "[2001:db8::1]:", "[]", "[]:1", "[", ":", ":80", "for=198.51.100.1", `"198.51.100.1"`, "198.51.100.0/24"} {
		if got := remoteOf(t, trusted, "10.0.0.1:7", "203.0.113.9, "+entry); got != "10.0.0.1:7" {
			t.Errorf("%q is taken for %s", entry, got)
		}
	}
	if got := remoteOf(t, nil, "127.0.0.1:7", "198.51.100.1"); got != "127.0.0.1:7" {
		t.Errorf("without trusted proxies the client is %s", got)
	}
}

// remoteOf returns where the log says that a request came from.
func remoteOf(t *testing.T, trusted []netip.Prefix, peer string, lines ...string) string {
	t.Helper()
	r := request("GET", "/api/things/1", "")
	r.RemoteAddr = peer
	for _, line := range lines {
		r.Header.Add("X-Forwarded-For", line)
	}
	_, logs := serve(t, r, func(c *front.Config) { c.TrustedProxies = trusted })
	_, rest, _ := strings.Cut(logs, `"remote":"`)
	remote, _, _ := strings.Cut(rest, `"`)
	if r.RemoteAddr != peer {
		t.Error("the caller's request was changed")
	}
	return remote
}
