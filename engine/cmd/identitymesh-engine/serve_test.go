package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/service"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// A main exports nothing, so these tests are inside.

func TestNamesThatDifferInCaseAreOneInstance(t *testing.T) {
	folder := t.TempDir()
	unlock, err := alone(folder, "One")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := alone(folder, "one"); err == nil {
		t.Error("a second engine of the name may start")
	}
	unlock()
	unlock, err = alone(folder, "one")
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

// started is an engine that has registered as "one", without any secret store.
type started struct {
	db   *store.Store
	data string
	file string // its appsettings.json
	stop context.CancelFunc
	left chan error
}

func start(t *testing.T) started {
	t.Helper()
	folder, err := os.MkdirTemp("", "im-") // short, because it holds sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	data := filepath.Join(folder, "data")
	// Without a lock file in the plugin folder no provider ever starts.
	settings := fmt.Sprintf(`{"IdentityMesh": {"DataFolder": %q, "PluginFolder": %q, "InstanceName": "one"}, "Engine": {"HeartbeatInterval": "00:00:00.2"}}`, data, folder)
	file := filepath.Join(folder, "appsettings.json")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Config{DB: productdb.Config{DataFolder: data}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	s := started{db: db, data: data, file: file, stop: cancel, left: make(chan error, 1)}
	session := service.Session{ConfigFile: file, Ready: func() {}}
	go func() { s.left <- serve(ctx, session) }()
	for end := time.Now().Add(20 * time.Second); len(s.instances(t)) == 0; time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-s.left:
			t.Fatalf("it did not start: %v", err)
		default:
		}
		if time.Now().After(end) {
			t.Fatal("it does not register")
		}
	}
	return s
}

func (s started) instances(t *testing.T) []store.Instance {
	t.Helper()
	all, err := s.db.ListInstances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// end waits until the engine has left.
func (s started) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-s.left:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("it stays, without working")
		return nil
	}
}

func TestReplacedEngineLeavesAlthoughItsSecretStoreNeverAnswered(t *testing.T) {
	s := start(t)
	other := store.Instance{Role: store.RoleEngine, Name: "one", Incarnation: "another", Started: time.Now()}
	if err := s.db.Register(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if err := s.end(t); !errors.Is(err, store.ErrReplaced) {
		t.Errorf("got %v", err)
	}
	if all := s.instances(t); len(all) != 1 || all[0].Incarnation != "another" {
		t.Errorf("listed are %+v", all)
	}
}

func TestEngineThatStopsInOrderIsListedNoLonger(t *testing.T) {
	s := start(t)
	s.stop()
	if err := s.end(t); err != nil {
		t.Error(err)
	}
	if all := s.instances(t); len(all) != 0 {
		t.Errorf("listed are %+v", all)
	}
}

// reloaded waits until a reload has ended in a certain way.
func (s started) reloaded(t *testing.T, want func(store.Instance) bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		all := s.instances(t)
		if len(all) == 1 && !all[0].Reload.Pending && !all[0].Reload.At.IsZero() && want(all[0]) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("listed are %+v", all)
		}
	}
}

// fileProvider configures the engine for a provider that works.
func (s started) fileProvider(t *testing.T, name string) {
	t.Helper()
	plugin := filepath.Join(t.TempDir(), "template")
	if runtime.GOOS == "windows" {
		plugin += ".exe"
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", plugin, "github.com/identitymesh/identitymesh/sdk/template").CombinedOutput(); err != nil {
		t.Fatalf("build the plugin: %v\n%s", err, out)
	}
	hash, err := launch.Hash(plugin)
	if err != nil {
		t.Fatal(err)
	}
	settings := fmt.Sprintf(`{"IdentityMesh": {"DataFolder": %q, "InstanceName": "one"}, "Secrets": {"Provider": %q,
		"Plugins": {%q: {"Path": %q, "Sha256": %q, "Config": {"Folder": %q}}}}}`, s.data, name, name, plugin, hash, filepath.Join(s.data, "secrets"))
	if err := os.WriteFile(s.file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOperatorsReloadTheSecretProviderOfARunningEngine(t *testing.T) {
	s := start(t)
	if err := s.db.RequestReload(t.Context(), "anna", store.RoleEngine); err != nil {
		t.Fatal(err)
	}
	s.reloaded(t, func(i store.Instance) bool {
		return i.Provider == "DPAPI" && strings.Contains(i.Reload.Problem, "plugins.lock.json does not exist")
	})
	s.fileProvider(t, "files")
	hangUp(t, s.db)
	s.reloaded(t, func(i store.Instance) bool { return i.Reload.Problem == "" })
	s.reloaded(t, func(i store.Instance) bool { return i.Provider == "files" && i.ProviderVersion != "" })

	if err := os.WriteFile(s.file, []byte(`{"Secrets": {"Provider": "DPAPI"}, "Engine": {"PollInterval": "soon"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	hangUp(t, s.db)
	s.reloaded(t, func(i store.Instance) bool { return strings.Contains(i.Reload.Problem, "Engine:PollInterval") })
	if i := s.instances(t)[0]; i.Provider != "files" {
		t.Errorf("a configuration that cannot be used made it change: %+v", i)
	}
	s.stop()
	if err := s.end(t); err != nil {
		t.Error(err)
	}
}

// hangUp asks for a reload as the system's own tools do.
func hangUp(t *testing.T, db *store.Store) {
	t.Helper()
	if runtime.GOOS == "windows" { // where only the Admin API can
		if err := db.RequestReload(t.Context(), "anna", store.RoleEngine); err != nil {
			t.Fatal(err)
		}
		return
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(syscall.SIGHUP)
	}
	if err != nil {
		t.Fatal(err)
	}
}
