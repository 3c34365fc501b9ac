package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/buildinfo"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/programtest"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/command"
)

// canary is in every value that the tests store.
const canary = "canary-c0de-value"

const (
	version = "0.1.0"
	// killKey makes the test's binary a migration that kills itself when its clock is
	// read for that time.
	killKey = "IDENTITYMESH_TEST_KILL_AT"
)

// built has the plugin.
var built *programtest.Folder

func TestMain(m *testing.M) {
	if at := os.Getenv(killKey); at != "" {
		os.Exit(dying(at))
	}
	built = programtest.Build(version, programtest.Program{Dir: "../../../plugins/dpapi", Package: "./cmd/identitymesh-plugin-dpapi", Plugin: "dpapi"})
	os.Exit(built.Run(m))
}

// dying runs a migration until its clock was read that often.
func dying(at string) int {
	var limit, reads int64
	_, _ = fmt.Sscan(at, &limit)
	return command.Run(context.Background(), os.Args, command.Config{
		Build: buildinfo.Info{Version: version}, Environ: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Now: func() time.Time {
			if atomic.AddInt64(&reads, 1) == limit {
				self, _ := os.FindProcess(os.Getpid())
				_ = self.Kill()
				select {}
			}
			return time.Now()
		},
	})
}

// world is a host with the product, and a second store of it elsewhere.
type world struct {
	*testing.T
	// folder has appsettings.json and the ledger, other the configuration of the target.
	folder, other string
	env           []string
	// said is everything that any run printed.
	said bytes.Buffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	built.Need(t)
	w := &world{T: t, env: programtest.Environ()}
	for _, folder := range []*string{&w.folder, &w.other} {
		*folder = programtest.TempDir(t)
		text, err := json.Marshal(map[string]any{"IdentityMesh": map[string]any{"DataFolder": "data", "PluginFolder": built.Path}})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(settings(*folder), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func settings(folder string) string { return filepath.Join(folder, "appsettings.json") }

// ended is how a command ended.
type ended struct {
	code        int
	out, errors string
}

// migrate runs the program in this process.
func (w *world) migrate(args ...string) ended {
	w.Helper()
	var out, errs bytes.Buffer
	code := command.Run(w.Context(), append([]string{"identitymesh-migrate", "--config", settings(w.folder)}, args...), command.Config{
		Build: buildinfo.Info{Version: version}, Environ: w.env, Now: time.Now, Stdin: os.Stdin, Stdout: &out, Stderr: &errs,
	})
	w.said.Write(out.Bytes())
	w.said.Write(errs.Bytes())
	return ended{code, out.String(), errs.String()}
}

// must runs the program, which has to end with code and to say all of wants.
func (w *world) must(code int, args []string, wants ...string) ended {
	w.Helper()
	e := w.migrate(args...)
	if e.code != code {
		w.Fatalf("migrate %v: code %d, want %d\n%s%s", args, e.code, code, e.out, e.errors)
	}
	for _, want := range wants {
		if !strings.Contains(e.out+e.errors, want) {
			w.Errorf("migrate %v does not say %q:\n%s%s", args, want, e.out, e.errors)
		}
	}
	return e
}

// planned makes the plan from the world's store to the other.
func (w *world) planned(code int, wants ...string) {
	w.Helper()
	w.must(code, []string{"plan", "--to-config", settings(w.other)}, wants...)
}

// carrier opens one of the stores.
func (w *world) carrier(folder string) *host.Carrier {
	w.Helper()
	s, problems := appsettings.Load(appsettings.Options{File: settings(folder), Environ: w.env})
	choice, more := catalog.Choose(s, catalog.Options{Environ: w.env})
	if err := append(problems, more...).Err(); err != nil {
		w.Fatal(err)
	}
	c, err := host.OpenCarrier(host.Config{Choice: choice, DataFolder: s.Product.DataFolder, Environ: w.env,
		Logger: slog.New(slog.DiscardHandler), Tracer: tracenoop.NewTracerProvider()})
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// set sets secrets in a store, each to a value that holds the canary.
func (w *world) set(folder string, values map[secret.Ref]string) {
	w.Helper()
	c := w.carrier(folder)
	defer c.Close()
	for ref, v := range values {
		if _, err := c.Set(w.Context(), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte(canary + v))}); err != nil {
			w.Fatal(err)
		}
	}
}

// has compares the values of a store.
func (w *world) has(folder string, values map[secret.Ref]string) {
	w.Helper()
	c := w.carrier(folder)
	defer c.Close()
	for ref, v := range values {
		got, err := c.Get(w.Context(), ref, secret.Current)
		if err != nil || string(got.Value.Reveal()) != canary+v {
			w.Errorf("%s in %s: %v, or another value", ref, folder, err)
		}
	}
}

// clean looks for values in everything that was printed or written.
func (w *world) clean() {
	w.Helper()
	if strings.Contains(w.said.String(), "canary-") {
		w.Error("a value was printed")
	}
	for _, folder := range []string{w.folder, w.other} {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			if strings.Contains(string(text), "canary-") {
				w.Errorf("a value is in %s", path)
			}
			return err
		})
		if err != nil {
			w.Error(err)
		}
	}
}

func some(n int) map[secret.Ref]string {
	values := map[secret.Ref]string{}
	for i := range n {
		values[secret.Ref(fmt.Sprintf("secret://t/%02d", i))] = fmt.Sprint("-", i)
	}
	return values
}
