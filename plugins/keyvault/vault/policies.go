package vault

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"

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

// trailPolicy notes on the call's trail what the vault answered.
type trailPolicy struct{}

func (trailPolicy) Do(r *policy.Request) (*http.Response, error) {
	t := trailOf(r.Raw().Context())
	t.at(stepAnswer)
	response, err := r.Next()
	if response != nil {
		t.answered(response.StatusCode)
	}
	return response, err
}
