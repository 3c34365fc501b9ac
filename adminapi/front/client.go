package front

import (
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// forwarded is the header in which each reverse proxy appends the address that it
// sees, so that only what trusted ones appended, at its right end, is true.
const forwarded = "X-Forwarded-For"

// fromClient returns the request with the client's address in place of the
// trusted reverse proxy's that passed it on. What nobody trusted vouches for, and
// what cannot be read, changes nothing.
func (f *front) fromClient(r *http.Request) *http.Request {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !f.trusts(peer.Addr()) {
		return r
	}
	for _, line := range slices.Backward(r.Header.Values(forwarded)) {
		for _, entry := range slices.Backward(strings.Split(line, ",")) {
			client, ok := parseClient(strings.TrimSpace(entry))
			if !ok {
				return r
			}
			if !f.trusts(client.Addr()) {
				changed := *r
				changed.RemoteAddr = client.String()
				return &changed
			}
		}
	}
	return r
}

func (f *front) trusts(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	return slices.ContainsFunc(f.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(address) })
}

// parseClient reads an address with or without a port, in brackets or not; the
// port is 0 where none is named. A zone means something to the proxy's host only.
func parseClient(entry string) (netip.AddrPort, bool) {
	host, port := entry, uint64(0)
	bracket := strings.HasPrefix(entry, "[")
	if at := strings.LastIndexByte(entry, ':'); at >= 0 && (bracket && at == strings.IndexByte(entry, ']')+1 || strings.Count(entry, ":") == 1) {
		var err error
		if port, err = strconv.ParseUint(entry[at+1:], 10, 16); err != nil {
			return netip.AddrPort{}, false
		}
		host = entry[:at]
	}
	if bracket {
		var closed bool
		if host, closed = strings.CutSuffix(host[1:], "]"); !closed {
			return netip.AddrPort{}, false
		}
	}
	address, err := netip.ParseAddr(host)
	if err != nil || bracket && !address.Is6() {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(address.Unmap().WithZone(""), uint16(port)), true
}
