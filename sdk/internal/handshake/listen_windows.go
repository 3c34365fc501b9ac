package handshake

import (
	"fmt"
	"net"
	"strconv"
)

// listen takes the first port of the host's range that is free.
func listen(getenv func(string) string) (net.Listener, error) {
	low, err := strconv.ParseUint(getenv(EnvMinPort), 10, 16)
	if err != nil {
		return nil, errNoPlace
	}
	high, err := strconv.ParseUint(getenv(EnvMaxPort), 10, 16)
	if err != nil {
		return nil, errNoPlace
	}
	for port := low; port <= high; port++ {
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("no port of 127.0.0.1 from %d to %d is free", low, high)
}
