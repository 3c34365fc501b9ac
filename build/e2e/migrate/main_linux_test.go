// Package migrate_test moves secrets from one store to the other with the product's
// own binaries, while its engine runs: from this host's store to a vault that is
// played under its real name, through the very plugins of a release. Run it as root.
package migrate_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/demo/cloud"
	"github.com/identitymesh/identitymesh/build/release"
	"github.com/identitymesh/identitymesh/build/workspace"
)

// cloudAddress is where the fake vault serves, for the processes of this test.
const cloudAddress = "127.75.87.1"

// bin is the folder of the programs; missing says why the tests cannot run.
var (
	bin     string
	missing error
)

func TestMain(m *testing.M) {
	// It starts this program anew, where the vault's name leads to the fake.
	if missing = cloud.Enter(cloudAddress); missing != nil {
		os.Exit(m.Run())
	}
	os.Exit(func() int {
		var err error
		if bin, err = os.MkdirTemp("", "im-migrate-bin-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(bin)
		missing = build()
		return m.Run()
	}())
}

func build() error {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	w, err := workspace.Find("")
	if err != nil {
		return err
	}
	return release.Build(ctx, release.Config{Workspace: w, Version: release.Version, Out: bin, Target: release.Host(),
		Binaries: append(release.Binaries(), release.FakeVault())})
}

func need(t *testing.T) {
	t.Helper()
	if missing == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("a migration to a vault cannot be tried: %v", missing)
	}
	t.Skipf("a migration to a vault cannot be tried: %v", missing)
}
