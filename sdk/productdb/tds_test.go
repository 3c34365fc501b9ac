package productdb_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf16"
)

// tdsServer speaks as much of SQL Server's protocol (MS-TDS) as it takes to
// refuse a sign-in.
type tdsServer struct {
	address string
	// authority is the file of the certificate that signed the server's.
	authority string
	// logins counts the sign-ins that arrived, with whatever secrets are in them.
	logins atomic.Int32
}

// The values of ENCRYPTION in the answer to PRELOGIN.
const (
	tdsEncrypts      = 1
	tdsCannotEncrypt = 2
)

type tdsConfig struct {
	encryption byte
	// name is what the certificate is for, and expires when it ends.
	name    string
	expires time.Time
	// number and text are the refusal.
	number int32
	text   string
}

func startTDS(t *testing.T, c tdsConfig) *tdsServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &tdsServer{address: listener.Addr().String(), authority: filepath.Join(t.TempDir(), "ca.pem")}
	certificate := s.certify(t, c)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			s.refuse(conn, c, certificate)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	return s
}

// certify makes an authority and a certificate of it.
func (s *tdsServer) certify(t *testing.T, c tdsConfig) tls.Certificate {
	t.Helper()
	make := func(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if signer == nil {
			signer = key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		return der, key
	}
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test Authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	authorityDER, authorityKey := make(authority, authority, nil)
	own := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: c.expires, DNSNames: []string{c.name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	ownDER, ownKey := make(own, authority, authorityKey)
	if err := os.WriteFile(s.authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authorityDER}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{ownDER}, PrivateKey: ownKey}
}

func (s *tdsServer) refuse(conn net.Conn, c tdsConfig, certificate tls.Certificate) {
	if _, err := readPacket(conn); err != nil { // PRELOGIN
		return
	}
	// VERSION at 11, six bytes; ENCRYPTION at 17, one byte; the end.
	writePacket(conn, 4, []byte{0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 16, 0, 0, 0, 0, 0, c.encryption})
	var stream net.Conn = conn
	if c.encryption == tdsEncrypts {
		wrapped := &tdsHandshake{Conn: conn}
		// TLS 1.3 sends tickets when the client has left the packets already.
		secure := tls.Server(wrapped, &tls.Config{Certificates: []tls.Certificate{certificate}, MaxVersion: tls.VersionTLS12})
		if secure.Handshake() != nil {
			return
		}
		wrapped.done = true
		stream = secure
	}
	if _, err := readPacket(stream); err != nil { // LOGIN7
		return
	}
	s.logins.Add(1)
	text := utf16.Encode([]rune(c.text))
	body := binary.LittleEndian.AppendUint32(nil, uint32(c.number))
	body = binary.LittleEndian.AppendUint16(append(body, 1, 14), uint16(len(text)))
	for _, unit := range text {
		body = binary.LittleEndian.AppendUint16(body, unit)
	}
	body = append(body, 0, 0, 0, 0, 0, 0) // no names of server and procedure, line 0
	answer := append(binary.LittleEndian.AppendUint16([]byte{0xaa}, uint16(len(body))), body...)
	writePacket(stream, 4, append(append(answer, 0xfd, 2), make([]byte, 11)...)) // ERROR, then DONE with an error
}

func readPacket(r io.Reader) ([]byte, error) {
	header := make([]byte, 8)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	body := make([]byte, int(binary.BigEndian.Uint16(header[2:]))-len(header))
	_, err := io.ReadFull(r, body)
	return body, err
}

func writePacket(w io.Writer, kind byte, body []byte) {
	header := binary.BigEndian.AppendUint16([]byte{kind, 1}, uint16(8+len(body)))
	_, _ = w.Write(append(append(header, 0, 0, 1, 0), body...))
}

// tdsHandshake carries the handshake of TLS in packets.
type tdsHandshake struct {
	net.Conn
	rest []byte
	done bool
}

func (h *tdsHandshake) Read(p []byte) (int, error) {
	if h.done {
		return h.Conn.Read(p)
	}
	for len(h.rest) == 0 {
		var err error
		if h.rest, err = readPacket(h.Conn); err != nil {
			return 0, err
		}
	}
	n := copy(p, h.rest)
	h.rest = h.rest[n:]
	return n, nil
}

func (h *tdsHandshake) Write(p []byte) (int, error) {
	if h.done {
		return h.Conn.Write(p)
	}
	writePacket(h.Conn, 0x12, p)
	return len(p), nil
}
