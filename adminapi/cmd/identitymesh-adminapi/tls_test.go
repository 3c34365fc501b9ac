package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// certify writes a certificate for 127.0.0.1 that vouches for itself, and its key.
func certify(t *testing.T, folder, name string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{"mesh.crt": {Type: "CERTIFICATE", Bytes: der}, "mesh.key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(folder, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return pool
}

func (i *installation) configure(admin map[string]any) {
	i.t.Helper()
	settings, err := json.Marshal(map[string]any{"IdentityMesh": map[string]any{"DataFolder": i.data}, "AdminApi": admin})
	if err == nil {
		err = os.WriteFile(i.config, settings, 0o600)
	}
	if err != nil {
		i.t.Fatal(err)
	}
}

// browser is a client that keeps cookies and trusts the certificate.
func browser(t *testing.T, roots *x509.CertPool) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Timeout: patience, Jar: jar, Transport: transport}
}

func do(t *testing.T, client *http.Client, method, url, body string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(content)
}

func TestABrowserSignsInOverTLSAndTheCertificateCanChange(t *testing.T) {
	i := install(t)
	folder := filepath.Dir(i.config)
	roots := certify(t, folder, "one.example.net")
	i.configure(map[string]any{"Listen": "127.0.0.1:0", "Tls": map[string]any{"CertificateFile": "mesh.crt", "KeyFile": "mesh.key"}})
	s := i.serve()
	if !strings.HasPrefix(s.url, "https://127.0.0.1:") {
		t.Fatalf("it listens on %s", s.url)
	}
	client := browser(t, roots)
	response, body := do(t, client, "POST", s.url+"/api/session", `{"token":"`+i.token()+`"}`)
	if response.StatusCode != http.StatusOK || response.ProtoMajor != 2 {
		t.Fatalf("%s %s: %s", response.Proto, response.Status, body)
	}
	cookie := response.Header.Get("Set-Cookie")
	if !strings.HasPrefix(cookie, "__Host-im=") || !strings.Contains(cookie, "; Secure") || !strings.Contains(cookie, "; HttpOnly") || !strings.Contains(cookie, "; SameSite=Strict") {
		t.Errorf("cookie %s", strings.SplitN(cookie, ";", 2)[1])
	}
	if response, body := do(t, client, "GET", s.url+"/api/session", ""); response.StatusCode != http.StatusOK || !strings.Contains(body, `"name":"administrator"`) {
		t.Errorf("%s: %s", response.Status, body)
	}
	if _, body := do(t, client, "GET", s.url+"/api/status", ""); !strings.Contains(body, `"problems":[]`) {
		t.Errorf("status %s", body)
	}
	if runtime.GOOS != "windows" { // which has no SIGHUP
		fresh := certify(t, folder, "two.example.net")
		if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			response, err := browser(t, fresh).Get(s.url + "/healthz")
			if err == nil {
				_ = response.Body.Close()
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the new certificate is not in force: %v", err)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "mesh.crt"), []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) { // which the files are looked at by
		_, body := do(t, client, "GET", s.url+"/api/status", "")
		if strings.Contains(body, "the one before is still in force") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the status does not say that the new certificate is broken: %s", body)
		}
	}
	value, _, _ := strings.Cut(strings.TrimPrefix(cookie, "__Host-im="), ";")
	s.stop()
	if log := s.log.String() + s.out.String(); strings.Contains(log, value) || strings.Contains(log, i.token()) {
		t.Error("the log has what signs in")
	}
}

func TestOtherHostsAreServedOverTLSOnly(t *testing.T) {
	i := install(t)
	i.configure(map[string]any{"Listen": "0.0.0.0:0"})
	if _, problems, code := i.run("--config", i.config); code != 1 || !strings.Contains(problems, "AdminApi:Tls:CertificateFile") || !strings.Contains(problems, "reverse proxy") {
		t.Errorf("code %d: %s", code, problems)
	}
	i.configure(map[string]any{"Listen": "0.0.0.0:0", "Tls": map[string]any{"CertificateFile": "none.crt"}})
	if _, problems, code := i.run("--config", i.config); code != 1 || !strings.Contains(problems, "AdminApi:Tls:KeyFile: required") {
		t.Errorf("code %d: %s", code, problems)
	}
	i.configure(map[string]any{"Listen": "127.0.0.1:0", "Tls": map[string]any{"CertificateFile": "none.crt", "KeyFile": "none.key"}})
	if _, problems, code := i.run("--config", i.config); code != 1 || !strings.Contains(problems, "none.crt") {
		t.Errorf("code %d: %s", code, problems)
	}
}
