package loopbacktest_test

import (
	"net"
	"net/netip"
	"runtime"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/loopbacktest"
)

// Whoever connects to a server on a loopback address does so from 127.0.0.1, where it
// takes a port that may be the very one that was free.
func TestWhatOthersDoOnLoopbackDoesNotTakeTheAddress(t *testing.T) {
	if runtime.GOOS == "darwin" {
		t.Skip("macOS has only 127.0.0.1")
	}
	address := loopbacktest.Address(t)
	at := netip.MustParseAddrPort(address)
	if !at.Addr().IsLoopback() {
		t.Fatalf("%s is no loopback address", address)
	}
	others, err := net.Listen("tcp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), at.Port()).String())
	if err != nil {
		t.Skipf("somebody has port %d of 127.0.0.1: %v", at.Port(), err)
	}
	defer others.Close()
	server, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("the address was taken: %v", err)
	}
	_ = server.Close()
}
