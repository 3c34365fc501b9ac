package vault

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// hostPolicy refuses requests to any other host than the vault's. The SDK's
// pager would follow a link of the vault's answer anywhere, token included.
type hostPolicy struct{ host string }

func (p hostPolicy) Do(r *policy.Request) (*http.Response, error) {
	u := r.Raw().URL
	if u.Host == p.host+":443" {
		// So the service writes its links; the SDK's check of a challenge knows the
		// vault only without the port.
		u.Host, r.Raw().Host = p.host, p.host
	}
	if u.Scheme != "https" || u.Host != p.host {
		return nil, &foreignHostError{want: p.host, got: u.Host}
	}
	return r.Next()
}

type foreignHostError struct{ want, got string }

func (e *foreignHostError) Error() string {
	return fmt.Sprintf("refused a request to %q, which is not the vault %s", e.got, e.want)
}

// certificatePolicy ends repetition when a server's certificate is not trusted:
// a second look at it gives the same answer, some seconds later.
type certificatePolicy struct{}

func (certificatePolicy) Do(r *policy.Request) (*http.Response, error) {
	response, err := r.Next()
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		err = &certificateError{err}
	}
	return response, err
}

// certificateError has the method by which azcore knows that an error is final.
type certificateError struct{ cause error }

func (e *certificateError) Error() string { return e.cause.Error() }
func (e *certificateError) Unwrap() error { return e.cause }
func (e *certificateError) NonRetriable() {}

// tryPolicy sees each request of each try, the challenge too, and stands between
// the SDK and what the vault answers.
type tryPolicy struct {
	host string
	gate *gate
}

func (p tryPolicy) Do(r *policy.Request) (*http.Response, error) {
	t := trailOf(r.Raw().Context())
	t.begin()
	withToken := r.Raw().Header.Get("Authorization") != ""
	ctx := httptrace.WithClientTrace(r.Raw().Context(), &httptrace.ClientTrace{
		DNSStart:          func(httptrace.DNSStartInfo) { t.at(stepResolve) },
		ConnectStart:      func(string, string) { t.at(stepConnect) },
		TLSHandshakeStart: func() { t.at(stepTLS) },
		GotConn:           func(httptrace.GotConnInfo) { t.connected(withToken) },
	})
	if withToken {
		defer p.gate.passAfter(patience)()
	}
	response, err := r.WithContext(ctx).Next()
	if err != nil {
		return nil, err
	}
	outer, inner := "", ""
	if response.StatusCode >= 300 {
		if outer, inner, err = shorten(response); err != nil {
			return nil, err
		}
	}
	t.answered(response, outer, inner)
	if withToken && response.StatusCode != http.StatusUnauthorized {
		p.gate.pass()
	}
	if !withToken && response.StatusCode < 300 {
		// The SDK would believe it, even of a write whose value was not sent yet.
		return nil, &challengeError{"is missing: a request without a token was answered with success"}
	}
	if response.StatusCode == http.StatusUnauthorized {
		if err := checkChallenge(response, p.host, withToken); err != nil {
			return nil, err
		}
	}
	return response, nil
}
