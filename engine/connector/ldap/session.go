package ldap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// session is one signed-in connection. It is closed when its context ends.
type session struct {
	settings *settings
	conn     *goldap.Conn
	wire     *wire
	detach   func() bool
}

// connect opens a connection, secures it and signs in.
func (c *Connector) connect(ctx context.Context) (*session, error) {
	s, err := dial(ctx, &c.settings)
	if err != nil {
		return nil, err
	}
	if err := c.bind(ctx, s); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func dial(ctx context.Context, cfg *settings) (*session, error) {
	fail := func(err error) (*session, error) {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("connect to %s: %w%s", cfg.url(), err, hint(err))
	}
	var tlsConfig *tls.Config
	if cfg.security != securityNone {
		var err error
		if tlsConfig, err = cfg.tls(); err != nil {
			return nil, err
		}
	}
	dialer := net.Dialer{Timeout: cfg.timeout}
	plain, err := dialer.DialContext(ctx, "tcp", cfg.address())
	if err != nil {
		return fail(err)
	}
	s := &session{settings: cfg, wire: &wire{Conn: plain, timeout: cfg.timeout}}
	// Closing the socket is what wakes everything that waits for the server.
	s.detach = context.AfterFunc(ctx, func() { _ = plain.Close() })

	var transport net.Conn = s.wire
	if cfg.security == securityLDAPS {
		secured := tls.Client(s.wire, tlsConfig)
		s.wire.expect()
		err = secured.HandshakeContext(ctx)
		s.wire.idle()
		if err != nil {
			s.detach()
			_ = plain.Close()
			if errors.Is(err, io.EOF) {
				err = fmt.Errorf("TLS handshake: %w (%s)", err, notTLS)
			}
			return fail(err)
		}
		transport = secured
	}
	s.conn = goldap.NewConn(transport, cfg.security == securityLDAPS)
	s.conn.Start()
	if cfg.security == securityStartTLS {
		s.wire.expect()
		err = s.conn.StartTLS(tlsConfig)
		s.wire.idle()
		if err != nil {
			s.close()
			return fail(fmt.Errorf("StartTLS: %w", err))
		}
	}
	return s, nil
}

func (s *settings) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.host}
	if s.serverName != "" {
		config.ServerName = s.serverName
	}
	if s.caFile == "" {
		return config, nil
	}
	pem, err := os.ReadFile(s.caFile)
	if err != nil {
		return nil, fmt.Errorf("tls:caFile: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tls:caFile: %s holds no certificate in PEM form", s.caFile)
	}
	return config, nil
}

func (c *Connector) bind(ctx context.Context, s *session) error {
	if c.settings.bindDN == "" {
		return nil
	}
	what := fmt.Sprintf("bind as %s at %s with the password of %s", c.settings.bindDN, c.settings.url(), c.settings.passwordRef)
	if len(c.password.Reveal()) == 0 {
		// A bind without a password succeeds as nobody (RFC 4513, 5.1.2).
		return fmt.Errorf("%s: the secret is empty or the connector is closed", what)
	}
	s.wire.expect()
	defer s.wire.idle()
	// go-ldap wants a string, which cannot be wiped; it lives for this call.
	err := s.conn.Bind(c.settings.bindDN, string(c.password.Reveal()))
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s: %w%s", what, err, hint(err))
	}
	return nil
}

// close ends the connection. It does not wait for the server.
func (s *session) close() {
	s.detach()
	// First the socket: go-ldap's own Close waits for goroutines that may be
	// blocked on it.
	_ = s.wire.Close()
	_ = s.conn.Close()
}

// explain says what was tried where, and adds the next step where one is known.
func (s *session) explain(what string, err error) error {
	if err == nil {
		return nil
	}
	if last := s.conn.GetLastError(); last != nil && s.conn.IsClosing() && !errors.Is(err, last) {
		return fmt.Errorf("%s at %s: %w (%w)%s", what, s.settings.url(), err, last, hint(err))
	}
	return fmt.Errorf("%s at %s: %w%s", what, s.settings.url(), err, hint(err))
}

// wire limits how long the server may be silent while an answer is expected. A
// time limit for a whole request would not do: go-ldap drops entries when the
// receiver is slower than that.
type wire struct {
	net.Conn
	timeout time.Duration

	mu      sync.Mutex
	waiting bool
}

// expect starts the limit, idle ends it.
func (w *wire) expect() { w.set(true) }
func (w *wire) idle()   { w.set(false) }

func (w *wire) set(waiting bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = waiting
	if waiting {
		_ = w.Conn.SetReadDeadline(time.Now().Add(w.timeout))
	} else {
		_ = w.Conn.SetReadDeadline(time.Time{})
	}
}

func (w *wire) Read(p []byte) (int, error) {
	w.mu.Lock()
	if w.waiting {
		_ = w.Conn.SetReadDeadline(time.Now().Add(w.timeout))
	}
	w.mu.Unlock()
	return w.Conn.Read(p)
}

func (w *wire) Write(p []byte) (int, error) {
	_ = w.Conn.SetWriteDeadline(time.Now().Add(w.timeout))
	return w.Conn.Write(p)
}
