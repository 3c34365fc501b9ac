package main_test

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// services runs the programs as systemd does: "service run", a socket to tell that
// they serve, SIGTERM in the end.
type services struct {
	*installation
	running map[string]*unit
}

type unit struct {
	cmd *exec.Cmd
	log bytes.Buffer
}

func newServices(i *installation) services { return services{i, map[string]*unit{}} }

func (s services) start(t *testing.T, name string) {
	t.Helper()
	path := filepath.Join(filepath.Dir(s.config), name+".notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	u := &unit{cmd: exec.Command(binary(name), "service", "run", "--config", s.config)}
	u.cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+path)
	u.cmd.Stderr = &u.log
	if err := u.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = u.cmd.Process.Kill() })
	s.running[name] = u
	message := make([]byte, 100)
	_ = socket.SetReadDeadline(time.Now().Add(patience))
	n, err := socket.Read(message)
	if err != nil || string(message[:n]) != "READY=1" {
		t.Fatalf("%s said %q, %v", name, message[:n], err)
	}
}

func (s services) stop(t *testing.T, name string) {
	t.Helper()
	u := s.running[name]
	if err := u.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := u.cmd.Wait(); err != nil {
		t.Errorf("%s ended with %v: %s", name, err, &u.log)
	}
}

func (s services) log(_ *testing.T, name string) string { return s.running[name].log.String() }
