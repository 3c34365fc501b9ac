package host_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
)

func TestFileThatIsSwappedWhileItRunsDoesNotRun(t *testing.T) {
	t.Parallel()
	s := newShow(t, "good")
	plugin := &s.config.Choice.Plugin
	installed := filepath.Join(t.TempDir(), "persona-good"+executable)
	copyFile(t, plugin.Path, installed)
	plugin.Path = installed
	playOpened(t, s, []string{killed, "has SHA-256"}, host.OpenResolver, func(t *testing.T, s *show, r *host.Resolver) {
		pid := ask(t, r)
		copyFile(t, noPlugin, installed+".new")
		if runtime.GOOS == "windows" { // a file that runs can be moved there, and not replaced
			if err := os.Rename(installed, installed+".old"); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Rename(installed+".new", installed); err != nil {
			t.Fatal(err)
		}
		if ask(t, r) != pid {
			t.Error("the running process was replaced")
		}
		kill(t, pid)
		until(t, r, 20*time.Second, supervise.Quarantined)
		unavailable(t, r, 300*time.Millisecond, plugin.SHA256)
	})
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	body, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, body, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}
