// Package fakevault is an Azure Key Vault, and the sign-in services it needs, on
// a local listener, for tests: real HTTPS with an authority of its own, the real
// order of challenge, token and request, the service's pages, states, limits and
// refusals, and failures on demand.
//
// A test starts a server, gives its client under test [Server.Dial] and
// [Server.RootCAs], or the real names in a network namespace of its own, and signs
// in with [Server.ClientID] and [Server.ClientSecret], who is an Officer. Then
//
//   - [Config.Rules] and [Server.Change] set how long deleting and recovering take,
//     purge protection, access policies, firewall and request limits;
//   - [Server.Register] and [Server.Grant] say who has which rights,
//     [Server.IssueCertificate] and [Server.AssignIdentity] how else they sign in;
//   - [Server.Put], [Server.Disable], [Server.SetText] and [Server.SetTag] are what
//     somebody else does to the vault meanwhile;
//   - [Server.Fail] replaces the answer to chosen requests: any status, headers and
//     body, late, cut off, never, or carried out and lost;
//   - [Server.Requests] tells what arrived.
//
// It is no emulator for production use: secrets live in memory and in the clear.
// What it knows of the service's behaviour comes from its public documentation
// and from answers seen in public; where those disagree or are silent, a comment
// says what was chosen. Start reading at [Start].
package fakevault

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config of a [Server]; the zero Config is a server on free ports of loopback
// with one vault, [DefaultHost].
type Config struct {
	// Addr is where HTTPS is served, for the vaults and the login hosts.
	Addr string
	// PlainAddr is where HTTP is served: the managed identity endpoints and the
	// control interface of the command.
	PlainAddr string
	// Hosts are the vaults.
	Hosts []string
	// Tenant and TokenKey are random when empty. Give them to all servers of a
	// process that uses managed identities: the SDK caches those tokens for the
	// whole process, and a server takes only tokens of its own tenant and key.
	Tenant   string
	TokenKey []byte
	// Now is the clock of tokens and attributes; nil for time.Now.
	Now func() time.Time
	// Rules of the vaults at the start; see [Server.Change].
	Rules Rules
}

// DefaultHost is the vault that a server has when none is named.
const DefaultHost = "contoso-im.vault.azure.net"

// loginHosts answer as the public cloud's login endpoint.
var loginHosts = []string{"login.microsoftonline.com", "login.windows.net", "login.microsoft.com"}

// Server is a running fake. It is safe for concurrent use.
type Server struct {
	// Tenant, ClientID and ClientSecret are the service principal that may sign in.
	Tenant, ClientID, ClientSecret string
	// FederatedToken is the assertion that workload identity signs in with.
	FederatedToken string
	// ManagedClientID is the host's managed identity, the same for one TokenKey;
	// IdentityHeader is what the App Service endpoint wants to see.
	ManagedClientID, IdentityHeader string

	config     Config
	authority  *authority
	https      net.Listener
	plain      net.Listener
	servers    []*http.Server
	done       sync.WaitGroup
	vaultHosts []string

	mu         sync.Mutex
	rules      Rules
	proofs     proofs
	principals map[string]*principal        // by client id
	secrets    map[string]map[string]*entry // by vault and name
	used       map[string]*usage            // by vault
	answers    []*Answer
	journal    []Request
}

// Start serves until Close.
func Start(c Config) (*Server, error) {
	if c.Addr == "" {
		c.Addr = "127.0.0.1:0"
	}
	if c.PlainAddr == "" {
		c.PlainAddr = "127.0.0.1:0"
	}
	if len(c.Hosts) == 0 {
		c.Hosts = []string{DefaultHost}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Tenant == "" {
		c.Tenant = uuid()
	}
	if len(c.TokenKey) == 0 {
		c.TokenKey = []byte(randomHex(32))
	}
	ca, err := newAuthority(append(slices.Clone(c.Hosts), loginHosts...))
	if err != nil {
		return nil, fmt.Errorf("make certificates: %w", err)
	}
	s := &Server{
		Tenant: c.Tenant, ClientID: uuid(), ClientSecret: randomHex(20), FederatedToken: randomHex(20),
		ManagedClientID: uuidOf(c.TokenKey), IdentityHeader: randomHex(16),
		config: c, authority: ca, vaultHosts: c.Hosts,
		rules: c.Rules, secrets: map[string]map[string]*entry{}, used: map[string]*usage{},
	}
	s.principals = map[string]*principal{s.ClientID: {s.ClientSecret, Officer()}, s.ManagedClientID: {"", Officer()}}
	for _, host := range c.Hosts {
		s.used[host] = &usage{}
		s.secrets[host] = map[string]*entry{}
	}
	if s.https, err = net.Listen("tcp", c.Addr); err != nil {
		return nil, fmt.Errorf("listen for https: %w", err)
	}
	if s.plain, err = net.Listen("tcp", c.PlainAddr); err != nil {
		_ = s.https.Close()
		return nil, fmt.Errorf("listen for http: %w", err)
	}
	s.serve(tls.NewListener(s.https, &tls.Config{Certificates: []tls.Certificate{ca.leaf}, MinVersion: tls.VersionTLS12}), s.routes())
	s.serve(s.plain, s.identityRoutes())
	return s, nil
}

func (s *Server) serve(l net.Listener, h http.Handler) {
	// Clients that distrust the certificate are part of the tests; no log of them.
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	s.servers = append(s.servers, server)
	s.done.Add(1)
	go func() {
		defer s.done.Done()
		_ = server.Serve(l)
	}()
}

// Close ends every connection and waits for the servers.
func (s *Server) Close() {
	for _, server := range s.servers {
		_ = server.Close()
	}
	s.done.Wait()
}

// Addr is where HTTPS is served.
func (s *Server) Addr() string { return s.https.Addr().String() }

// IdentityEndpoint is the App Service style endpoint of the managed identity.
func (s *Server) IdentityEndpoint() string { return "http://" + s.plain.Addr().String() + "/msi/token" }

// Dial connects to the fake whatever the address says, so that a client under
// test keeps the real host names and nothing leaves the machine. Loopback
// addresses are taken as they are.
func (s *Server) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	if host, _, err := net.SplitHostPort(address); err == nil && net.ParseIP(host).IsLoopback() {
		return d.DialContext(ctx, network, address)
	}
	return d.DialContext(ctx, network, s.Addr())
}

// routes picks the service by host name, as the network would.
func (s *Server) routes() http.Handler {
	login := s.loginRoutes()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := strings.TrimSuffix(strings.ToLower(r.Host), ":443")
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		switch {
		case slices.Contains(s.vaultHosts, host):
			s.recorded(serviceVault, w, r, func(w http.ResponseWriter) { s.serveVault(host, w, r) })
		case slices.Contains(loginHosts, host):
			s.recorded(serviceLogin, w, r, func(w http.ResponseWriter) { login.ServeHTTP(w, r) })
		default:
			http.Error(w, "no such host here", http.StatusMisdirectedRequest)
		}
	})
}

func uuid() string { return uuidOf([]byte(randomHex(16))) }

func uuidOf(seed []byte) string {
	sum := sha256.Sum256(seed)
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return hex.EncodeToString(b)
}
