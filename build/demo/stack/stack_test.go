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
	"github.com/identitymesh/identitymesh/sdk/loopbacktest"
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
	return stack.Config{Bin: programs(t, engine), Folder: filepath.Join(t.TempDir(), "var"), Listen: loopbacktest.Address(t),
		DirectoryListen: "127.0.0.1:0", DirectoryPassword: "first", Now: time.Now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

func start(t *testing.T, c stack.Config) *stack.Stack {
	t.Helper()
	s, err := stack.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	return s
}

// taken takes the address, which must be free, until the test ends.
func taken(t *testing.T, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
}

func TestEverythingStartsAndStops(t *testing.T) {
	c := config(t, goodEngine)
	for range 2 { // the second time on what the first one left
		s := start(t, c)
		if err := s.StartEngine(t.Context()); err != nil {
			t.Fatal(err)
		}
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
	s := start(t, config(t, "echo identitymesh-engine is running\nsleep 0.3\necho the disk is full\nexit 4\n"))
	if err := s.StartEngine(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("got %v", err)
	}
}

func TestAnEngineThatDoesNotStartIsReported(t *testing.T) {
	s := start(t, config(t, "echo cannot open the database >&2\nexit 1\n"))
	if err := s.StartEngine(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot open the database") {
		t.Errorf("got %v", err)
	}
	if err := s.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestAStartThatFailsLeavesNothingBehind(t *testing.T) {
	c := config(t, goodEngine)
	c.DirectoryListen = loopbacktest.Address(t)
	if err := os.WriteFile(filepath.Join(c.Bin, "identitymesh-adminapi"), []byte("#!/bin/sh\necho no configuration\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := stack.Start(t.Context(), c); err == nil || !strings.Contains(err.Error(), "no configuration") {
		t.Errorf("got %v", err)
	}
	// The directory was up already; its address must be free again.
	taken(t, c.DirectoryListen)
}

func TestATakenAddressIsNamedWithTheNextStep(t *testing.T) {
	for name, option := range map[string]string{"the Admin API's": "--listen", "the directory's": "--directory-listen"} {
		t.Run(name, func(t *testing.T) {
			c := config(t, goodEngine)
			c.DirectoryListen = loopbacktest.Address(t)
			address := c.Listen
			if option == "--directory-listen" {
				address = c.DirectoryListen
			}
			taken(t, address)
			_, err := stack.Start(t.Context(), c)
			for _, want := range []string{address, option} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%q is missing in %v", want, err)
				}
			}
		})
	}
}

// Whoever has settings for another product database or secret store in the
// environment must not find the demo there.
func TestSettingsInTheEnvironmentDoNotReachTheDemo(t *testing.T) {
	t.Setenv("Secrets__Provider", "AzureKeyVault")
	t.Setenv("AZURE_CLIENT_ID", "somebody's own")
	t.Setenv("IDENTITYMESH_TEST_KEPT", "kept")
	s := start(t, config(t, "env\n"+goodEngine))
	if err := s.StartEngine(t.Context()); err != nil {
		t.Fatal(err)
	}
	said, err := s.Engine.Output()
	if err != nil || strings.Contains(string(said), "AzureKeyVault") || strings.Contains(string(said), "somebody's own") || !strings.Contains(string(said), "IDENTITYMESH_TEST_KEPT=kept") {
		t.Errorf("the engine's environment was %s, %v", said, err)
	}
}

func TestTheProgramsGetTheSecretStoreThatTheDemoChose(t *testing.T) {
	c := config(t, "env\n"+goodEngine)
	c.Secrets = map[string]any{"Provider": "Other"}
	c.Environment = []string{"AZURE_CLIENT_ID=the demo's"}
	s := start(t, c)
	if err := s.StartEngine(t.Context()); err != nil {
		t.Fatal(err)
	}
	if said, err := s.Engine.Output(); err != nil || !strings.Contains(string(said), "AZURE_CLIENT_ID=the demo's") {
		t.Errorf("the engine's environment was %s, %v", said, err)
	}
	settings, err := os.ReadFile(filepath.Join(c.Folder, "appsettings.json"))
	if err != nil || !strings.Contains(string(settings), `"Provider": "Other"`) {
		t.Errorf("the settings are %s, %v", settings, err)
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
