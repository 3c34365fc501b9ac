package host_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/host/internal/contractv0"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
	"github.com/identitymesh/identitymesh/sdk/logtest"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const refMajor = "secret://test/major"

// majorPlugins builds a plugin that speaks major 0 only, one that speaks 1 only,
// and one that speaks both, and returns their paths.
func majorPlugins(t *testing.T) map[string]string {
	t.Helper()
	exe := ""
	if runtime.GOOS == "windows" {
		exe = ".exe"
	}
	dir := t.TempDir()
	built := filepath.Join(dir, "majorplugin"+exe)
	if out, err := exec.Command("go", "build", "-o", built, "./internal/contractv0/majorplugin").CombinedOutput(); err != nil {
		t.Fatalf("build the plugin: %v\n%s", err, out)
	}
	program, err := os.ReadFile(built)
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]string{}
	for _, speaks := range []string{"0", "1", "01"} {
		paths[speaks] = filepath.Join(dir, "majorplugin-"+speaks+exe)
		if err := os.WriteFile(paths[speaks], program, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

// both majors, newest first, as a host of the next major would serve.
func both() []facade.Major { return append(facade.Served(), contractv0.Major()) }

func majorConfig(t *testing.T, path string, majors []facade.Major) (host.Config, *logtest.Buffer) {
	t.Helper()
	hash, err := launch.Hash(path)
	if err != nil {
		t.Fatal(err)
	}
	logs := &logtest.Buffer{}
	return host.Config{
		Choice: catalog.Choice{Provider: "majorplugin", Plugin: catalog.Plugin{
			Name: "majorplugin", Path: path, SHA256: hash, Pin: "the test", Config: secret.NewValue([]byte("{}")),
		}},
		DataFolder: shortFolder(t), Logger: slog.New(slog.NewJSONHandler(logs, nil)), Tracer: tracenoop.NewTracerProvider(), Majors: majors,
	}, logs
}

func openMajor(t *testing.T, path string, majors []facade.Major) (*host.Resolver, *logtest.Buffer) {
	t.Helper()
	config, logs := majorConfig(t, path, majors)
	r, err := host.OpenResolver(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r, logs
}

func TestTwoMajorsOfTheContract(t *testing.T) {
	paths := majorPlugins(t)
	for name, test := range map[string]func(*testing.T, map[string]string){
		"are served side by side":                              servedSideBySide,
		"are served at the same time":                          servedAtTheSameTime,
		"one that the host does not serve is refused for good": refusedForGood,
		"the older is distrusted and lacks what it never had":  distrusted,
	} {
		t.Run(name, func(t *testing.T) { test(t, paths) })
	}
}

func servedSideBySide(t *testing.T, paths map[string]string) {
	cases := []struct {
		name, speaks string
		majors       []facade.Major
		want         string
		warned       bool
	}{
		{"a plugin of the older major works, and its operator is warned", "0", both(), "0", true},
		{"a plugin of the newest major works", "1", both(), "1", false},
		{"a plugin of both speaks the newest", "01", both(), "1", false},
		{"a plugin of both speaks the older one to an older host", "01", []facade.Major{contractv0.Major()}, "0", true},
		{"a plugin of both speaks the newest to a host of that alone", "01", facade.Served(), "1", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, logs := openMajor(t, paths[c.speaks], c.majors)
			s, err := r.Get(t.Context(), refMajor, secret.Current)
			if err != nil || string(s.Value.Reveal()) != c.want {
				t.Fatalf("the secret says %q, %v", s.Value.Reveal(), err)
			}
			if m, err := r.Describe(t.Context(), refMajor); err != nil || m.Ref != refMajor || m.Version != "1" || m.Name != s.Metadata.Name {
				t.Errorf("described as %+v, %v", m, err)
			}
			if info, err := r.Info(t.Context()); err != nil || info.Name != "majorplugin" || (info.Major == contractv0.Number) != (c.want == "0") {
				t.Errorf("info %+v, %v", info, err)
			}
			warned := strings.Contains(logs.String(), `"level":"WARN","msg":"plugin speaks an older major of the contract"`) &&
				strings.Contains(logs.String(), `"served_until":"`+contractv0.Ends+`"`)
			if warned != c.warned {
				t.Errorf("warned: %v; the log is %s", warned, logs)
			}
		})
	}
}

func servedAtTheSameTime(t *testing.T, paths map[string]string) {
	var wg sync.WaitGroup
	for _, speaks := range []string{"0", "1"} {
		r, _ := openMajor(t, paths[speaks], both())
		for range 4 {
			wg.Go(func() {
				for range 50 {
					s, err := r.Get(t.Context(), refMajor, secret.Current)
					if err != nil || string(s.Value.Reveal()) != speaks {
						t.Errorf("the plugin of major %s says %q, %v", speaks, s.Value.Reveal(), err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
}

func refusedForGood(t *testing.T, paths map[string]string) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for name, c := range map[string]struct {
		speaks string
		majors []facade.Major
		says   string
	}{
		"a plugin that is too old": {"0", facade.Served(), "speaks major 0 of the contract and this host 1:"},
		"a plugin that is too new": {"1", []facade.Major{contractv0.Major()}, "speaks major 1 of the contract and this host 0:"},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := openMajor(t, paths[c.speaks], c.majors)
			_, err := r.Get(ctx, refMajor, secret.Current)
			if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
			if st := r.Status().Plugin; st.State != supervise.Quarantined || st.Restarts != 0 {
				t.Errorf("it is %s after %d restarts", st.State, st.Restarts)
			}
		})
	}
}

func distrusted(t *testing.T, paths map[string]string) {
	r, _ := openMajor(t, paths["0"], both())
	_, err := r.Get(t.Context(), "secret://test/other", secret.Current)
	var v *facade.Violation
	if !errors.As(err, &v) || v.Plugin != "majorplugin" || v.Call != "Get" || !strings.Contains(v.Spec, "get-returns-the-ref-that-was-asked") {
		t.Errorf("got %v", err)
	}
	config, _ := majorConfig(t, paths["0"], both())
	a, err := host.OpenAdministrator(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	_, err = a.Set(t.Context(), provider.SetRequest{Ref: refMajor, Value: secret.NewValue([]byte("x"))})
	if fault.Of(err) != fault.Unsupported || !strings.Contains(err.Error(), "major 0 of the contract has no set") {
		t.Errorf("set: %v", err)
	}
	if _, err := a.List(t.Context(), provider.ListRequest{Size: 1}); fault.Of(err) != fault.Unsupported {
		t.Errorf("list: %v", err)
	}
}

// A published major has no end until there is a newer one.
func TestNewestMajorOfTheProductHasNoEnd(t *testing.T) {
	for i, m := range facade.Served() {
		if (m.Ends == "") != (i == 0) || m.Number != contract.Major-i {
			t.Errorf("major %d ends %q", m.Number, m.Ends)
		}
	}
	if len(facade.Served()) > 2 {
		t.Errorf("the product serves %d majors", len(facade.Served()))
	}
}
