//go:build unix

package stack_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/demo/stack"
)

// programs writes stand-ins for the two programs and returns their folder. The
// one for the Admin API is this test binary, which serves HTTP; see TestMain.
func programs(t *testing.T, engine string) string {
	t.Helper()
	bin := t.TempDir()
	admin := "#!/bin/sh\nexec env " + listenEnv + "=\"$2\" " + os.Args[0] + "\n"
	for name, script := range map[string]string{"identitymesh-adminapi": admin, "identitymesh-engine": "#!/bin/sh\n" + engine} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

const goodEngine = "trap 'echo stopped; exit 0' TERM\necho identitymesh-engine is running\nwhile :; do sleep 0.05; done\n"

func config(t *testing.T, engine string) stack.Config {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return stack.Config{Bin: programs(t, engine), Folder: filepath.Join(t.TempDir(), "var"), Listen: address,
		DirectoryListen: "127.0.0.1:0", DirectoryPassword: "first", Now: time.Now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

func TestEverythingStartsAndStops(t *testing.T) {
	c := config(t, goodEngine)
	for range 2 { // the second time on what the first one left
		s, err := stack.Start(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Stop() })
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if err := s.Wait(ctx); err != nil {
			t.Errorf("while all runs: %v", err)
		}
		cancel()
		if err := s.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
		if said, err := s.Engine.Output(); err != nil || !strings.HasSuffix(string(said), "stopped\n") {
			t.Errorf("the engine said %q, %v", said, err)
		}
		if _, err := os.Stat(s.HRFile()); err != nil {
			t.Error(err)
		}
	}
}

func TestAProgramThatDiesIsReported(t *testing.T) {
	s, err := stack.Start(t.Context(), config(t, "echo identitymesh-engine is running\nsleep 0.3\necho the disk is full\nexit 4\n"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	if err := s.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("got %v", err)
	}
}

func TestAStartThatFailsLeavesNothingBehind(t *testing.T) {
	c := config(t, "echo cannot open the database >&2\nexit 1\n")
	_, err := stack.Start(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), "cannot open the database") {
		t.Errorf("got %v", err)
	}
	// The Admin API was up already; its address must be free again.
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
}

func TestATakenAddressIsNamed(t *testing.T) {
	c := config(t, goodEngine)
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, err = stack.Start(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), "is a demo running already?") || !strings.Contains(err.Error(), c.Listen) {
		t.Errorf("got %v", err)
	}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	err := stack.WriteTable(&out, []stack.Row{
		{Connector: "Demo HR", Kind: "full", Added: 1000, Took: 250 * time.Millisecond},
		{Connector: "Demo directory", Kind: "delta", Updated: 10, Unchanged: 2, Failed: 1, Took: 2 * time.Second},
	})
	const want = "" +
		"       connector   kind  added  updated  unchanged  failed  seconds\n" +
		"         Demo HR   full   1000        0          0       0     0.25\n" +
		"  Demo directory  delta      0       10          2       1     2.00\n"
	if err != nil || out.String() != want {
		t.Errorf("%v, got\n%s", err, out.String())
	}
}
