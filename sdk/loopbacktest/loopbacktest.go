// Package loopbacktest finds addresses for servers that are other processes, which a
// test has to tell where to listen. Start reading at [Free].
package loopbacktest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Free returns a loopback address with a port at which nobody listens. Between this
// call and the server's, any process may take a port of 127.0.0.1, if only for a
// connection it makes from there; so the host is one of the 127.0.0.0/8 (RFC 1122,
// section 3.2.1.3) that is nobody else's. Systems that have only 127.0.0.1 give that.
func Free() (string, error) {
	host := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250))
	listener, err := net.Listen("tcp", host+":0")
	if err != nil {
		if listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return "", fmt.Errorf("find a free address: %w", err)
		}
	}
	return listener.Addr().String(), listener.Close()
}

// Address is [Free] for a test, which ends when there is none.
func Address(t testing.TB) string {
	t.Helper()
	address, err := Free()
	if err != nil {
		t.Fatal(err)
	}
	return address
}
