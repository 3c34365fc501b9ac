package persona

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// starters misbehave before they are plugins.
func starters() []Persona {
	wait := func(d time.Duration) part { return part{first: func(*stage) { time.Sleep(d) }} }
	return []Persona{
		{Name: "slow-start", About: "Takes 3 s to reach the handshake.", part: wait(3 * time.Second)},
		{Name: "very-slow-start", About: "Takes 20 s to reach the handshake.", part: wait(20 * time.Second)},
		{Name: "silent", About: "Runs and never shakes hands.", part: part{first: func(*stage) { select {} }, stays: true}},
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
		{Name: "socket-elsewhere", About: "Listens outside of the folder that its host gave it.",
			Breaks: []string{"socket-is-in-the-folder-of-the-host"},
			part:   part{door: func(d *door) { d.folder = os.TempDir() }}},
		{Name: "runs-by-hand", About: "Starts without the cookie of a host as with it.",
			Breaks: []string{"without-the-cookie-the-plugin-explains-itself"}, part: part{shameless: true}},
	}
}
