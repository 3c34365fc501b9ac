package dpapi_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/logtest"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// buildPlugin returns what a host needs to run the real binary on folder.
func buildPlugin(t *testing.T, folder string) host.Config {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "identitymesh-plugin-dpapi")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X main.version=9.8.7", "-o", binary, "./cmd/identitymesh-plugin-dpapi")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	hash, err := launch.Hash(binary)
	if err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(map[string]string{"SqlConnectionString": "", "DataFolder": folder})
	if err != nil {
		t.Fatal(err)
	}
	return host.Config{
		Choice: catalog.Choice{Provider: "dpapi", Plugin: catalog.Plugin{
			Name: "dpapi", Path: binary, SHA256: hash, Pin: "the test", Version: "9.8.7",
			Config: secret.NewValue(config), ConfigPath: "IdentityMesh",
		}},
		DataFolder: folder, LogLevel: slog.LevelDebug, Tracer: tracenoop.NewTracerProvider(),
	}
}

func TestTheRealBinaryServesTwoHostsThatStartOnAnEmptyFolder(t *testing.T) {
	// A short path leaves room for the names of sockets.
	folder, err := os.MkdirTemp("", "im-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	logs := &logtest.Buffer{}
	cfg := buildPlugin(t, folder)
	cfg.Logger = slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))

	var admin *host.Administrator
	var resolver *host.Resolver
	var errAdmin, errResolver error
	var wg sync.WaitGroup
	wg.Go(func() { admin, errAdmin = host.OpenAdministrator(cfg) })
	wg.Go(func() { resolver, errResolver = host.OpenResolver(cfg) })
	wg.Wait()
	if errAdmin != nil || errResolver != nil {
		t.Fatal(errAdmin, errResolver)
	}
	t.Cleanup(func() { _ = admin.Close(); _ = resolver.Close() })

	// Both make key and table now, unless the other one has.
	const canary = "CANARY-55d0b1"
	wg.Go(func() { _, errResolver = resolver.Check(t.Context()) })
	_, errAdmin = admin.Set(t.Context(), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte(canary))})
	wg.Wait()
	if errAdmin != nil || errResolver != nil {
		t.Fatal(errAdmin, errResolver)
	}
	wantValue(t, resolver, canary)

	t.Run("and what was set is there after the plugin was killed", func(t *testing.T) {
		if err := syscall.Kill(resolver.Status().Plugin.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		wantValue(t, resolver, canary)
	})
	report, err := resolver.Check(t.Context())
	if err != nil || !strings.HasPrefix(report.Target, folder) {
		t.Errorf("got %+v, %v", report, err)
	}
	for _, r := range report.Results {
		if !r.OK {
			t.Errorf("check %+v", r)
		}
	}
	if text := logs.String(); !strings.Contains(text, "secret set") || strings.Contains(text, canary) {
		t.Errorf("the host's log is %s", text)
	}
}

func TestTheHostNamesTheKeyOfTheFolderAsOperatorsKnowIt(t *testing.T) {
	folder, err := os.MkdirTemp("", "im-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	// Others may enter it, so it cannot keep a key.
	if err := os.Mkdir(filepath.Join(folder, "keys"), 0o755); err != nil {
		t.Fatal(err)
	}
	cfg := buildPlugin(t, folder)
	cfg.Logger = slog.New(slog.DiscardHandler)
	admin, err := host.OpenAdministrator(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	_, err = admin.Set(t.Context(), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte("v"))})
	var f *fault.Error
	if !errors.As(err, &f) || f.Reason != fault.AccessDenied || f.ConfigPath != "IdentityMesh:DataFolder" {
		t.Errorf("got %v, which names %+v", err, f)
	}
}

func wantValue(t *testing.T, resolver *host.Resolver, want string) {
	t.Helper()
	got, err := resolver.Get(t.Context(), ref, secret.Current)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Value.Reveal()) != want {
		t.Error("another value came back")
	}
}
