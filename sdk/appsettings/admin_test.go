package appsettings_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheAdminAPIIsReachedAsTheSectionSays(t *testing.T) {
	s, folder := mustLoad(t, base(`{"AdminApi":{"Listen":"0.0.0.0:5100","Tls":{"CertificateFile":"tls/mesh.crt","KeyFile":"/etc/mesh.key"},
		"Hosts":["Mesh.Example.net","10.1.2.3","fe80::1"],"TrustedProxies":["10.1.2.3","::ffff:10.1.2.4","10.2.0.9/28","2001:db8::1/64","::1"],"Url":"https://Mesh.example.net:5100/"},
		"Authentication":{"Sessions":{"IdleTimeout":"00:05:00"}}}`))
	a := s.AdminAPI
	key, err := filepath.Abs("/etc/mesh.key")
	if err != nil {
		t.Fatal(err)
	}
	if a.Listen != "0.0.0.0:5100" || a.TLS.CertificateFile != filepath.Join(folder, "tls", "mesh.crt") || filepath.Base(a.TLS.KeyFile) != filepath.Base(key) ||
		!slices.Equal(a.Hosts, []string{"mesh.example.net", "10.1.2.3", "fe80::1"}) || a.URL != "https://mesh.example.net:5100" {
		t.Errorf("admin api %+v", a)
	}
	if got := fmt.Sprint(a.TrustedProxies); got != "[10.1.2.3/32 10.1.2.4/32 10.2.0.0/28 2001:db8::/64 ::1/128]" {
		t.Errorf("trusted proxies %s", got)
	}
	if x := s.Authentication.Sessions; x.IdleTimeout != 5*time.Minute || x.AbsoluteTimeout != 12*time.Hour {
		t.Errorf("sessions %+v", x)
	}
	for _, listen := range []string{"localhost:0", "[::1]:5200", "127.9.9.9:1"} {
		if s, _ := mustLoad(t, base(`{"AdminApi":{"Listen":"`+listen+`","Url":"http://localhost:5100"}}`)); s.AdminAPI.TrustedProxies != nil {
			t.Errorf("%v are trusted by default", s.AdminAPI.TrustedProxies)
		}
	}
}

func TestASectionThatWouldOpenTheAdminAPIIsRefused(t *testing.T) {
	for _, c := range []struct{ name, file, path, words string }{
		{"other hosts without TLS", `{"AdminApi":{"Listen":"0.0.0.0:5100"}}`, "AdminApi:Listen", "AdminApi:Tls:CertificateFile"},
		{"all addresses without TLS", `{"AdminApi":{"Listen":":5100"}}`, "AdminApi:Listen", "reverse proxy"},
		{"a name that is not loopback", `{"AdminApi":{"Listen":"mesh.example.net:5100"}}`, "AdminApi:Listen", "reverse proxy"},
		{"TLS that is nothing", `{"AdminApi":{"Listen":"0.0.0.0:5100","Tls":{}}}`, "AdminApi:Tls:CertificateFile", "required"},
		{"TLS without a key", `{"AdminApi":{"Tls":{"CertificateFile":"x"}}}`, "AdminApi:Tls:KeyFile", "required"},
		{"TLS without a certificate", `{"AdminApi":{"Tls":{"KeyFile":"x"}}}`, "AdminApi:Tls:CertificateFile", "required"},
		{"TLS that is no object", `{"AdminApi":{"Listen":"0.0.0.0:5100","Tls":true}}`, "AdminApi:Tls", "expected an object"},
		{"every host", `{"AdminApi":{"Hosts":["*"]}}`, "AdminApi:Hosts:0", "without *"},
		{"a host with a port", `{"AdminApi":{"Hosts":["mesh:5100"]}}`, "AdminApi:Hosts:0", "without a port"},
		{"an empty host", `{"AdminApi":{"Hosts":[""]}}`, "AdminApi:Hosts:0", ""},
		{"proxies that are no list", `{"AdminApi":{"TrustedProxies":"10.1.2.3"}}`, "AdminApi:TrustedProxies", "list"},
		{"a proxy by name", `{"AdminApi":{"TrustedProxies":["10.1.2.3","proxy.example.net"]}}`, "AdminApi:TrustedProxies:1", "IP address"},
		{"a proxy with a port", `{"AdminApi":{"TrustedProxies":["10.1.2.3:80"]}}`, "AdminApi:TrustedProxies:0", "IP address"},
		{"a proxy with a zone", `{"AdminApi":{"TrustedProxies":["fe80::1%eth0"]}}`, "AdminApi:TrustedProxies:0", "IP address"},
		{"a prefix that is too long", `{"AdminApi":{"TrustedProxies":["10.1.2.3/33"]}}`, "AdminApi:TrustedProxies:0", "prefix"},
		{"a prefix that no address has", `{"AdminApi":{"TrustedProxies":["::ffff:10.1.2.3/120"]}}`, "AdminApi:TrustedProxies:0", "prefix"},
		{"everybody as a proxy", `{"AdminApi":{"TrustedProxies":["0.0.0.0/0"]}}`, "AdminApi:TrustedProxies:0", "every address"},
		{"everybody as a proxy, the second problem", `{"AdminApi":{"TrustedProxies":["x","::/0"]}}`, "AdminApi:TrustedProxies:1", "every address"},
		{"a URL without TLS", `{"AdminApi":{"Url":"http://mesh.example.net"}}`, "AdminApi:Url", "https"},
		{"a URL with a path", `{"AdminApi":{"Url":"https://mesh.example.net/im"}}`, "AdminApi:Url", "without a path"},
		{"a URL with a user", `{"AdminApi":{"Url":"https://ann@mesh.example.net"}}`, "AdminApi:Url", "without a path"},
		{"sessions that idle longer than they live", `{"Authentication":{"Sessions":{"IdleTimeout":"2h","AbsoluteTimeout":"1h"}}}`, "Authentication:Sessions:IdleTimeout", "longer"},
	} {
		_, diags, _ := load(t, base(c.file))
		found := false
		for _, d := range diags.Errors() {
			found = found || d.Path == c.path && strings.Contains(d.String(), c.words)
		}
		if !found {
			t.Errorf("%s: %v", c.name, diags)
		}
	}
}
