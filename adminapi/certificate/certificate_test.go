package certificate_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/certificate"
)

// folder has the two files; authority signs what is in them.
type folder struct {
	t         *testing.T
	path      string
	authority *x509.Certificate
	key       *ecdsa.PrivateKey
	serial    int64
	now       time.Time
	logs      bytes.Buffer
}

func newFolder(t *testing.T) *folder {
	t.Helper()
	f := &folder{t: t, path: t.TempDir(), now: time.Now()}
	f.key = f.newKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: f.now.Add(-time.Hour), NotAfter: f.now.AddDate(2, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &f.key.PublicKey, f.key)
	if err == nil {
		f.authority, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *folder) newKey() *ecdsa.PrivateKey {
	f.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	return key
}

// make returns a new certificate for the names, and its key.
func (f *folder) make(life time.Duration, names ...string) (chain, key []byte) {
	f.t.Helper()
	f.serial++
	own := f.newKey()
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(100 + f.serial), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: f.now.Add(-time.Hour), NotAfter: f.now.Add(life), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, f.authority, &own.PublicKey, f.key)
	if err != nil {
		f.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		f.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func (f *folder) config() certificate.Config {
	return certificate.Config{
		CertificateFile: filepath.Join(f.path, "mesh.crt"), KeyFile: filepath.Join(f.path, "mesh.key"),
		Logger: slog.New(slog.NewJSONHandler(&f.logs, nil)), Now: func() time.Time { return f.now },
	}
}

// put writes the files as a tool does that renews certificates; nil leaves one.
func (f *folder) put(chain, key []byte) {
	f.t.Helper()
	for path, content := range map[string][]byte{f.config().CertificateFile: chain, f.config().KeyFile: key} {
		if content == nil {
			continue
		}
		err := os.WriteFile(path+".new", content, 0o600)
		if err == nil {
			err = os.Rename(path+".new", path)
		}
		if err != nil {
			f.t.Fatal(err)
		}
	}
}

func (f *folder) open() *certificate.Certificate {
	f.t.Helper()
	c, err := certificate.Open(f.config())
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

// later lets so much time pass that the files are looked at.
func (f *folder) later() { f.now = f.now.Add(3 * time.Second) }

func TestANewPairIsInForceWithinSeconds(t *testing.T) {
	f := newFolder(t)
	chain, key := f.make(365*24*time.Hour, "one.example.net")
	f.put(chain, key)
	c := f.open()
	if !c.Vouches("one.example.net") || c.Vouches("two.example.net") || !c.Vouches("127.0.0.1") || c.Problem() != "" {
		t.Errorf("one.example.net: %s", c.Problem())
	}
	f.put(f.make(365*24*time.Hour, "two.example.net"))
	if c.Vouches("two.example.net") {
		t.Error("the files are looked at each time")
	}
	f.later()
	if !c.Vouches("two.example.net") || c.Problem() != "" {
		t.Errorf("the new pair is not in force: %s", c.Problem())
	}
	f.put(f.make(365*24*time.Hour, "three.example.net"))
	if err := c.Reload(); err != nil || !c.Vouches("three.example.net") {
		t.Errorf("reload: %v", err)
	}
}

func TestABrokenPairLeavesTheOldInForceAndSaysSo(t *testing.T) {
	f := newFolder(t)
	f.put(f.make(365*24*time.Hour, "one.example.net"))
	c := f.open()
	chain, key := f.make(365*24*time.Hour, "two.example.net")
	for _, broken := range []struct {
		name, words string
		do          func()
	}{
		{"a certificate without its key yet", "no pair", func() { f.put(chain, nil) }},
		{"something else", "no pair", func() { f.put([]byte("c4nary"), []byte("c4nary")) }},
		{"no file", "no such file", func() { _ = os.Remove(f.config().KeyFile) }},
	} {
		broken.do()
		f.later()
		if !c.Vouches("one.example.net") || !strings.Contains(c.Problem(), "still in force") || runtime.GOOS != "windows" && !strings.Contains(c.Problem(), broken.words) {
			t.Errorf("%s: %s", broken.name, c.Problem())
		}
		if err := c.Reload(); err == nil {
			t.Errorf("%s: a reload says nothing", broken.name)
		}
	}
	f.put(chain, key)
	f.later()
	if !c.Vouches("two.example.net") || c.Problem() != "" {
		t.Errorf("the mended pair is not in force: %s", c.Problem())
	}
	if logs := f.logs.String(); strings.Contains(logs, "c4nary") || !strings.Contains(logs, "stays in force") {
		t.Errorf("log %s", logs)
	}
}

func TestAKeyThatOthersCanReadIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	f := newFolder(t)
	f.put(f.make(time.Hour, "one.example.net"))
	if err := os.Chmod(f.config().KeyFile, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := certificate.Open(f.config()); err == nil || !strings.Contains(err.Error(), "chmod") || !strings.Contains(err.Error(), "AdminApi:Tls:KeyFile") {
		t.Errorf("error %v", err)
	}
}

func TestACertificateThatEndsSoonIsAProblem(t *testing.T) {
	f := newFolder(t)
	f.put(f.make(15*24*time.Hour, "one.example.net"))
	c := f.open()
	for _, step := range []struct {
		after time.Duration
		words string
	}{{0, ""}, {25 * time.Hour, "renew it"}, {15 * 24 * time.Hour, "replace it"}} {
		f.now = f.now.Add(step.after)
		if got := c.Problem(); (step.words == "") != (got == "") || !strings.Contains(got, step.words) {
			t.Errorf("after %s: %q", step.after, got)
		}
	}
}

func TestAServerSpeaksTLS12AndLaterAndHTTP2(t *testing.T) {
	f := newFolder(t)
	f.put(f.make(365*24*time.Hour, "one.example.net"))
	c := f.open()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }),
		TLSConfig:         c.TLS(),
		ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.ServeTLS(listener, "", "") })
	t.Cleanup(func() { _ = server.Close(); serving.Wait() })
	roots := x509.NewCertPool()
	roots.AddCert(f.authority)
	for version, ok := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		conn, err := tls.Dial("tcp", listener.Addr().String(), &tls.Config{RootCAs: roots, MinVersion: version, MaxVersion: version})
		if ok != (err == nil) {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Timeout: time.Minute, Transport: transport}).Get("https://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "HTTP/2.0" {
		t.Errorf("%s, %v", body, err)
	}
}
