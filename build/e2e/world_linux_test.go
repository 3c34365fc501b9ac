// Package e2e_test runs the product's own binaries against real servers: the
// engine with the default secret provider, a directory and a database, and it
// kills them.
package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/build/release"
	"github.com/identitymesh/identitymesh/build/workspace"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// bin has the engine, the Admin API and the DPAPI plugin as the release builds them.
var bin string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if bin, err = os.MkdirTemp("", "im-e2e-bin-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(bin)
		w, err := workspace.Find(".")
		if err != nil {
			panic(err)
		}
		var needed []release.Binary
		for _, b := range release.Binaries() {
			if slices.Contains([]string{"identitymesh-engine", "identitymesh-adminapi", "identitymesh-plugin-dpapi"}, b.Name) {
				needed = append(needed, b)
			}
		}
		if err := release.Build(context.Background(), release.Config{Workspace: w, Version: release.Version, Out: bin, Target: release.Host(), Binaries: needed}); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

// world is one installation: a folder with the configuration, the product
// database, and at most one running engine.
type world struct {
	t        *testing.T
	dir      string
	store    *store.Store
	settings *appsettings.Settings
	engine   *exec.Cmd
	canaries []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	// A short path: a socket's name has to fit behind it.
	dir, err := os.MkdirTemp("", "im-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir}
	file := filepath.Join(dir, "appsettings.json")
	body, err := json.Marshal(map[string]any{
		"IdentityMesh": map[string]any{"DataFolder": "data", "PluginFolder": bin},
		"Engine":       map[string]any{"PollInterval": "100ms"},
		"Logging":      map[string]any{"Level": "debug"},
	})
	if err == nil {
		err = os.WriteFile(file, body, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	settings, problems := appsettings.Load(appsettings.Options{File: file})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	w.settings = settings
	if w.store, err = store.Open(t.Context(), store.Config{DB: productdb.Config{DataFolder: settings.Product.DataFolder}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.stopEngine()
		_ = w.store.Close()
		w.searchCanaries()
		_ = os.RemoveAll(dir)
	})
	return w
}

// setSecret writes a secret as the Admin API does, through the plugin's process,
// and from then on expects never to meet its value anywhere.
func (w *world) setSecret(ref secret.Ref, value string) {
	w.t.Helper()
	w.canaries = append(w.canaries, value)
	choice, problems := catalog.Choose(w.settings, catalog.Options{})
	if err := problems.Err(); err != nil {
		w.t.Fatal(err)
	}
	admin, err := host.OpenAdministrator(host.Config{
		Choice: choice, DataFolder: w.settings.Product.DataFolder, Logger: slog.New(slog.DiscardHandler), Tracer: tracenoop.NewTracerProvider(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	defer admin.Close()
	if _, err := admin.Set(w.t.Context(), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte(value))}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) connector(name, kind string, config map[string]any) string {
	w.t.Helper()
	body, err := json.Marshal(config)
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := w.store.CreateConnector(w.t.Context(), store.Connector{Name: name, Type: kind, Config: body, Enabled: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return c.ID
}

// startEngine starts the real binary; its log and its spans go to files that are
// searched for canaries in the end.
func (w *world) startEngine() {
	w.t.Helper()
	cmd := exec.Command(filepath.Join(bin, "identitymesh-engine"), "--config", filepath.Join(w.dir, "appsettings.json"))
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=console", "OTEL_BSP_SCHEDULE_DELAY=100")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stdout, cmd.Stderr = w.appendTo("engine.out"), w.appendTo("engine.log")
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.engine = cmd
}

func (w *world) appendTo(name string) *os.File {
	w.t.Helper()
	f, err := os.OpenFile(filepath.Join(w.dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = f.Close() })
	return f
}

func (w *world) stopEngine() {
	if w.engine == nil {
		return
	}
	_ = w.engine.Process.Signal(syscall.SIGTERM)
	begin := time.Now()
	if err := w.engine.Wait(); err != nil {
		w.t.Errorf("the engine stopped with %v\n%s", err, w.tail())
	}
	if took := time.Since(begin); took > 10*time.Second {
		w.t.Errorf("the engine took %v to stop", took)
	}
	w.engine = nil
}

// killEngine kills it as a power cut would, and checks that nothing of it is left.
func (w *world) killEngine() {
	w.t.Helper()
	plugins := children(w.engine.Process.Pid)
	if len(plugins) == 0 {
		w.t.Error("the engine has no plugin process")
	}
	_ = w.engine.Process.Kill()
	_ = w.engine.Wait()
	w.engine = nil
	for _, pid := range plugins {
		w.eventually("plugin "+pid+" leaves with its host", 5*time.Second, func() bool { return !alive(pid) })
	}
}

func (w *world) tail() string {
	body, _ := os.ReadFile(filepath.Join(w.dir, "engine.log"))
	return string(body[max(0, len(body)-3000):])
}

func (w *world) enqueue(connector string, kind store.Kind) string {
	w.t.Helper()
	r, _, err := w.store.Enqueue(w.t.Context(), store.NewRun{ConnectorID: connector, Kind: kind, Trigger: store.Manual, RequestedBy: "test"})
	if err != nil {
		w.t.Fatal(err)
	}
	return r.ID
}

// run queues a run and waits for its end.
func (w *world) run(connector string, kind store.Kind) store.Run {
	w.t.Helper()
	return w.wait(w.enqueue(connector, kind))
}

func (w *world) wait(id string) (r store.Run) {
	w.t.Helper()
	w.eventually("run "+id+" ends", 60*time.Second, func() bool {
		r = w.get(id)
		return r.Status != store.Queued && r.Status != store.Running
	})
	return r
}

func (w *world) get(id string) store.Run {
	w.t.Helper()
	r, err := w.store.Run(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) watermark(connector string) string {
	w.t.Helper()
	s, err := w.store.State(w.t.Context(), connector)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(s.Watermark)
}

func (w *world) expectCounts(what string, r store.Run, added, updated, absent int64) {
	w.t.Helper()
	if r.Status != store.Succeeded || r.Counts.Added != added || r.Counts.Updated != updated || r.Counts.Absent != absent {
		w.t.Fatalf("%s: %s %s %q, counts %+v, want added %d, updated %d, absent %d\n%s",
			what, r.Status, r.Reason, r.Error, r.Counts, added, updated, absent, w.tail())
	}
}

func (w *world) expectFailure(what string, r store.Run, reason string, words ...string) {
	w.t.Helper()
	if r.Status != store.Failed || r.Reason != reason {
		w.t.Fatalf("%s: %s %s %q, want a failure for %s", what, r.Status, r.Reason, r.Error, reason)
	}
	for _, word := range words {
		if !strings.Contains(r.Error, word) {
			w.t.Errorf("%s: the error lacks %q: %s", what, word, r.Error)
		}
	}
}

// expectPeople checks that exactly n objects are present and none is doubled.
func (w *world) expectPeople(connector string, n int64) {
	w.t.Helper()
	present, err := w.store.CountObjects(w.t.Context(), connector, true)
	if err != nil || present != n {
		w.t.Fatalf("%d objects are present, want %d (%v)", present, n, err)
	}
	all, err := w.store.CountObjects(w.t.Context(), connector, false)
	if err != nil || all != n {
		w.t.Fatalf("%d objects in all, want %d (%v)", all, n, err)
	}
}

func (w *world) eventually(what string, limit time.Duration, is func() bool) {
	w.t.Helper()
	for end := time.Now().Add(limit); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("not within %s: %s\n%s", limit, what, w.tail())
		}
	}
}

// searchCanaries looks for every secret value in everything the installation
// wrote: logs, spans, database, key file.
func (w *world) searchCanaries() {
	files := 0
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for _, c := range w.canaries {
			if strings.Contains(string(body), c) {
				w.t.Errorf("the value of a secret is in %s", path)
			}
		}
		return nil
	})
	if err != nil || files < 5 {
		w.t.Errorf("searched %d files, %v", files, err)
	}
	if spans, _ := os.ReadFile(filepath.Join(w.dir, "engine.out")); !strings.Contains(string(spans), `"Name"`) {
		w.t.Error("no span was written, so the search proves nothing about them")
	}
}

// children returns the pids of the processes that pid started.
func children(pid int) []string {
	var out []string
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range tasks {
		body, _ := os.ReadFile(file)
		out = append(out, strings.Fields(string(body))...)
	}
	return out
}

// alive reports whether pid runs; one that only waits to be collected does not.
func alive(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}
