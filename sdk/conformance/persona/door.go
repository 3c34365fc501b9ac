package persona

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/identitymesh/identitymesh/sdk/contract"
)

// door is where a host knocks. It is made by hand, as docs/spec/process.md says,
// so that each part of it can be wrong.
type door struct {
	major    int
	folder   string
	listener net.Listener
	// shown is the certificate of the handshake line, used the connection's.
	shown, used tls.Certificate
	// anyone lets in clients without the right certificate.
	anyone bool
	// plain serves without TLS.
	plain bool
}

func openDoor(change func(*door)) (*door, error) {
	d := &door{major: contract.Major, folder: os.Getenv("PLUGIN_UNIX_SOCKET_DIR")}
	var err error
	if d.used, err = newCertificate(); err != nil {
		return nil, err
	}
	d.shown = d.used
	if change != nil {
		change(d)
	}
	d.listener, err = d.listen()
	return d, err
}

func (d *door) listen() (net.Listener, error) {
	if runtime.GOOS != "windows" {
		return net.Listen("unix", filepath.Join(d.folder, fmt.Sprintf("p%d", os.Getpid())))
	}
	if d.folder != os.Getenv("PLUGIN_UNIX_SOCKET_DIR") {
		return net.Listen("tcp", "127.0.0.1:0") // the system's choice is above the host's ports
	}
	low, _ := strconv.Atoi(os.Getenv("PLUGIN_MIN_PORT"))
	high, _ := strconv.Atoi(os.Getenv("PLUGIN_MAX_PORT"))
	for port := low; port <= high; port++ {
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return l, nil
		}
	}
	return nil, errors.New("no port is free")
}

// tls trusts exactly the host's certificate of this start.
func (d *door) tls() *tls.Config {
	hosts := x509.NewCertPool()
	hosts.AppendCertsFromPEM([]byte(os.Getenv("PLUGIN_CLIENT_CERT")))
	c := &tls.Config{
		Certificates: []tls.Certificate{d.used}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: hosts,
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"},
	}
	if d.anyone {
		c.ClientAuth = tls.NoClientCert
	}
	return c
}

// line is the handshake line.
func (d *door) line() string {
	shown := ""
	if len(d.shown.Certificate) > 0 {
		shown = base64.RawStdEncoding.EncodeToString(d.shown.Certificate[0])
	}
	a := d.listener.Addr()
	return fmt.Sprintf("1|%d|%s|%s|grpc|%s\n", d.major, a.Network(), a, shown)
}

func newCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
