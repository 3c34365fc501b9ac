// Package sqltest starts real database servers for tests: PostgreSQL and
// MariaDB, each process on a loopback address of its own with its data in a
// temporary folder, so that any number of tests may run side by side.
//
// It is no part of the product. Start reading at [Start]; tests call [Postgres]
// or [MariaDB], which need the Debian packages postgresql and mariadb-server.
package sqltest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/identitymesh/identitymesh/sdk/loopbacktest"
)

// Engine is a kind of server.
type Engine string

// The engines that [Start] knows. Their texts are the driver names of the sql
// connector.
const (
	PostgreSQL Engine = "postgres"
	MySQL      Engine = "mysql" // served by MariaDB
)

// Config says what to start.
type Config struct {
	Engine Engine
	// Folder receives everything that the server writes; a new temporary one
	// when empty. It is removed by [Server.Stop].
	Folder string
}

// MissingError says which program is not installed.
type MissingError struct{ Program, Package string }

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s is not installed (Debian package %s)", e.Program, e.Package)
}

// Server is a running server. Its methods are safe for concurrent use, except
// that Kill, Stop and Restart exclude each other.
type Server struct {
	Engine Engine
	// Host and Port of its TCP address.
	Host string
	Port int

	folder  string
	owner   owner
	setup   setup
	process *process
	admin   *sql.DB
}

// setup is what differs between the engines.
type setup interface {
	// create writes a new data folder.
	create(context.Context, *Server) error
	// serve returns the program that serves it, with its arguments.
	serve(*Server) []string
	// open returns a pool of connections with all rights to a database, "" for
	// the one that exists from the beginning.
	open(s *Server, database string) (*sql.DB, error)
	// signals returns the one that asks for an end without waiting for clients,
	// and the one that ends all processes of the server at once.
	signals() (graceful, crash syscall.Signal)
}

// Start creates a server and returns when it answers. ctx bounds the start, not
// the server's life; call [Server.Stop] in the end. The server is also ended by
// the end of this process. It fails with a [*MissingError] when the engine is
// not installed, and on Windows, where it does not know how to.
func Start(ctx context.Context, cfg Config) (_ *Server, err error) {
	if runtime.GOOS == "windows" {
		return nil, &MissingError{Program: "a server of " + string(cfg.Engine) + " that can be started on Windows", Package: "none"}
	}
	s := &Server{Engine: cfg.Engine, folder: cfg.Folder}
	switch cfg.Engine {
	case PostgreSQL:
		s.setup, s.owner, err = newPostgres()
	case MySQL:
		s.setup, s.owner, err = newMariaDB()
	default:
		err = fmt.Errorf("sqltest: the engine %q is not known", cfg.Engine)
	}
	if err != nil {
		return nil, err
	}
	if s.folder == "" {
		if s.folder, err = os.MkdirTemp("", "sqltest-"); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			_ = s.Stop()
		}
	}()
	if err = s.prepareFolder(); err != nil {
		return nil, err
	}
	address, err := loopbacktest.Free()
	if err != nil {
		return nil, err
	}
	free, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	s.Host, s.Port = free.Addr().String(), int(free.Port())
	if err = s.setup.create(ctx, s); err != nil {
		return nil, err
	}
	if s.admin, err = s.setup.open(s, ""); err != nil {
		return nil, err
	}
	return s, s.Restart(ctx)
}

// prepareFolder makes room for a server that runs as another user than root.
func (s *Server) prepareFolder() error {
	for parent := s.folder; s.owner.other; parent = filepath.Dir(parent) {
		info, err := os.Stat(parent)
		if err != nil {
			return err
		}
		if parent == s.folder {
			err = os.Chmod(parent, 0o711)
		} else if info.Mode().Perm()&0o001 == 0 {
			err = fmt.Errorf("sqltest: the server's user cannot pass through %s; set TMPDIR to a folder that all may enter", parent)
		}
		if err != nil {
			return err
		}
		if parent == filepath.Dir(parent) {
			break
		}
	}
	if err := os.Mkdir(s.path("run"), 0o700); err != nil {
		return err
	}
	return s.owner.give(s.path("run"))
}

// path returns a file of the server's own folder.
func (s *Server) path(name string) string { return filepath.Join(s.folder, name) }

// Address returns host:port.
func (s *Server) Address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// Restart starts the server again after [Server.Kill], with the data it had.
func (s *Server) Restart(ctx context.Context) error {
	log, err := os.OpenFile(s.path("log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	if s.process, err = startProcess(s.setup, s.setup.serve(s), s.owner, log); err != nil {
		return err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.admin.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.process.done:
			return fmt.Errorf("sqltest: %s ended while it started:\n%s", s.Engine, s.logEnd())
		case <-ctx.Done():
			return fmt.Errorf("sqltest: %s did not answer in time: %w\n%s", s.Engine, err, s.logEnd())
		case <-tick.C:
		}
	}
}

func (s *Server) logEnd() string {
	log, err := os.ReadFile(s.path("log"))
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-4000):])
}

// Kill ends the server at once, as a crash would: its clients see their
// connections break.
func (s *Server) Kill() { s.process.kill() }

// Stop ends the server and removes its folder.
func (s *Server) Stop() error {
	var errs []error
	if s.admin != nil {
		errs = append(errs, s.admin.Close())
	}
	if s.process != nil {
		s.process.stop(10 * time.Second)
	}
	errs = append(errs, os.RemoveAll(s.folder))
	return errors.Join(errs...)
}

// NewDatabase creates an empty database, named by chance, and a user of the same
// name who has all rights in it and signs in with the password. The pool has all
// rights too.
func (s *Server) NewDatabase(ctx context.Context, password string) (name string, db *sql.DB, err error) {
	name = "t" + strings.ToLower(rand.Text()[:12])
	quoted := "'" + strings.ReplaceAll(password, "'", "''") + "'"
	statements := []string{"CREATE USER " + name + " PASSWORD " + quoted, "CREATE DATABASE " + name + " OWNER " + name}
	if s.Engine == MySQL {
		statements = []string{
			"CREATE USER '" + name + "'@'127.%' IDENTIFIED BY " + quoted, "CREATE DATABASE " + name,
			"GRANT ALL ON " + name + ".* TO '" + name + "'@'127.%'",
		}
	}
	for _, statement := range statements {
		if _, err := s.admin.ExecContext(ctx, statement); err != nil {
			return "", nil, fmt.Errorf("sqltest: create the database %s: %w", name, err)
		}
	}
	if db, err = s.setup.open(s, name); err != nil || s.Engine == MySQL {
		return name, db, err
	}
	// Tables that the pool creates belong to the superuser.
	_, err = db.ExecContext(ctx, "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO "+name)
	return name, db, err
}

// ConnectionString returns what the sql connector takes, without a password.
func (s *Server) ConnectionString(user, database string) string {
	if s.Engine == MySQL {
		return user + "@tcp(" + s.Address() + ")/" + database
	}
	return "postgres://" + user + "@" + s.Address() + "/" + database
}
