package wrapping_test

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/dpapi/wrapping"
)

// startTPM runs an emulated TPM whose state is in folder and returns its socket.
func startTPM(t *testing.T, folder string) (socket string) {
	t.Helper()
	program, err := exec.LookPath("swtpm")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("swtpm is missing: apt-get install swtpm")
		}
		t.Skip("NOT TESTED with a TPM: swtpm is not installed")
	}
	place, err := os.MkdirTemp("", "im-tpm-") // short, for the socket
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(place, "s")
	var log bytes.Buffer
	cmd := exec.Command(program, "socket", "--tpm2", "--tpmstate", "dir="+folder,
		"--server", "type=unixio,path="+socket, "--flags", "not-need-init,startup-clear")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(place)
	})
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			return socket
		}
		if time.Now().After(end) {
			t.Fatalf("swtpm did not start: %s", log.String())
		}
	}
}

func TestTPM(t *testing.T) {
	state := t.TempDir()
	source := parse(t, "tpm:"+startTPM(t, state))
	suite(t, source)
	key, record, err := source.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("refuses what another TPM sealed", func(t *testing.T) {
		other := parse(t, "tpm:"+startTPM(t, t.TempDir()))
		if got, err := other.Recover(record); err == nil || got != nil || !strings.Contains(err.Error(), "another TPM") {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
	})
	t.Run("refuses a damaged record", func(t *testing.T) {
		for i := range record {
			damaged := bytes.Clone(record)
			damaged[i] ^= 1
			if got, err := source.Recover(damaged); err == nil && !bytes.Equal(got, key) {
				t.Fatalf("byte %d: got another key", i)
			}
		}
		for n := range 10 {
			if got, err := source.Recover(record[:n]); err == nil || got != nil {
				t.Fatalf("%d bytes: got %d bytes, %v", n, len(got), err)
			}
		}
	})
}

func TestTPMThatIsNotThere(t *testing.T) {
	_, _, err := parse(t, "tpm:/dev/im-no-such-tpm").New()
	if err == nil || !strings.Contains(err.Error(), "/dev/im-no-such-tpm") {
		t.Errorf("got %v", err)
	}
}

func TestTPMThatSaysNothing(t *testing.T) {
	place, err := os.MkdirTemp("", "im-tpm-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(place) })
	l, err := net.Listen("unix", filepath.Join(place, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, _, err = wrapping.NewTPM(filepath.Join(place, "s"), 50*time.Millisecond).New()
	if err == nil || !strings.Contains(err.Error(), "did not answer") {
		t.Errorf("got %v", err)
	}
}
