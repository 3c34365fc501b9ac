package conformance

import (
	"bytes"
	"context"
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
	"os/exec"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"

	"github.com/identitymesh/identitymesh/sdk/contract"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
)

// startCases are about the process until it is configured.
func startCases() []Case {
	return []Case{
		{Name: caseStart, Page: "process.md", Level: Core, About: "it starts, and the first line is a handshake", run: starts},
		{Name: caseMajor, Page: "process.md", Level: Core, About: "offered a major that nobody knows beside its own, it chooses its own", run: choosesMajor},
		{Name: caseSocket, Page: "process.md", Level: Core, About: "it listens there, and nowhere else", run: listensThere},
		{Name: caseConnection, Page: "process.md", Level: Core, About: "a client without the host's certificate gets no answer", run: refusesStrangers},
		{Name: "starting-touches-no-store", Page: "process.md", Level: Core, About: "before Configure it has no connection to anywhere", run: startsOffline},
		{Name: "without-the-cookie-the-plugin-explains-itself", Page: "process.md", Level: None, About: "started by hand it says what it is and leaves", run: explainsItself},
		{Name: caseInfo, Page: "plugin.md", Level: Core, About: "the same answer before Configure, after it and again", run: infoIsConstant},
		{Name: "unknown-additions-are-ignored", Page: "README.md", Level: Core, About: "fields and minors of the future change nothing", run: ignoresAdditions},
	}
}

// starts has nothing left to do: without a first process no case runs.
func starts(context.Context, *trial) error { return nil }

func choosesMajor(ctx context.Context, t *trial) error {
	const unheardOf = 7919
	p, err := t.start(ctx, unheardOf, contract.Major)
	if err != nil {
		return fmt.Errorf("offered the majors %d and %d it did not start: %w", unheardOf, contract.Major, err)
	}
	defer p.stop()
	if got := p.process.Major(); got != contract.Major {
		return fmt.Errorf("offered the majors %d and %d it chose %d, expected %d", unheardOf, contract.Major, got, contract.Major)
	}
	return nil
}

func listensThere(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	all, err := socketsOf(p.process.PID())
	if err != nil {
		return err
	}
	listening := 0
	for _, s := range all {
		switch {
		case !s.listening:
		case s.kind == "unix" && strings.HasPrefix(s.local, t.folder.Path()):
			listening++
		default:
			t.failf("it listens on %s %s, expected only a unix socket below the folder of PLUGIN_UNIX_SOCKET_DIR", s.kind, s.local)
		}
	}
	if listening == 0 && len(t.problems) == 0 {
		return errors.New("no listening socket of the process was found")
	}
	return nil
}

// refusesStrangers dials the address of the handshake line as a stranger would.
func refusesStrangers(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	line, _, _ := bytes.Cut(p.stdout.bytes(), []byte("\n"))
	fields := strings.Split(strings.TrimSpace(string(line)), "|")
	if len(fields) < 6 {
		return fmt.Errorf("the handshake line has %d fields, expected 6", len(fields))
	}
	der, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(fields[5], "="))
	if err != nil {
		return fmt.Errorf("the certificate of the handshake line: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("the certificate of the handshake line: %w", err)
	}
	stranger, err := strangersCertificate()
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	config := tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS12}
	for who, certificates := range map[string][]tls.Certificate{"without a certificate": nil, "with a certificate of its own": {stranger}} {
		c := config.Clone()
		c.Certificates = certificates
		if err := answers(ctx, fields[2], fields[3], credentials.NewTLS(c)); err == nil {
			t.failf("a client %s got an answer to GetInfo, expected the connection to be refused", who)
		}
	}
	return nil
}

// answers asks for GetInfo over a connection of its own.
func answers(ctx context.Context, network, address string, creds credentials.TransportCredentials) error {
	conn, err := grpc.NewClient("passthrough:///localhost", grpc.WithTransportCredentials(creds),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, address)
		}))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err = pb.NewPluginClient(conn).GetInfo(ctx, &pb.GetInfoRequest{})
	return err
}

func strangersCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

func startsOffline(ctx context.Context, t *trial) error {
	p, err := t.start(ctx)
	if err != nil {
		return err
	}
	defer p.stop()
	watch, err := watchConnections(p.process.PID())
	if err != nil {
		return err
	}
	sleep(ctx, 100*time.Millisecond)
	for _, c := range watch() {
		t.failf("before Configure it was connected to %s, expected no connection", c)
	}
	return nil
}

// explainsItself starts the file as a person would, without the variables of a
// handshake.
func explainsItself(ctx context.Context, t *trial) error {
	const limit = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var stdout, stderr tape
	cmd := exec.CommandContext(ctx, t.config.Binary)
	cmd.Env = systemEnvironment()
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		t.failf("it runs on for %s, expected it to leave", limit)
	case err == nil:
		t.failf("it left with code 0, expected another code")
	case !errors.As(err, &exit):
		return err
	}
	if len(bytes.TrimSpace(stderr.bytes())) == 0 {
		t.failf("it wrote nothing to stderr, expected a word on what it is")
	}
	return nil
}

// systemEnvironment are the variables without which nothing runs on Windows.
func systemEnvironment() []string {
	out := []string{}
	for _, key := range []string{"SystemRoot", "SystemDrive", "windir"} {
		if v, ok := os.LookupEnv(key); ok {
			out = append(out, key+"="+v)
		}
	}
	return out
}

func infoIsConstant(ctx context.Context, t *trial) error {
	p, err := t.start(ctx)
	if err != nil {
		return err
	}
	defer p.stop()
	ask := func() (*pb.GetInfoResponse, error) {
		return p.GetInfo(ctx, &pb.GetInfoRequest{HostContractMinor: contract.Minor})
	}
	before, err := ask()
	if err != nil {
		return outcome("GetInfo before Configure", err)
	}
	if err := p.configure(ctx, t.config.Config); err != nil {
		return err
	}
	for _, when := range []string{"after Configure", "again"} {
		got, err := ask()
		if err != nil {
			return outcome("GetInfo "+when, err)
		}
		if !proto.Equal(before, got) {
			t.failf("GetInfo %s is another answer than before Configure", when)
		}
	}
	return nil
}

func ignoresAdditions(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	var first *pb.GetInfoResponse
	for _, minor := range []uint32{contract.Minor, 0, 9999} {
		got, err := p.GetInfo(ctx, &pb.GetInfoRequest{HostContractMinor: minor})
		if err != nil {
			return outcome(fmt.Sprintf("GetInfo of a host of minor %d", minor), err)
		}
		if first == nil {
			first = got
		} else if got.GetName() != first.GetName() || got.GetVersion() != first.GetVersion() {
			t.failf("GetInfo of a host of minor %d gives another name or version", minor)
		}
	}
	// Field 1000 as a text, which no message of the contract has.
	unknown := []byte{0xc2, 0x3e, 0x03, 'n', 'e', 'w'}
	plain, extended := &pb.DescribeRequest{Ref: t.ref("absent")}, &pb.DescribeRequest{Ref: t.ref("absent")}
	extended.ProtoReflect().SetUnknown(unknown)
	_, without := p.Describe(ctx, plain)
	if _, with := p.Describe(ctx, extended); reason(with) != reason(without) {
		t.failf("Describe with a field that is not known: expected %s as without it, got %s", told(without), told(with))
	}
	if sub, err := t.subject(ctx); err == nil {
		get := &pb.GetRequest{Ref: sub.ref}
		get.ProtoReflect().SetUnknown(unknown)
		if _, err := p.Get(ctx, get); err != nil {
			t.failf("Get with a field that is not known: got %s", told(err))
		}
	}
	return nil
}
