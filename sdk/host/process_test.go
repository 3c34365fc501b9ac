//go:build linux || windows

package host_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// hostRole makes the test binary play a host that can be killed.
const hostRole = "IDENTITYMESH_TEST_HOST_ROLE"

type role struct {
	Binary, Hash, DataFolder string
}

func runAsHost() {
	var r role
	if err := json.Unmarshal([]byte(os.Getenv(hostRole)), &r); err != nil {
		panic(err)
	}
	binary, binaryHash = r.Binary, r.Hash
	resolver, err := host.OpenResolver(host.Config{
		Choice: choice("{}"), DataFolder: r.DataFolder, Logger: slog.New(slog.DiscardHandler), Tracer: tracenoop.NewTracerProvider(),
	})
	if err != nil {
		panic(err)
	}
	s, err := resolver.Get(context.Background(), "secret://test/pid", "")
	if err != nil {
		panic(err)
	}
	fmt.Println(string(s.Value.Reveal()))
	select {}
}

func TestKilledHostLeavesNoPluginAndNoSocket(t *testing.T) {
	data := shortFolder(t)
	body, err := json.Marshal(role{Binary: binary, Hash: binaryHash, DataFolder: data})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), hostRole+"="+string(body))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the host said %q: %v", line, err)
	}
	pid := strings.TrimSpace(line)
	if !alive(pid) {
		t.Fatalf("plugin %s does not run", pid)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for end := time.Now().Add(5 * time.Second); alive(pid); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("plugin %s outlives its host by more than 5 s", pid)
		}
	}
	run := filepath.Join(data, "run")
	if left, _ := filepath.Glob(filepath.Join(run, "host-*")); len(left) != 1 {
		t.Fatalf("expected the killed host's folder to be there still, found %v", left)
	}
	folder, err := launch.OpenFolder(run)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if left, _ := filepath.Glob(filepath.Join(run, "host-*")); len(left) != 1 || left[0] != folder.Path() {
		t.Errorf("the next host left %v, its own is %s", left, folder.Path())
	}
}

func TestFrozenPluginCannotHoldItsHost(t *testing.T) {
	b := open(t, choice("{}"))
	pid := get(t, b, "secret://test/pid")
	n, _ := strconv.Atoi(pid)
	freeze(t, n)
	begin := time.Now()
	if err := b.Resolver.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("closing took %v", took)
	}
	if alive(pid) {
		t.Error("the frozen plugin still exists")
	}
}

func TestFrozenPluginIsReplacedSoonAfterACallerGaveUp(t *testing.T) {
	b := open(t, choice("{}"))
	pid := get(t, b, "secret://test/pid")
	n, _ := strconv.Atoi(pid)
	freeze(t, n)
	eventually(t, "a caller gives up", func() bool { // a thread may finish an answer
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := b.Get(ctx, "secret://test/pid", secret.Current)
		return fault.Of(err) == fault.Timeout
	})
	begin := time.Now()
	eventually(t, "it is degraded", func() bool { return b.Status().Plugin.State == supervise.Degraded })
	if took := time.Since(begin); took > supervise.ProbeLimit+3*time.Second {
		t.Errorf("it left Ready after %s", took)
	}
	eventually(t, "it is replaced", func() bool {
		st := b.Status().Plugin
		return st.State == supervise.Ready && st.PID != n
	})
	if took := time.Since(begin); took > 25*time.Second {
		t.Errorf("it was replaced after %s", took)
	}
	if alive(pid) || get(t, b, "secret://test/pid") == pid {
		t.Error("the frozen process is still there")
	}
}
