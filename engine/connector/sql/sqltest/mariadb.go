package sqltest

import (
	"context"
	"database/sql"
	"strconv"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
)

type mariadb struct{ server, install string }

func newMariaDB() (setup, owner, error) {
	server, err := find("mariadbd", "mariadb-server", "/usr/sbin", "/usr/local/sbin", "/usr/libexec")
	if err != nil {
		return nil, owner{}, err
	}
	install, err := find("mariadb-install-db", "mariadb-server", "/usr/bin")
	if err != nil {
		return nil, owner{}, err
	}
	o, err := newOwner("mysql")
	return &mariadb{server: server, install: install}, o, err
}

func (m *mariadb) create(ctx context.Context, s *Server) error {
	return run(ctx, s.owner, m.install, "--no-defaults", "--datadir="+s.path("run/data"),
		"--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
}

func (m *mariadb) serve(s *Server) []string {
	return []string{
		m.server, "--no-defaults", "--datadir=" + s.path("run/data"), "--socket=" + s.path("run/socket"),
		"--pid-file=" + s.path("run/pid"), "--bind-address=" + s.Host, "--port=" + strconv.Itoa(s.Port),
		"--skip-name-resolve", "--innodb-flush-log-at-trx-commit=2", "--character-set-server=utf8mb4",
		"--default-time-zone=+12:00", // so that nothing works only because all is UTC
	}
}

// open uses the socket, which only the server's user and root can reach; root
// has no password there.
func (m *mariadb) open(s *Server, database string) (*sql.DB, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr, cfg.DBName = "root", "unix", s.path("run/socket"), database
	cfg.ParseTime, cfg.Loc = true, time.UTC
	cfg.Params = map[string]string{"time_zone": "'+00:00'"}
	cfg.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// signals: it is one process.
func (m *mariadb) signals() (graceful, crash syscall.Signal) { return syscall.SIGTERM, syscall.SIGKILL }
