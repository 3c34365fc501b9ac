//go:build linux

package main_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/release"
	"github.com/identitymesh/identitymesh/build/workspace"
)

// bin is the folder of the programs and the demo, and unbuilt says why it could
// not be made.
var (
	bin     string
	unbuilt error
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "identitymesh-demo-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bin, unbuilt = dir, build(dir)
	code := m.Run()
	_ = os.RemoveAll(dir) // what is left is in the system's folder for such things
	os.Exit(code)
}

func build(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	w, err := workspace.Find("")
	if err != nil {
		return err
	}
	return release.Build(ctx, release.Config{Workspace: w, Version: release.Version, Out: dir, Target: release.Host(),
		Binaries: append(release.Binaries(), release.FakeVault(), release.Binary{Name: "demo", Module: "build", Package: "cmd/demo"})})
}

func needPrograms(t *testing.T) {
	t.Helper()
	if unbuilt == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("the programs cannot be built: %v", unbuilt)
	}
	t.Skipf("the programs cannot be built: %v", unbuilt)
}
