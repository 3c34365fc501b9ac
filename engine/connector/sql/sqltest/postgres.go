package sqltest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

type postgres struct {
	programs string
	// password of the superuser, made for this server.
	password string
}

func newPostgres() (setup, owner, error) {
	// Debian keeps the server's programs out of PATH, one folder per version.
	initdb, err := find("initdb", "postgresql", "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
	if err != nil {
		return nil, owner{}, err
	}
	o, err := newOwner("postgres")
	return &postgres{programs: filepath.Dir(initdb), password: rand.Text()}, o, err
}

func (p *postgres) create(ctx context.Context, s *Server) error {
	file := s.path("run/superuser")
	if err := os.WriteFile(file, []byte(p.password), 0o600); err != nil {
		return err
	}
	if err := s.owner.give(file); err != nil {
		return err
	}
	return run(ctx, s.owner, filepath.Join(p.programs, "initdb"), "-D", s.path("run/data"), "-U", "postgres",
		"--auth=scram-sha-256", "--pwfile="+file, "-E", "UTF8", "--locale=C", "--no-sync")
}

func (p *postgres) serve(s *Server) []string {
	return []string{
		filepath.Join(p.programs, "postgres"), "-D", s.path("run/data"), "-c", "listen_addresses=" + s.Host,
		"-c", "port=" + strconv.Itoa(s.Port), "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "full_page_writes=off",
		"-c", "timezone=Pacific/Auckland", // so that nothing works only because all is UTC
	}
}

func (p *postgres) open(s *Server, database string) (*sql.DB, error) {
	if database == "" {
		database = "postgres"
	}
	cfg, err := pgx.ParseConfig(s.ConnectionString("postgres", database) + "?sslmode=disable")
	if err != nil {
		return nil, err
	}
	cfg.Password = p.password
	return stdlib.OpenDB(*cfg), nil
}

// signals: upon SIGQUIT the server's processes leave without tidying up, where
// SIGKILL would leave all but the first of them behind.
func (p *postgres) signals() (graceful, crash syscall.Signal) { return syscall.SIGINT, syscall.SIGQUIT }
