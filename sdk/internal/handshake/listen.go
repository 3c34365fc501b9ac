package handshake

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// Listen makes the plugin's side of a start: it listens where the host's variables
// say, which getenv looks up, and returns with the listener its TLS and the line
// that tells the host. TLS is not put around the listener, because gRPC does that
// itself.
func Listen(major int, getenv func(string) string) (net.Listener, *tls.Config, Line, error) {
	pair, err := NewPair()
	if err != nil {
		return nil, nil, Line{}, err
	}
	config, err := pair.Server(getenv(EnvCertificate))
	if err != nil {
		return nil, nil, Line{}, fmt.Errorf("read the variable %s: %w", EnvCertificate, err)
	}
	l, err := listen(getenv)
	if err != nil {
		return nil, nil, Line{}, fmt.Errorf("listen for the host: %w", err)
	}
	return l, config, Line{
		Core: CoreProtocol, Major: major, Network: l.Addr().Network(), Address: l.Addr().String(),
		Protocol: GRPC, Certificate: pair.Text(),
	}, nil
}

var errNoPlace = errors.New("the host said no place; its variables are missing or unreadable")
