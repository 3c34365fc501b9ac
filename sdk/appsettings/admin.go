package appsettings

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

func (r *reader) adminAPI(s *section) AdminAPI {
	defer s.done()
	a := AdminAPI{Listen: "127.0.0.1:5100", TLS: r.tls(s.sub("Tls")), Hosts: s.list("Hosts", aHostName), URL: s.ownURL("Url")}
	for i, name := range a.Hosts {
		a.Hosts[i] = strings.ToLower(name)
	}
	for _, text := range s.list("TrustedProxies", aProxy) {
		if p, err := parseProxy(text); err == nil { // the list has only good ones
			a.TrustedProxies = append(a.TrustedProxies, p)
		}
	}
	const name = "Listen"
	n := s.text(name, false)
	if n == nil {
		inForce(r, s.at(name), a.Listen)
		return a
	}
	host, port, err := net.SplitHostPort(n.text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	switch {
	case err != nil:
		r.fail(n, s.at(name), "expected an address and a port such as %s, found %s", a.Listen, quote(n))
	case !isLoopback(host) && !s.node.member("Tls").isSet():
		r.fail(n, s.at(name), "other hosts reach %s, and passwords must not travel in the clear: set AdminApi:Tls:CertificateFile and "+
			"AdminApi:Tls:KeyFile, or listen on a loopback address such as 127.0.0.1:5100 with a reverse proxy with TLS before it", quote(n))
	}
	a.Listen = n.text
	return a
}

func (r *reader) tls(s *section) TLS {
	defer s.done()
	t := TLS{CertificateFile: s.folderOrFile("CertificateFile"), KeyFile: s.folderOrFile("KeyFile")}
	for name, file := range map[string]string{"CertificateFile": t.CertificateFile, "KeyFile": t.KeyFile} {
		if s.node != nil && file == "" {
			r.diags.Errorf(s.at(name), "required: TLS needs a certificate and its key, as two files in PEM form")
		}
	}
	return t
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// aHostName accepts what a Host header can have, without a port.
func aHostName(name string) error {
	if _, err := netip.ParseAddr(name); err == nil {
		return nil
	}
	if name == "" || strings.ContainsFunc(name, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._-", c))
	}) {
		return errors.New("expected the name of a host such as mesh.example.net, or an IP address, without a port and without *")
	}
	return nil
}

// aProxy accepts whose word about others may count.
func aProxy(text string) error {
	_, err := parseProxy(text)
	return err
}

func parseProxy(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil || p.Addr().Is4In6():
		return p, errors.New("expected the IP address of a reverse proxy such as 10.1.2.3, or a prefix such as 10.1.2.0/28 or 2001:db8::/64")
	case p.Bits() == 0:
		return p, errors.New("it stands for every address, so that anybody could say that he is somebody else; name the reverse proxies only")
	}
	return p.Masked(), nil
}

// ownURL returns where browsers find the Admin API, without a slash at the end.
func (s *section) ownURL(name string) string {
	n := s.text(name, false)
	if n == nil {
		return ""
	}
	u, err := url.Parse(n.text)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "", u.User != nil, u.RawQuery != "", u.Fragment != "", u.Path != "" && u.Path != "/":
		s.fail(n, s.at(name), "expected a URL without a path such as https://mesh.example.net, found %s", quote(n))
		return ""
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		s.fail(n, s.at(name), "expected https, because passwords must not travel in the clear, found %s", quote(n))
		return ""
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}

// Sessions is Authentication:Sessions.
type Sessions struct {
	// IdleTimeout is how long a session lives unused, AbsoluteTimeout how long at
	// most. The first is not longer than the second.
	IdleTimeout, AbsoluteTimeout time.Duration
}

func (r *reader) sessions(s *section) Sessions {
	defer s.done()
	x := Sessions{
		IdleTimeout:     s.duration("IdleTimeout", 30*time.Minute, time.Second, 7*24*time.Hour),
		AbsoluteTimeout: s.duration("AbsoluteTimeout", 12*time.Hour, time.Second, 30*24*time.Hour),
	}
	if x.IdleTimeout > x.AbsoluteTimeout {
		r.diags.Errorf(s.at("IdleTimeout"), "it is longer than %s, which ends a session in any case", s.at("AbsoluteTimeout"))
	}
	return x
}
