package handshake_test

import (
	"crypto/tls"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/internal/handshake"
)

func TestListenTellsWhereAndWithWhichCertificate(t *testing.T) {
	host := pair(t)
	folder, err := os.MkdirTemp("", "im-") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	variables := map[string]string{
		handshake.EnvCertificate: host.PEM(), handshake.EnvFolder: folder,
		handshake.EnvMinPort: strconv.Itoa(handshake.MinPort), handshake.EnvMaxPort: strconv.Itoa(handshake.MaxPort),
	}
	getenv := func(key string) string { return variables[key] }
	l, server, line, err := handshake.Listen(7, getenv)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if line.Major != 7 || line.Core != handshake.CoreProtocol || line.Protocol != handshake.GRPC || line.Address != l.Addr().String() {
		t.Errorf("the line is %+v", line)
	}
	if runtime.GOOS != "windows" && !strings.HasPrefix(line.Address, folder+"/") {
		t.Errorf("it listens at %s", line.Address)
	}
	client, err := host.Client(line.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			err = tls.Server(conn, server).Handshake()
			_ = conn.Close()
		}
		done <- err
	}()
	conn, err := tls.Dial(line.Network, line.Address, client)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, missing := range []string{handshake.EnvCertificate, handshake.EnvFolder, handshake.EnvMaxPort} {
		place := missing != handshake.EnvCertificate
		if place && (runtime.GOOS == "windows") != (missing == handshake.EnvMaxPort) {
			continue
		}
		if l, _, _, err := handshake.Listen(7, func(key string) string {
			if key == missing {
				return ""
			}
			return variables[key]
		}); err == nil {
			_ = l.Close()
			t.Errorf("it listens without %s", missing)
		}
	}
}
