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

func TestReplacedEngineLeavesAlthoughItsSecretStoreNeverAnswered(t *testing.T) {
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
	defer cancel()
	left := make(chan error, 1)
	go func() { left <- serve(ctx, file) }()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		all, err := db.ListInstances(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) == 1 {
			break
		}
		select {
		case err := <-left:
			t.Fatalf("it did not start: %v", err)
		default:
		}
		if time.Now().After(end) {
			t.Fatal("it does not register")
		}
	}
	if err := db.Register(ctx, store.Instance{Role: store.RoleEngine, Name: "one", Incarnation: "another", Started: time.Now()}); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-left:
		if !errors.Is(err, store.ErrReplaced) {
			t.Errorf("got %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it stays, without working")
	}
}
