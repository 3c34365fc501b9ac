package host_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
	"github.com/identitymesh/identitymesh/sdk/logtest"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const canary = "canary-4f1c-value"

var binary, binaryHash string

func TestMain(m *testing.M) {
	if os.Getenv(hostRole) != "" {
		runAsHost()
		return
	}
	// Most of these tests wait for processes; -parallel on the command line wins.
	_ = flag.Set("test.parallel", "16")
	dir, err := os.MkdirTemp("", "im-host-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "memplugin"+executable)
	if out, err := exec.Command("go", "build", "-o", binary, "./internal/memplugin").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build the test's plugin: %v\n%s", err, out))
	}
	if binaryHash, err = launch.Hash(binary); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func choice(config string) catalog.Choice {
	return catalog.Choice{Provider: "mem", Plugin: catalog.Plugin{
		Name: "mem", Path: binary, SHA256: binaryHash, Pin: "the test", Version: "1.2.3",
		Config: secret.NewValue([]byte(config)), ConfigPath: "Secrets:Plugins:mem:Config",
		Environment: []string{"ALLOWED=yes"},
	}}
}

// shortFolder is a folder whose path leaves room for a socket's name.
func shortFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "im-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

type resolver struct {
	*host.Resolver
	logs *logtest.Buffer
}

func open(t *testing.T, c catalog.Choice) *resolver {
	t.Helper()
	b := &resolver{logs: &logtest.Buffer{}}
	config := host.Config{
		Choice: c, DataFolder: shortFolder(t), LogLevel: slog.LevelDebug,
		Logger: slog.New(slog.NewJSONHandler(b.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Tracer: tracenoop.NewTracerProvider(),
	}
	var err error
	if b.Resolver, err = host.OpenResolver(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Resolver.Close() })
	return b
}

// openAdmin opens a second process of the plugin for writing.
func openAdmin(t *testing.T, config string) *host.Administrator {
	t.Helper()
	a, err := host.OpenAdministrator(host.Config{
		Choice: choice(config), DataFolder: shortFolder(t), Logger: slog.New(slog.DiscardHandler), Tracer: tracenoop.NewTracerProvider(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func TestSecretsAreWrittenDescribedAndListedThroughTheProcess(t *testing.T) {
	a := openAdmin(t, "{}")
	if _, err := a.Describe(t.Context(), "secret://a"); fault.Of(err) != fault.NotFound || !strings.Contains(err.Error(), "memory holds no secret secret://a") {
		t.Fatalf("describing nothing: %v", err)
	}
	m, err := a.Set(t.Context(), provider.SetRequest{Ref: "secret://a", Value: secret.NewValue([]byte(canary))})
	if err != nil || m.Ref != "secret://a" || m.Name != naming.Name("secret://a") {
		t.Fatalf("set: %+v, %v", m, err)
	}
	page, err := a.List(t.Context(), provider.ListRequest{Size: 10})
	if err != nil || len(page.Items) != 1 || !page.Complete {
		t.Fatalf("list: %+v, %v", page, err)
	}
	if err := a.Delete(t.Context(), "secret://a"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Describe(t.Context(), "secret://a"); fault.Of(err) != fault.NotFound {
		t.Fatalf("after delete: %v", err)
	}
}

func TestReadSurvivesThePluginsDeath(t *testing.T) {
	b := open(t, choice(`{"SlowMillis":700}`))
	first := get(t, b, "secret://test/pid")
	type answer struct {
		text string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		s, err := b.Get(context.Background(), "secret://test/slow", secret.Current)
		got <- answer{string(s.Value.Reveal()), err}
	}()
	time.Sleep(200 * time.Millisecond)
	kill(t, first)
	select {
	case a := <-got:
		if a.err != nil || a.text == first {
			t.Fatalf("the read during the kill gave %q, %v; the dead process was %s", a.text, a.err, first)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the read hangs")
	}
	if st := b.Status().Plugin; st.State != supervise.Ready || st.Restarts != 1 {
		t.Errorf("status: %+v", st)
	}
}

func TestWriteIsNotRepeatedWhenThePluginDies(t *testing.T) {
	a := openAdmin(t, `{"SlowMillis":5000}`)
	if _, err := a.List(t.Context(), provider.ListRequest{Size: 1}); err != nil {
		t.Fatal(err)
	}
	pid := fmt.Sprint(a.Status().Plugin.PID)
	time.AfterFunc(200*time.Millisecond, func() { kill(t, pid) })
	_, err := a.Set(t.Context(), provider.SetRequest{Ref: "secret://test/slow", Value: secret.NewValue([]byte(canary))})
	if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "may or may not have happened") || strings.Contains(err.Error(), canary) {
		t.Fatalf("got %v", err)
	}
}

func TestPanicIsAnOutcomeAndItsTextStaysInside(t *testing.T) {
	b := open(t, choice("{}"))
	_, err := b.Get(t.Context(), "secret://test/panic", secret.Current)
	if fault.Of(err) != fault.Internal || strings.Contains(err.Error(), "canary") {
		t.Fatalf("got %v", err)
	}
	get(t, b, "secret://test/pid") // still serving
	// The plugin's log travels beside its answers.
	for end := time.Now().Add(10 * time.Second); !strings.Contains(b.logs.String(), "call panicked"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the log says nothing of the panic")
		}
	}
	if strings.Contains(b.logs.String(), "the canary is dead") {
		t.Error("the panic's text is in the log")
	}
}

func TestPluginSeesOnlyTheAllowedEnvironment(t *testing.T) {
	t.Setenv("IM_HOST_SECRET", canary)
	b := open(t, choice("{}"))
	for _, key := range strings.Fields(get(t, b, "secret://test/environment")) {
		switch {
		case key == "ALLOWED", key == "IDENTITYMESH_PLUGIN_COOKIE", key == "IDENTITYMESH_PLUGIN_LOG_LEVEL", strings.HasPrefix(key, "PLUGIN_"):
		case ofTheSystem(key):
		default:
			t.Errorf("the plugin sees %s", key)
		}
	}
}

func TestOneChoiceMayBeOpenedTwice(t *testing.T) {
	c := choice("{}")
	c.Plugin.Environment = append(make([]string, 0, 8), "ALLOWED=yes") // with room behind it
	first, second := open(t, c), open(t, c)
	if a, b := get(t, first, "secret://test/pid"), get(t, second, "secret://test/pid"); a == b {
		t.Errorf("both are process %s", a)
	}
	if all := c.Plugin.Environment; all[:2][1] != "" {
		t.Errorf("the choice's own array was written to: %q", all[:2])
	}
}

func TestWrongHashIsAStateThatNamesBothHashes(t *testing.T) {
	c := choice("{}")
	c.Plugin.SHA256 = strings.Repeat("0", 64)
	b := open(t, c)
	_, err := b.Get(t.Context(), "secret://a", secret.Current)
	if fault.Of(err) != fault.Unavailable {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{binary, binaryHash, strings.Repeat("0", 64), "the test", "Quarantined"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
}

func TestRefusedConfigurationNamesEveryKey(t *testing.T) {
	b := open(t, choice(`{"Refuse":true}`))
	_, err := b.Describe(t.Context(), "secret://a")
	if fault.Of(err) != fault.ConfigInvalid {
		t.Errorf("the reason is %s", fault.Of(err))
	}
	for _, want := range []string{"Secrets:Plugins:mem:Config:Refuse", "Secrets:Plugins:mem:Config:SlowMillis", "told to refuse"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
}

func TestVersionThatWasNotPinnedIsRefused(t *testing.T) {
	c := choice("{}")
	c.Plugin.Version = "9.9.9"
	_, err := open(t, c).Describe(t.Context(), "secret://a")
	if err == nil || !strings.Contains(err.Error(), "reports version 1.2.3") || !strings.Contains(err.Error(), "9.9.9") {
		t.Fatalf("got %v", err)
	}
}

func TestProgramThatIsNoPluginIsReportedWithItsOutput(t *testing.T) {
	c := choice("{}")
	c.Plugin.Path = noPlugin
	var err error
	if c.Plugin.SHA256, err = launch.Hash(c.Plugin.Path); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	b := open(t, c)
	_, err = b.Describe(ctx, "secret://a")
	if err == nil || !strings.Contains(err.Error(), noPlugin) {
		t.Fatalf("got %v", err)
	}
}

func get(t *testing.T, b *resolver, ref secret.Ref) string {
	t.Helper()
	s, err := b.Get(t.Context(), ref, secret.Current)
	if err != nil {
		t.Fatalf("get %s: %v", ref, err)
	}
	return string(s.Value.Reveal())
}
