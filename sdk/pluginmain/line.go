package pluginmain

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/identitymesh/identitymesh/sdk/internal/handshake"
)

// provideTLS returns the plugin's side of the mutual authentication, for go-plugin
// to serve with. Left alone go-plugin makes a key on P-521, which costs more than
// the rest of a start; given TLS from outside it makes none, and leaves the
// certificate out of its handshake line. So that line goes through a pipe, which
// stands in the place of os.Stdout from now on, and is completed on its way.
func provideTLS() (func() (*tls.Config, error), error) {
	pair, err := handshake.NewPair()
	if err != nil {
		return nil, err
	}
	from, to, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe for the handshake line: %w", err)
	}
	go complete(os.Stdout, from, pair.Text())
	os.Stdout = to
	return func() (*tls.Config, error) { return pair.Server(os.Getenv(handshake.EnvCertificate)) }, nil
}

// complete passes the handshake line on with the certificate, and nothing else.
func complete(stdout io.Writer, from io.Reader, certificate string) {
	in := bufio.NewReader(from)
	line, err := in.ReadString('\n')
	if err != nil {
		return // go-plugin failed before it wrote one
	}
	// The host says why it reads no more.
	_, _ = fmt.Fprintln(stdout, strings.TrimRight(line, "\r\n")+certificate)
	_, _ = io.Copy(io.Discard, in)
}
