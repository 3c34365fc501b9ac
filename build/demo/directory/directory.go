// Package directory is the demo's LDAP directory: a company's people, read by
// ordinary LDAP clients with a password that can be changed while it runs.
//
// It answers what a client needs to read: simple bind, search with every filter
// except extensible ones, paged results (RFC 2696), the rootDSE and operational
// attributes. It writes nothing on behalf of clients and has no TLS, so it listens
// on loopback addresses only.
//
// It speaks BER through asn1-ber itself. The server libraries that exist for Go
// (gldap was tried) cannot say which port they got, wait for ever for idle clients
// when they are stopped, and flush every entry of a result on its own; without
// them it takes about as much code as adapting them.
//
// Start reading at [Start]; one request is answered in session.go.
package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/build/demo/people"
)

const (
	// BaseDN is what the directory is about.
	BaseDN = "dc=demo,dc=identitymesh,dc=example"
	// PeopleDN holds the people.
	PeopleDN = "ou=people," + BaseDN
	// AccountDN may sign in.
	AccountDN = "cn=sync," + BaseDN
	// RefusedPassword is what the directory says to a wrong password.
	RefusedPassword = "the demo directory does not accept this password"

	mailDomain = "demo.identitymesh.example"
)

// Config says what the directory holds.
type Config struct {
	// Address to listen on, which must be of the loopback range; port 0 takes a
	// free one.
	Address string
	// Password of [AccountDN]. An empty one lets nobody in.
	Password string
	// Seed and People make up the content; see package people.
	Seed   uint64
	People int
	// Now is the clock behind the modifyTimestamp of changes.
	Now    func() time.Time
	Logger *slog.Logger
}

// Directory is a running directory. It is safe for concurrent use.
type Directory struct {
	config   Config
	listener net.Listener

	mu       sync.RWMutex
	password string
	entries  []entry
	// next is the person that ModifyPeople changes next.
	next, revision int

	connections sync.WaitGroup
	open        map[net.Conn]struct{} // guarded by mu
	closed      bool                  // guarded by mu
}

// Start listens and serves until Close.
func Start(ctx context.Context, c Config) (*Directory, error) {
	address, err := net.ResolveTCPAddr("tcp", c.Address)
	if err != nil {
		return nil, fmt.Errorf("start the demo directory: %w", err)
	}
	if !address.IP.IsLoopback() {
		return nil, fmt.Errorf("start the demo directory: %s is not a loopback address, and passwords would travel in the clear", c.Address)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Address)
	if err != nil {
		return nil, fmt.Errorf("start the demo directory: %w", err)
	}
	d := &Directory{config: c, listener: listener, password: c.Password, open: map[net.Conn]struct{}{}}
	staff := people.Generate(c.Seed, c.People)
	d.entries = tree(staff)
	d.next = len(d.entries) - len(staff)
	d.connections.Go(d.accept)
	return d, nil
}

// Addr returns the address it listens on.
func (d *Directory) Addr() *net.TCPAddr { return d.listener.Addr().(*net.TCPAddr) }

// Close ends all connections and returns when nothing runs any more.
func (d *Directory) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	err := d.listener.Close()
	for conn := range d.open {
		err = errors.Join(err, conn.Close())
	}
	d.mu.Unlock()
	d.connections.Wait()
	return err
}

// SetPassword changes the password of [AccountDN]. Who is signed in stays so.
func (d *Directory) SetPassword(password string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.password = password
}

// ModifyPeople changes the telephone number of n people, not the same ones as the
// last time, and returns how many it changed: n, or all there are.
func (d *Directory) ModifyPeople(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := len(d.entries) - d.config.People
	n = min(n, d.config.People)
	for range n {
		d.revision++
		e := d.entries[d.next].with("telephoneNumber", fmt.Sprintf("+49 30 901820-%04d", d.revision))
		d.entries[d.next] = e.with("modifyTimestamp", stamp(d.config.Now()))
		if d.next++; d.next == len(d.entries) {
			d.next = first
		}
	}
	return n
}

// snapshot returns the entries as they are now. Entries are never changed in
// place, so that a search sees one state.
func (d *Directory) snapshot() []entry {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.Clone(d.entries)
}

func (d *Directory) accept() {
	for {
		conn, err := d.listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				d.config.Logger.Error("the demo directory stopped listening", "error", err)
			}
			return
		}
		d.mu.Lock()
		if d.closed {
			d.mu.Unlock()
			_ = conn.Close()
			return
		}
		d.open[conn] = struct{}{}
		d.mu.Unlock()
		d.connections.Go(func() {
			s := newSession(d, conn)
			if err := s.serve(); err != nil {
				d.config.Logger.Warn("a client's connection to the demo directory broke off", "error", err)
			}
			d.mu.Lock()
			delete(d.open, conn)
			d.mu.Unlock()
			_ = conn.Close()
		})
	}
}
