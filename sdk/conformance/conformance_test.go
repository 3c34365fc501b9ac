package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/conformance"
	"github.com/identitymesh/identitymesh/sdk/plugintest"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/sdk/template/filestore"
)

const template = "github.com/identitymesh/identitymesh/sdk/template"

func folder(path string) []byte { return fmt.Appendf(nil, `{"Folder":%q}`, path) }

// secretsIn counts the versions that a store of files has left. What a write that
// was killed leaves behind is no version.
func secretsIn(t *testing.T, path string) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(path, "im-*", "[0-9]*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

func TestRunRemovesAllThatItWrote(t *testing.T) {
	store := t.TempDir()
	report := conformance.Test(t, conformance.Config{Binary: conformance.Build(t, template), Config: folder(store)})
	if n := secretsIn(t, store); n > 0 || len(report.Leftovers) > 0 {
		t.Errorf("%d versions are left, and told: %q", n, report.Leftovers)
	}
}

func TestRunThatIsBrokenOffRemovesAllThatItWrote(t *testing.T) {
	store := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var heard atomic.Int32
	report, err := conformance.Run(ctx, conformance.Config{Binary: conformance.Build(t, template), Config: folder(store)}, func(conformance.Result) {
		if heard.Add(1) == 12 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if n := secretsIn(t, store); n > 0 || len(report.Leftovers) > 0 {
		t.Errorf("%d versions are left, and told: %q", n, report.Leftovers)
	}
	if len(report.Results) != len(conformance.Cases()) || report.Level() != conformance.None {
		t.Errorf("%d results, level %s", len(report.Results), report.Level())
	}
}

func TestPluginThatOnlyReads(t *testing.T) {
	store, binary := t.TempDir(), conformance.Build(t, "./internal/reader")
	const ref = "secret://seed"
	client := plugintest.Open(t, filestore.Definition("writer", "1.0.0"), map[string]string{"Folder": store})
	if _, err := client.Set(t.Context(), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte("Seed-71c2-of-a-store"))}); err != nil {
		t.Fatal(err)
	}
	run := func(t *testing.T, seeds ...conformance.Seed) conformance.Report {
		report, err := conformance.Run(t.Context(), conformance.Config{Binary: binary, Config: folder(store), Seeds: seeds}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range report.Results {
			if r.Verdict == conformance.Fail && len(seeds) < 2 {
				t.Errorf("%s: %s", r.Case, r.Why)
			}
		}
		return report
	}
	seed := conformance.Seed{Ref: ref, Value: []byte("Seed-71c2-of-a-store")}
	t.Run("reaches the core with a secret that is there", func(t *testing.T) {
		if l := run(t, seed).Level(); l != conformance.Core {
			t.Errorf("the level is %s", l)
		}
	})
	t.Run("reaches nothing without one", func(t *testing.T) {
		if l := run(t).Level(); l != conformance.None {
			t.Errorf("the level is %s", l)
		}
	})
	t.Run("fails with a secret that is another", func(t *testing.T) {
		report := run(t, seed, conformance.Seed{Ref: ref, Value: []byte("Seed-0000-of-a-store")})
		for _, r := range report.Results {
			if r.Verdict == conformance.Fail && (r.Case != "get-returns-the-bytes-that-were-set" || strings.Contains(r.Why, "Seed-")) {
				t.Errorf("%s: %s", r.Case, r.Why)
			}
		}
		if report.Count(conformance.Fail) != 1 || report.Level() != conformance.None {
			t.Errorf("%d failed, level %s", report.Count(conformance.Fail), report.Level())
		}
	})
}

func TestProgramThatIsNoPluginFailsToStartAndNothingElse(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	report, err := conformance.Run(t.Context(), conformance.Config{
		Binary: binary, Config: folder(t.TempDir()), Environment: []string{noPlugin + "=1"},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Results {
		if first := r.Case == "handshake-line-is-the-first-line-of-stdout"; first != (r.Verdict == conformance.Fail) || !first && !r.Unmet {
			t.Errorf("%s: %s, %s", r.Case, r.Verdict, r.Why)
		}
	}
	if report.Level() != conformance.None {
		t.Errorf("the level is %s", report.Level())
	}
}

// noPlugin is the variable that makes this test binary a program that says
// something and leaves.
const noPlugin = "IDENTITYMESH_TEST_NO_PLUGIN"

func TestMain(m *testing.M) {
	if os.Getenv(noPlugin) != "" {
		fmt.Println("Hello, world")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestFileThatIsNotThereIsAnErrorOfTheRun(t *testing.T) {
	_, err := conformance.Run(t.Context(), conformance.Config{Binary: filepath.Join(t.TempDir(), "none"), Config: folder("/")}, nil)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
