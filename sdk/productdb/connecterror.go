package productdb

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/microsoft/go-mssqldb/msdsn"

	"github.com/identitymesh/identitymesh/sdk/fault"
)

// ConnectError says why no connection to SQL Server could be made, in the
// driver's or the server's words, and what to do about it.
type ConnectError struct {
	Reason fault.Reason
	// Target is the server and database, without credentials.
	Target string
	// Advice names the settings of the connection string to look at.
	Advice string
	Err    error
}

func (e *ConnectError) Error() string {
	return fmt.Sprintf("connect to %s: %v; %s (see %s)", e.Target, e.Err, e.Advice, ConfigKey)
}

// Unwrap returns the driver's error.
func (e *ConnectError) Unwrap() error { return e.Err }

// explain finds the advice for an error of connecting. The numbers are those of
// "Database Engine events and errors".
func explain(c msdsn.Config, err error) error {
	e := &ConnectError{Target: serverTarget(c), Err: err}
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var dns *net.DNSError
	var dial *net.OpError
	number, _ := serverNumber(err)
	say := func(reason fault.Reason, format string, args ...any) error {
		e.Reason, e.Advice = reason, fmt.Sprintf(format, args...)
		return e
	}
	switch {
	case errors.Is(err, context.Canceled):
		return say(fault.Cancelled, "nobody waits for it any more")
	case errors.As(err, &hostname):
		return say(fault.ConfigInvalid, "the server's certificate is for another name: write Server with the name in the certificate, "+
			"or that name as HostNameInCertificate")
	case errors.As(err, &invalid), errors.As(err, &unknown):
		return say(fault.ConfigInvalid, "the server's certificate is not trusted here: give the server one of a trusted authority, "+
			"or make its authority's certificate trusted on this host, or name the file with it as Certificate; "+
			"TrustServerCertificate=true would accept anybody's certificate and is for tests only")
	}
	switch number {
	case 18456, 18452, 18470, 18486, 18487, 18488:
		return say(fault.AuthFailed, "check User ID and Password, or Integrated Security and the account that this program runs as; "+
			"the server's own log says more")
	case 4060, 916:
		return say(fault.AccessDenied, "check Database=%s: create the database if it is missing, and make the login a user in it", c.Database)
	case 40615:
		return say(fault.AccessDenied, "allow the address of this host in the server's firewall")
	}
	late := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &dial) && dial.Timeout()
	reason := fault.Unavailable
	if late {
		reason = fault.Timeout
	}
	switch {
	case errors.As(err, &dns):
		return say(reason, "check the name in Server")
	case c.Instance != "" && c.Port == 0:
		return say(reason, "check the name of the instance in Server, and that SQL Server Browser runs there and can be reached on UDP port 1434; "+
			"or name the port: Server=%s,<port>", c.Host)
	case late:
		return say(reason, "check the name and port in Server, the firewalls between, and whether the server is overloaded")
	case errors.As(err, &dial):
		return say(reason, "check Server and its port, and that SQL Server runs there with TCP/IP switched on")
	}
	return say(reason, "check Server, the way of signing in, and Encrypt")
}
