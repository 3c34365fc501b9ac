package persona

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// starters misbehave before they are plugins.
func starters() []Persona {
	wait := func(d time.Duration) part { return part{first: func(*stage) { time.Sleep(d) }} }
	return []Persona{
		{Name: "slow-start", About: "Takes 3 s to reach the handshake.", part: wait(3 * time.Second)},
		{Name: "very-slow-start", About: "Takes 20 s to reach the handshake.", part: wait(20 * time.Second)},
		{Name: "silent", About: "Runs and never shakes hands.", part: part{first: func(*stage) { time.Sleep(time.Hour) }, stays: true}},
		{Name: "frozen-at-start", About: "Is stopped by a signal before the handshake.", part: part{first: func(*stage) { freeze() }}},
		{Name: "crash-at-start", About: "Says why on stderr and ends with code 3 before the handshake.", part: part{first: func(s *stage) {
			fmt.Fprintln(s.stderr, "cannot find my library")
			os.Exit(3)
		}}},
		{Name: "chatty-before", About: "Greets on stdout before the handshake line.",
			Breaks: []string{"handshake-line-is-the-first-line-of-stdout"},
			part:   part{first: func(s *stage) { fmt.Fprintln(s.stdout, "welcome to the vault") }}},
		{Name: "endless-line", About: "Writes to stdout without end and without a line feed, in the place of a handshake.", part: part{first: func(s *stage) {
			flood(s.stdout, strings.Repeat("1|1|unix|", 8<<10))
		}}},
		{Name: "binary-handshake", About: "Writes a handshake line of zero bytes, escapes and no text.", part: part{first: func(s *stage) {
			fmt.Fprint(s.stdout, "1|1|unix|\x00\x1b[2J\xff|grpc|\xff\xfe\n")
			select {}
		}, stays: true}},
		{Name: "another-major", About: "Speaks a major of the contract that no host offers.", part: part{door: func(d *door) { d.major = 77 }}},
		{Name: "without-certificate", About: "Leaves the certificate out of its handshake.",
			Breaks: []string{"connection-is-mutually-authenticated"},
			part:   part{door: func(d *door) { d.shown.Certificate = nil }}},
		{Name: "other-certificate", About: "Shows one certificate in its handshake and uses another.",
			Breaks: []string{"connection-is-mutually-authenticated"},
			part:   part{door: func(d *door) { d.shown, _ = newCertificate() }}},
		{Name: "any-client", About: "Lets in whoever connects, without a certificate.",
			Breaks: []string{"connection-is-mutually-authenticated"},
			part:   part{door: func(d *door) { d.anyone = true }}},
		{Name: "in-the-clear", About: "Serves without TLS.",
			Breaks: []string{"connection-is-mutually-authenticated"},
			part:   part{door: func(d *door) { d.plain = true }}},
		{Name: "socket-elsewhere", About: "Listens outside of the folder, or of the ports, that its host gave it.",
			Breaks: []string{"socket-is-in-the-folder-of-the-host"},
			part:   part{door: func(d *door) { d.folder = os.TempDir() }}},
		{Name: "second-door", About: "Listens at a port beside its socket.",
			Breaks: []string{"socket-is-in-the-folder-of-the-host"},
			part: part{first: func(*stage) {
				if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
					go func() { _, _ = l.Accept() }() // so that nothing collects it
				}
			}}},
		{Name: "newest-major", About: "Chooses the newest major that it is offered, whatever it speaks.",
			Breaks: []string{"protocol-version-is-one-that-the-host-offers"},
			part: part{door: func(d *door) {
				for _, offered := range strings.Split(os.Getenv("PLUGIN_PROTOCOL_VERSIONS"), ",") {
					if n, err := strconv.Atoi(offered); err == nil {
						d.major = max(d.major, n)
					}
				}
			}}},
		{Name: "connects-early", About: "Connects to its store before it knows which.",
			Breaks: []string{"starting-touches-no-store", "configure-does-not-wait-for-the-network"},
			part:   part{first: func(*stage) { go phone(3 * time.Second) }}},
		{Name: "runs-by-hand", About: "Starts without the cookie of a host as with it.",
			Breaks: []string{"without-the-cookie-the-plugin-explains-itself"}, part: part{shameless: true}},
	}
}

// phone holds a connection for a while, as to a store that is slow, and tries one
// that nobody answers: a host of TEST-NET-1 (RFC 5737).
func phone(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		if conn, err := net.Dial("tcp", l.Addr().String()); err == nil {
			defer conn.Close()
			if other, err := l.Accept(); err == nil { // or closing would end it
				defer other.Close()
			}
		}
		_ = l.Close()
	}
	if conn, err := new(net.Dialer).DialContext(ctx, "tcp", "192.0.2.1:443"); err == nil {
		_ = conn.Close()
	}
	<-ctx.Done()
}
