package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// BareServer is the variable that makes the benchmark's own program play the
// bare gRPC server; its value is the folder of socket and certificate.
const BareServer = "IDENTITYMESH_BENCH_BARE_SERVER"

const bareMethod = "/bench.Bare/Get"

// startBare starts a gRPC server without anything of ours, in a process of its
// own, and returns a call to it.
// More variables choose another answer; see [ServeBare].
func startBare(ctx context.Context, dir, ref string, more ...string) (c call, stop func(), err error) {
	dir = filepath.Join(dir, "bare")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	if err := writeCertificate(dir); err != nil {
		return nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(append(os.Environ(), BareServer+"="+dir), more...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	config, err := tlsConfig(dir)
	if err != nil {
		return nil, nil, err
	}
	conn, err := grpc.NewClient("unix://"+filepath.Join(dir, "s"), grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	if err != nil {
		return nil, nil, err
	}
	stop = func() { _ = conn.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() }
	request := wrapperspb.String(ref)
	c = func(ctx context.Context) error {
		return conn.Invoke(ctx, bareMethod, request, &wrapperspb.BytesValue{})
	}
	ready, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := c(ready); err != nil {
		stop()
		return nil, nil, fmt.Errorf("the bare gRPC server: %w", err)
	}
	return c, stop, nil
}

// ServeBare is the other process: it answers from memory or, when the environment
// has a vault, what the Azure SDK reads there. It returns only on failure.
func ServeBare(dir string) error {
	answer := func(context.Context, string) ([]byte, error) { return make([]byte, 64), nil }
	if url := os.Getenv(bareVault); url != "" {
		var err error
		if answer, err = fromVault(url); err != nil {
			return err
		}
	}
	config, err := tlsConfig(dir)
	if err != nil {
		return err
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "bench.Bare", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Get", Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			var ref wrapperspb.StringValue
			if err := decode(&ref); err != nil {
				return nil, err
			}
			value, err := answer(ctx, ref.Value)
			return wrapperspb.Bytes(value), err
		}}},
	}, nil)
	return server.Serve(listener)
}

func writeCertificate(dir string) error {
	// The same curve as go-plugin's, so that both sides do the same work.
	key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	body := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...)
	return os.WriteFile(filepath.Join(dir, "pem"), body, 0o600)
}

func tlsConfig(dir string) (*tls.Config, error) {
	body, err := os.ReadFile(filepath.Join(dir, "pem"))
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(body, body)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(body)
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, RootCAs: pool, ClientCAs: pool, ServerName: "localhost",
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
	}, nil
}
