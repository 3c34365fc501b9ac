package main

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
)

// In the package itself, because the command has nothing to export.

func TestRunWritesWhatAClientNeedsAndLeavesWhenToldTo(t *testing.T) {
	dir := t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() { left <- run(ctx, "127.0.0.1:0", "127.0.0.1:0", fakevault.DefaultHost, dir, 0) }()
	var access map[string]string
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(dir, "access.json"))
		if err == nil && json.Unmarshal(text, &access) == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("no access.json: %v", err)
		}
	}
	for _, key := range []string{"address", "identityEndpoint", "identityHeader", "tenant", "clientId", "clientSecret", "managedClientId"} {
		if access[key] == "" {
			t.Errorf("access.json has no %s", key)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "access.json"))
	if err != nil || (runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0) {
		t.Errorf("others may read access.json, or it is gone: %v", err)
	}
	if ca, err := os.ReadFile(filepath.Join(dir, "ca.pem")); err != nil || !strings.Contains(string(ca), "BEGIN CERTIFICATE") {
		t.Errorf("ca.pem: %v", err)
	}
	conn, err := net.DialTimeout("tcp", access["address"], 5*time.Second)
	if err != nil {
		t.Fatalf("nothing listens: %v", err)
	}
	_ = conn.Close()
	stop()
	select {
	case err := <-left:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it does not leave")
	}
}

func TestRunWithoutAFolderSaysWhatIsMissing(t *testing.T) {
	if err := run(t.Context(), "", "", "", "", 0); err == nil || !strings.Contains(err.Error(), "-dir") {
		t.Errorf("got %v", err)
	}
}
