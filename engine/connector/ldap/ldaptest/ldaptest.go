// Package ldaptest runs a real OpenLDAP server for tests: on an address of its
// own, with a certificate of its own authority, filled with people whose
// timestamps are spread over years as in a grown directory.
//
// Start reading at [Start]; in a test use [Run].
package ldaptest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

const (
	// Suffix is the naming context of every server.
	Suffix = "dc=example,dc=test"
	// PeopleDN is the parent of all people.
	PeopleDN = "ou=people," + Suffix
	// SyncDN is the account that reads; its password is [Server.Password].
	SyncDN = "cn=sync," + Suffix

	adminDN = "cn=admin," + Suffix
	// readyTimeout is how long a server may take to answer.
	readyTimeout = 30 * time.Second
)

// ErrNotInstalled is returned when slapd or slapadd is missing.
var ErrNotInstalled = errors.New("OpenLDAP's slapd is not installed (Debian package slapd)")

// Config says what server to start. The zero Config is an empty directory.
type Config struct {
	// People to create, numbered from 0; see [PersonDN].
	People int
	// Password of [SyncDN]; default a random one.
	Password string
	// Newest is when the last person was changed; default a day ago. The others
	// were changed at any time in the three years before.
	Newest time.Time
	// TotalLimit is how many entries a paged search may return in all to
	// [SyncDN]; 0 means no limit. Searches without paging end after 1,000, and
	// pages are of at most 5,000.
	TotalLimit int
	// WithoutSorting leaves out the server-side sorting overlay.
	WithoutSorting bool
	// Dir holds everything the server writes; default a temporary folder that
	// Close removes.
	Dir string
}

// Server is a directory server. Its methods must not be called concurrently.
type Server struct {
	// Host is an address of the loopback network, Port serves LDAP and
	// StartTLS, TLSPort LDAPS.
	Host          string
	Port, TLSPort int
	// CAFile is the certificate to trust, in PEM form.
	CAFile string
	// Password of [SyncDN].
	Password string

	dir      string
	ownDir   bool
	slapd    string
	adminPW  string
	process  *exec.Cmd
	finished chan struct{}
}

// Start creates a directory, fills it and returns when it answers.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	slapd, err := find("slapd")
	if err != nil {
		return nil, err
	}
	slapadd, err := find("slapadd")
	if err != nil {
		return nil, err
	}
	s := &Server{slapd: slapd, dir: cfg.Dir, Password: cfg.Password, adminPW: randomText()}
	if s.Password == "" {
		s.Password = randomText()
	}
	if s.dir == "" {
		if s.dir, err = os.MkdirTemp("", "ldaptest-"); err != nil {
			return nil, err
		}
		s.ownDir = true
	}
	if err := s.create(ctx, slapadd, cfg); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.Restart(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// create writes configuration, certificate and data.
func (s *Server) create(ctx context.Context, slapadd string, cfg Config) error {
	for _, sub := range []string{"conf", "db", "run"} {
		if err := os.MkdirAll(filepath.Join(s.dir, sub), 0o700); err != nil {
			return err
		}
	}
	if err := s.chooseAddress(); err != nil {
		return err
	}
	if err := WriteCertificates(s.dir, s.Host); err != nil {
		return err
	}
	s.CAFile = filepath.Join(s.dir, "ca.pem")
	config, data := filepath.Join(s.dir, "config.ldif"), filepath.Join(s.dir, "data.ldif")
	if err := os.WriteFile(config, []byte(s.configLDIF(cfg)), 0o600); err != nil {
		return err
	}
	if err := writeData(data, s.Password, cfg); err != nil {
		return err
	}
	conf := filepath.Join(s.dir, "conf")
	for _, args := range [][]string{
		{"-n", "0", "-F", conf, "-l", config},
		{"-q", "-w", "-n", "1", "-F", conf, "-l", data},
	} {
		if out, err := exec.CommandContext(ctx, slapadd, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("slapadd %v: %w: %s", args, err, out)
		}
	}
	return os.Remove(data)
}

// chooseAddress takes a random loopback address, so that servers of different
// tests cannot be mistaken for one another, and two free ports there.
func (s *Server) chooseAddress() error {
	var b [3]byte
	if _, err := rand.Read(b[:]); err != nil {
		return err
	}
	s.Host = fmt.Sprintf("127.%d.%d.%d", 64+b[0]%128, b[1], 1+b[2]%254)
	for _, port := range []*int{&s.Port, &s.TLSPort} {
		l, err := net.Listen("tcp", net.JoinHostPort(s.Host, "0"))
		if err != nil {
			return err
		}
		defer l.Close()
		*port = l.Addr().(*net.TCPAddr).Port
	}
	return nil
}

// Restart starts the server again after [Server.Stop] or [Server.Kill], on the
// same ports and with the same data, and returns when it answers.
func (s *Server) Restart(ctx context.Context) error {
	if s.process != nil {
		return errors.New("ldaptest: the server runs already")
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "slapd.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	urls := "ldap://" + net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) + " ldaps://" + net.JoinHostPort(s.Host, strconv.Itoa(s.TLSPort))
	cmd := exec.Command(s.slapd, "-h", urls, "-F", filepath.Join(s.dir, "conf"), "-d", "0")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = processAttributes()
	if err := cmd.Start(); err != nil {
		return err
	}
	finished := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(finished)
	}()
	s.process, s.finished = cmd, finished
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		// Only our own server knows the random password of its administrator.
		err := s.Admin(ctx, func(*goldap.Conn) error { return nil })
		if err == nil {
			return nil
		}
		select {
		case <-finished:
			s.process = nil
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("slapd ended at once: %s", text)
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("slapd does not answer: %w", err), s.Kill())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Stop ends the server in good order; Restart continues with its data.
func (s *Server) Stop() error { return s.signal(syscall.SIGTERM) }

// Kill ends the server in the middle of whatever it does.
func (s *Server) Kill() error { return s.signal(syscall.SIGKILL) }

func (s *Server) signal(sig os.Signal) error {
	if s.process == nil {
		return nil
	}
	err := s.process.Process.Signal(sig)
	select {
	case <-s.finished:
	case <-time.After(readyTimeout):
		err = errors.Join(err, s.process.Process.Kill())
		<-s.finished
	}
	s.process = nil
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Close ends the server and removes its data when [Start] chose the folder.
func (s *Server) Close() error {
	err := s.Stop()
	if s.ownDir {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

// find looks where administrators' programs are too, which are not on
// everybody's path.
func find(name string) (string, error) {
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name, "/usr/libexec/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: %s was not found", ErrNotInstalled, name)
}

func randomText() string {
	var b [12]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
