package vault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Network replaces parts of the network for tests that run against a server of
// their own. The zero Network is the real one.
type Network struct {
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
	RootCAs *x509.CertPool
}

// NewHTTPClient returns the client for all requests of this provider. It follows
// no redirect: the SDK would send a value on to wherever a 307 points, and would
// take a foreign answer for the secret. It reads no more of an answer than what
// answers of these services can have.
func NewHTTPClient(n Network) *http.Client {
	dial := n.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: boundedTransport{&http.Transport{
			Proxy:                  proxy,
			DialContext:            dial,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: n.RootCAs},
			TLSHandshakeTimeout:    10 * time.Second,
			ResponseHeaderTimeout:  30 * time.Second,
			MaxResponseHeaderBytes: maxHeaderBytes,
			IdleConnTimeout:        90 * time.Second,
			MaxIdleConns:           32,
			MaxIdleConnsPerHost:    16,
			ForceAttemptHTTP2:      true,
			// Every request of the process shares one connection of HTTP/2. When the
			// network loses it without a word, only a ping finds out.
			HTTP2: &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
			OnProxyConnectResponse: func(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
				if answer.StatusCode == http.StatusOK {
					return nil
				}
				return &proxyError{proxy: proxy.Host, status: answer.Status}
			},
		}},
	}
}

// proxyError is a proxy that was reached and does not let us through.
type proxyError struct{ proxy, status string }

func (e *proxyError) Error() string {
	return fmt.Sprintf("the proxy %s answered %s", e.proxy, e.status)
}

// proxy is what the usual variables say, except for link-local addresses: the
// metadata service that hands out managed identities is on one, and a proxy
// would answer for another machine, or not at all.
func proxy(r *http.Request) (*url.URL, error) {
	if ip, err := netip.ParseAddr(r.URL.Hostname()); err == nil && ip.IsLinkLocalUnicast() {
		return nil, nil
	}
	return http.ProxyFromEnvironment(r)
}
