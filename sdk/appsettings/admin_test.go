package appsettings_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheAdminAPIIsReachedAsTheSectionSays(t *testing.T) {
	s, folder := mustLoad(t, base(`{"AdminApi":{"Listen":"0.0.0.0:5100","Tls":{"CertificateFile":"tls/mesh.crt","KeyFile":"/etc/mesh.key"},
		"Hosts":["Mesh.Example.net","10.1.2.3","fe80::1"],"Url":"https://Mesh.example.net:5100/"},
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
	if x := s.Authentication.Sessions; x.IdleTimeout != 5*time.Minute || x.AbsoluteTimeout != 12*time.Hour {
		t.Errorf("sessions %+v", x)
	}
	for _, listen := range []string{"localhost:0", "[::1]:5200", "127.9.9.9:1"} {
		mustLoad(t, base(`{"AdminApi":{"Listen":"`+listen+`","Url":"http://localhost:5100"}}`))
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
