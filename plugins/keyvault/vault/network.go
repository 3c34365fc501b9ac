package vault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"runtime"
	"syscall"

	"github.com/identitymesh/identitymesh/sdk/fault"
)

func isNetwork(err error) bool {
	var network net.Error
	var certificate *certificateError
	return errors.As(err, &network) || errors.As(err, &certificate) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// unreachable tells apart why no answer came: each cause has another remedy.
func (f failure) unreachable(err error) *fault.Error {
	var certificate *certificateError
	var dns *net.DNSError
	var proxy *proxyError
	var dial *net.OpError
	var notTLS tls.RecordHeaderError
	advice := "the vault cannot be reached"
	switch {
	case errors.As(err, &certificate):
		return f.because(fault.Unavailable, distrusted(err, f.host), err)
	case errors.As(err, &proxy), errors.As(err, &dial) && dial.Op == "proxyconnect":
		advice = "the proxy that this process is told to use does not let it through to the vault: check HTTPS_PROXY and NO_PROXY"
	case errors.As(err, &dns) && dns.IsNotFound:
		return see("VaultUri", f.because(fault.Unavailable, "the name "+f.host+" cannot be resolved: the vault was deleted, "+
			"VaultUri is misspelt, or this host's DNS does not know the private endpoint", err))
	case errors.As(err, &dns):
		advice = "the DNS of this host does not answer, so the name " + f.host + " cannot be resolved"
	case isRefused(err):
		advice = "the address of " + f.host + " refuses connections: a firewall rejects them, or DNS leads to another server"
	case f.progress.step == stepConnect && isTimeout(err):
		advice = "the address of " + f.host + " does not answer: a firewall drops the connection, or there is no route to the private endpoint"
	case errors.As(err, &notTLS), f.progress.step == stepTLS:
		advice = "no TLS connection to " + f.host + " comes about: something else may be answering in its place, or does not take TLS 1.2"
	case f.progress.step == stepAnswer:
		advice = "the connection to the vault was lost before its answer was whole"
	}
	return f.because(fault.Unavailable, f.doubt(advice), err)
}

// distrusted says what is wrong with a certificate.
func distrusted(err error, host string) string {
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate of " + host + " has expired or is not valid yet: check the clock of this host; " +
			"if that is right, something else is answering in the vault's place"
	case errors.As(err, &name):
		return "the certificate that was shown for " + host + " is another server's: check DNS and the proxy"
	}
	return "the certificate of " + host + " is not trusted: if a proxy inspects TLS, add its authority to the trusted ones of this host"
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}

func isRefused(err error) bool {
	// What Windows answers is not what its package syscall calls ECONNREFUSED.
	const windowsRefused = 10061
	var number syscall.Errno
	return errors.As(err, &number) && (number == syscall.ECONNREFUSED || runtime.GOOS == "windows" && number == windowsRefused)
}
