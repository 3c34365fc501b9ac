package ldap

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"
)

// notTLS is the next step when a server hangs up on a TLS handshake, or answers
// it in another language.
const notTLS = `check that this port speaks TLS from the start: 636 usually does, 389 needs security "starttls"`

// hint returns the next step for an error, in brackets after the directory's own
// words, or nothing.
func hint(err error) string {
	if step := nextStep(err); step != "" {
		return " (" + step + ")"
	}
	return ""
}

func nextStep(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var noTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &unknown):
		return "set tls:caFile to the certificate of the authority that signed the server's"
	case errors.As(err, &name):
		return "set tls:serverName to the name in the server's certificate"
	case errors.As(err, &noTLS):
		return notTLS
	}
	var e *goldap.Error
	if !errors.As(err, &e) {
		return ""
	}
	switch e.ResultCode {
	case goldap.LDAPResultInvalidCredentials:
		return activeDirectoryReason(e.Error())
	case goldap.LDAPResultSizeLimitExceeded, goldap.LDAPResultAdminLimitExceeded:
		return "the read is not complete: raise the server's limits for this account or lower pageSize"
	case goldap.LDAPResultTimeLimitExceeded:
		return "the read is not complete: raise the server's time limit for this account or narrow the filter"
	case goldap.LDAPResultUnavailableCriticalExtension:
		return "the server cannot do what was asked of it; if serverSideSort is on, switch it off"
	case goldap.LDAPResultStrongAuthRequired, goldap.LDAPResultConfidentialityRequired:
		return `set security to "ldaps" or "starttls"`
	case goldap.LDAPResultNoSuchObject:
		return "check that it exists and that this account may read it"
	case goldap.LDAPResultInsufficientAccessRights:
		return "give this account the right to read it"
	}
	return ""
}

// activeDirectoryReason explains the sub-codes that Active Directory puts into a
// refused bind ("…, data 52e, …"); they are Windows error codes in hexadecimal.
func activeDirectoryReason(text string) string {
	_, rest, found := strings.Cut(text, ", data ")
	if !found {
		return ""
	}
	code, _, _ := strings.Cut(rest, ",")
	return map[string]string{
		"525": "no such user",
		"52e": "wrong password",
		"530": "not permitted to sign in at this time",
		"531": "not permitted to sign in from this host",
		"532": "the password has expired",
		"533": "the account is disabled",
		"701": "the account has expired",
		"773": "the password must be changed first",
		"775": "the account is locked",
	}[strings.TrimSpace(code)]
}
