package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
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
	s := started{db: db, stop: cancel, left: make(chan error, 1)}
	go func() { s.left <- serve(ctx, file) }()
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
